"""spaCy's NER (for plain tags its tagger) on a corpus of columns, as `spacy init config` proposes it for a CPU.

    python benchmarks/spacy_ner.py train DATA/btc runs/spacy-btc
    python benchmarks/spacy_ner.py serve runs/spacy-btc TEXTS.json

`train` keeps the best model on dev and prints its scores, counted as all others here are; `serve` is a contestant of
`benchmarks/runtime.py`.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from math import inf
from pathlib import Path
from typing import Any

import spacy
from spacy.tokens import Doc, DocBin

from nlparch.data.conll import Sentence, read_file
from nlparch.data.corpora import load_corpus
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


def train(corpus: Path, folder: Path, *, max_seconds: float = inf, n_examples: int = 0) -> dict[str, Any]:
    """Trains on train.txt, or on the part of it that a student keeps, with the best model on dev.txt; scores of dev and
    test.

    After `max_seconds` of processor time training is interrupted as by a user, which keeps the best model so far; this
    is told.
    """
    splits = {split: list(read_file(corpus / f"{split}.txt")) for split in ("dev", "test")}
    kept = load_corpus(corpus, train_examples=n_examples).splits["train"]
    splits["train"] = [Sentence(words, tags, 0) for words, tags in zip(kept["words"], kept["tags"], strict=True)]
    plain = not any(tag.startswith("B-") for sentence in splits["train"] for tag in sentence.tags or ())
    component = "tagger" if plain else "ner"
    began, stopped = time.monotonic(), False
    with tempfile.TemporaryDirectory() as scratch:
        for split in ("train", "dev"):
            _write_docs(splits[split], Path(scratch) / f"{split}.spacy", plain=plain)
        config = f"{scratch}/config.cfg"
        _spacy("init", "config", config, "--lang", "en", "--pipeline", component, "--optimize", "efficiency")
        paths = ["--paths.train", f"{scratch}/train.spacy", "--paths.dev", f"{scratch}/dev.spacy"]
        stopped = _spacy("train", config, "--output", str(folder), *paths, max_seconds=max_seconds)
    scores: dict[str, Any] = {"train_seconds": time.monotonic() - began, "interrupted": stopped}
    model = Spacy(str(folder))
    scores["n_parameters"] = model.n_parameters
    for split in ("dev", "test"):
        predicted = model.answer([sentence.words for sentence in splits[split]], plain=plain)
        gold = [sentence.tags or [] for sentence in splits[split]]
        scores[split] = score_tags(gold, predicted, scheme="plain" if plain else "IOB2")
    return scores


def _spacy(*args: str, max_seconds: float = inf) -> bool:
    """Runs a command of spaCy, whose output goes to standard error; returns whether it had to be interrupted."""
    command = [sys.executable, "-m", "spacy", *args]
    interrupted = False
    # A shell has what it runs in the background ignore SIGINT, and that is inherited.
    with subprocess.Popen(
        command, stdout=sys.stderr, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler)
    ) as process:
        while process.poll() is None:
            if not interrupted and processor_seconds(process.pid) > max_seconds:
                process.send_signal(signal.SIGINT)
                interrupted = True
            time.sleep(1)
    if process.returncode and not interrupted:
        raise subprocess.CalledProcessError(process.returncode, command)
    return interrupted


def processor_seconds(process: int) -> float:
    """What a process has used so far, on Linux; nothing is known of one that has ended."""
    try:
        user, system = Path(f"/proc/{process}/stat").read_text().rsplit(") ", 1)[1].split()[11:13]
    except OSError:
        return 0.0
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def _write_docs(sentences: Sequence[Sentence], target: Path, *, plain: bool) -> None:
    """Writes sentences as spaCy reads them."""
    vocab = spacy.blank("en").vocab
    column = "tags" if plain else "ents"
    docs = (Doc(vocab, words=list(sentence.words), **{column: sentence.tags}) for sentence in sentences)
    DocBin(docs=docs).to_disk(target)


class Spacy:
    """A trained pipeline of spaCy."""

    def __init__(self, folder: str) -> None:
        self._nlp = spacy.load(Path(folder) / "model-best")

    def read(self, texts: Sequence[str]) -> int:
        """Raw text in, entities out; returns the number of spaCy's words."""
        return sum(len(doc) for doc in self._nlp.pipe(texts, batch_size=_BATCH_SIZE))

    @property
    def n_parameters(self) -> int:
        """Of all networks of the pipeline, each counted once."""
        models = [pipe.model for _, pipe in self._nlp.pipeline if hasattr(pipe, "model")]
        nodes = {id(node): node for model in models for node in model.walk()}.values()
        return int(
            sum(node.get_param(name).size for node in nodes for name in node.param_names if node.has_param(name))
        )

    def answer(self, sentences: Sequence[Sequence[str]], *, plain: bool = False) -> list[list[str]]:
        """The tags of sentences of words, which are not split anew: spans in IOB2, or plain tags."""
        docs = (Doc(self._nlp.vocab, words=list(words)) for words in sentences)
        return [
            [word.tag_ if plain else f"{word.ent_iob_}-{word.ent_type_}" if word.ent_type_ else "O" for word in doc]
            for doc in self._nlp.pipe(docs, batch_size=_BATCH_SIZE)
        ]


if __name__ == "__main__":
    main()
