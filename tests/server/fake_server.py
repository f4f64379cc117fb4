"""``nlp-serve`` over a model that takes no time to make: python fake_server.py FOLDER [OPTIONS]

A folder holds `fake.json`: the model's hash, the label it gives to capitalised words, the seconds that a batch takes,
and a word on which it fails.
"""

import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nlparch.data.predictions import TagPrediction, build_prediction
from nlparch.data.words import SplitText, make_splitter, split_text
from nlparch.errors import UserError


class FakeTagger:
    """Tags capitalised words, and remembers the batches that it is given."""

    task = "tagging"
    precision = "fp32"
    splitter = "spaces"

    def __init__(self, *, hash: str = "one", label: str = "PER", seconds: float = 0.0, fails_on: str = "") -> None:
        self.model_hash = hash
        self.labels = (f"B-{label}", "O")
        self.seconds = seconds
        self.fails_on = fails_on
        self.batches: list[list[str]] = []

    def split(self, item: str | Sequence[str]) -> SplitText:
        return split_text(item, make_splitter(self.splitter))

    def infer(self, texts: Sequence[SplitText]) -> list[list[str]]:
        self.batches.append([text.text for text in texts])
        time.sleep(self.seconds)
        if any(self.fails_on in text.words for text in texts):
            raise RuntimeError("a word that it fails on")
        return [[self.labels[not word[:1].isupper()] for word in text.words] for text in texts]

    def build(self, texts: Sequence[SplitText], tagged: Sequence[list[str]]) -> list[TagPrediction]:
        return [
            build_prediction(text.text, text.offsets, tags, [1 / len(word) for word in text.words])
            for text, tags in zip(texts, tagged, strict=True)
        ]

    def predict(self, inputs: Sequence[Any]) -> list[TagPrediction]:
        texts = [self.split(item) for item in inputs]
        return self.build(texts, self.infer(texts))


def load_fake(folder: str | Path, *, n_threads: int = 1) -> FakeTagger:
    """Stands in for `nlparch.runtime.load_model`."""
    try:
        model = FakeTagger(**json.loads((Path(folder) / "fake.json").read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise UserError(f"{folder}: no model: {error}") from error
    model.n_threads = n_threads
    return model


if __name__ == "__main__":
    import nlparch.server.models
    from nlparch.cli import serve

    nlparch.server.models.load_model = load_fake
    sys.exit(serve())
