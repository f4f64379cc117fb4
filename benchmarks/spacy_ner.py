"""spaCy's NER on a corpus of columns, with the settings that `spacy init config` proposes for a CPU.

    python benchmarks/spacy_ner.py train DATA/btc runs/spacy-btc
    python benchmarks/spacy_ner.py serve runs/spacy-btc TEXTS.json

`train` keeps the best model on dev and prints its scores, counted as all others here are; `serve` is a contestant of
`benchmarks/runtime.py`.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import spacy
from spacy.tokens import Doc, DocBin

from nlparch.data.conll import read_file
from nlparch.metrics import score_tags
from nlparch.procedures.contestant import serve

_BATCH_SIZE = 32


def main() -> None:
    """Trains, or is a contestant."""
    task, folder, other = sys.argv[1:]
    if task == "train":
        print(json.dumps(train(Path(folder), Path(other))))
    else:
        serve(lambda: Spacy(folder), other)


def train(corpus: Path, folder: Path) -> dict[str, object]:
    """Trains on train.txt with the best model on dev.txt; returns the scores of dev and test."""
    with tempfile.TemporaryDirectory() as scratch:
        for split in ("train", "dev"):
            _write_docs(corpus / f"{split}.txt", Path(scratch) / f"{split}.spacy")
        config = f"{scratch}/config.cfg"
        _spacy("init", "config", config, "--lang", "en", "--pipeline", "ner", "--optimize", "efficiency")
        paths = ["--paths.train", f"{scratch}/train.spacy", "--paths.dev", f"{scratch}/dev.spacy"]
        _spacy("train", config, "--output", str(folder), *paths)
    model = Spacy(str(folder))
    scores = {}
    for split in ("dev", "test"):
        sentences = list(read_file(corpus / f"{split}.txt"))
        predicted = model.answer([sentence.words for sentence in sentences])
        scores[split] = score_tags([sentence.tags or [] for sentence in sentences], predicted, scheme="IOB2")
    return scores


def _spacy(*args: str) -> None:
    """Runs a command of spaCy; what it says goes to standard error."""
    subprocess.run([sys.executable, "-m", "spacy", *args], check=True, stdout=sys.stderr)


def _write_docs(source: Path, target: Path) -> None:
    """Writes a file of columns as spaCy reads it."""
    vocab = spacy.blank("en").vocab
    docs = (Doc(vocab, words=list(sentence.words), ents=sentence.tags) for sentence in read_file(source))
    DocBin(docs=docs).to_disk(target)


class Spacy:
    """A trained pipeline of spaCy."""

    def __init__(self, folder: str) -> None:
        self._nlp = spacy.load(Path(folder) / "model-best")

    def read(self, texts: Sequence[str]) -> int:
        """Raw text in, entities out; returns the number of spaCy's words."""
        return sum(len(doc) for doc in self._nlp.pipe(texts, batch_size=_BATCH_SIZE))

    def answer(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        """The tags of sentences of words, which are not split anew."""
        docs = (Doc(self._nlp.vocab, words=list(words)) for words in sentences)
        return [
            [f"{word.ent_iob_}-{word.ent_type_}" if word.ent_type_ else "O" for word in doc]
            for doc in self._nlp.pipe(docs, batch_size=_BATCH_SIZE)
        ]


if __name__ == "__main__":
    main()
