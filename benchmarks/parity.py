"""Whether an exported tagger says what the trained one says, on the text of every corpus.

    python benchmarks/parity.py --data DATA/tagging --models runs/student

For each model and corpus: words whose tag differs between torch and the runtime in fp32, read in batches of 32 and one
by one (there should be none), between fp32 and int8, and between batches of 1 and of 32 in int8.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import tyro
from cells import provenance

from nlparch.data.conll import read_file
from nlparch.export.choice import load_form
from nlparch.export.folder import export_model
from nlparch.models.loading import load_word_tagger
from nlparch.runtime import RuntimeTagger

RESULTS = Path(__file__).parent / "results" / "parity.jsonl"

Tags = Sequence[Sequence[str]]


@dataclass(kw_only=True)
class Options:
    """Compares, and adds a line a model and corpus to the results."""

    data: Path
    """Folder with a folder a corpus."""
    models: tuple[str, ...]
    """Folders of trained taggers."""
    sentences: int = 1500
    """Sentences of dev, and as many of test, that are read of each corpus."""


def main(options: Options) -> None:
    """Compares all models on all corpora."""
    for folder in options.models:
        model = load_word_tagger(folder)
        export = export_model(model)
        exported, quantized = load_form(export), load_form(export.to_int8())
        for corpus in sorted(path for path in options.data.iterdir() if path.is_dir()):
            words = [
                sentence.words
                for split in ("dev", "test")
                for sentence in list(read_file(corpus / f"{split}.txt"))[: options.sentences]
            ]
            own = [tags for tags, _ in model.tag_words(words)]
            together, alone = tag(exported, words, 32), tag(exported, words, 1)
            small, small_alone = tag(quantized, words, 32), tag(quantized, words, 1)
            n_words = sum(map(len, words))
            line = {
                "model": Path(folder).resolve().name,
                "corpus": corpus.name,
                "words": n_words,
                "fp32_differs": differing(own, together),
                "fp32_differs_alone": differing(own, alone),
                "int8_differs": differing(together, small) / n_words,
                "int8_differs_by_batch": differing(small, small_alone) / n_words,
                **provenance(),
            }
            print({name: line[name] for name in list(line)[:7]}, flush=True)
            with RESULTS.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")


def tag(model: RuntimeTagger, words: Sequence[Sequence[str]], batch_size: int) -> Tags:
    """The tags that an exported model gives."""
    return [prediction.tags for prediction in model.predict(words, batch_size=batch_size)]


def differing(one: Tags, other: Tags) -> int:
    """Words whose tags differ."""
    return sum(a != b for tags, others in zip(one, other, strict=True) for a, b in zip(tags, others, strict=True))


if __name__ == "__main__":
    main(tyro.cli(Options, use_underscores=True))
