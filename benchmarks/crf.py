"""The peer without neurons: a linear-chain CRF with hand-made features (python-crfsuite)."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import pycrfsuite

from nlparch.data.conll import Sentence, read_file
from nlparch.data.corpora import load_corpus
from nlparch.data.features import SHAPES, shape_id
from nlparch.metrics import score_tags

_TRAINING = {"c1": 0.1, "c2": 0.01, "max_iterations": 100, "feature.possible_transitions": True}


def train_and_score(folder: Path, model_file: Path, *, n_examples: int = 0) -> dict[str, dict[str, object]]:
    """Trains on `train.txt` of the folder, or on the part of it that a student keeps; scores of dev and test."""
    trainer = pycrfsuite.Trainer(verbose=False)
    train = load_corpus(folder, train_examples=n_examples).splits["train"]
    for words, tags in zip(train["words"], train["tags"], strict=True):
        trainer.append(_features(words), tags)
    trainer.set_params(_TRAINING)
    trainer.train(str(model_file))
    tagger = pycrfsuite.Tagger()
    tagger.open(str(model_file))
    return {split: _score(tagger, list(read_file(folder / f"{split}.txt"))) for split in ("dev", "test")}


def _score(tagger: pycrfsuite.Tagger, sentences: Sequence[Sentence]) -> dict[str, object]:
    gold = [sentence.tags or [] for sentence in sentences]
    predicted = [tagger.tag(_features(sentence.words)) for sentence in sentences]
    spans = any(tag.startswith("B-") for tags in gold for tag in tags)
    return score_tags(gold, predicted, scheme="IOB2" if spans else "plain")


def _features(words: Sequence[str]) -> list[list[str]]:
    own = [list(_word_features(word)) for word in words]
    rows = []
    for place, features in enumerate(own):
        row = ["bias", *features]
        for offset in (-2, -1, 1, 2):
            near = place + offset
            if 0 <= near < len(own):
                row += [f"{offset}:{feature}" for feature in own[near][:3]]
            elif abs(offset) == 1:
                row.append("first" if offset < 0 else "last")
        rows.append(row)
    return rows


def _word_features(word: str) -> Iterator[str]:
    lower = word.lower()
    yield f"word={lower}"
    yield f"shape={SHAPES[shape_id(word)]}"
    yield f"suffix3={lower[-3:]}"
    for length in (1, 2, 3, 4):
        yield f"prefix{length}={word[:length]}"
        yield f"suffix{length}={word[-length:]}"
    for mark in "-#@.'/":
        if mark in word:
            yield f"has={mark}"
