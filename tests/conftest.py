"""What several rooms' tests need: a corpus of made-up sentences, and models small enough to train in a second."""

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random
from typing import Any

import hypothesis
import pytest

# Machines that test are shared, and slow at times; no test is about time.
hypothesis.settings.register_profile("patient", deadline=None)
hypothesis.settings.load_profile("patient")

TAGS = ("B-LOC", "B-PER", "I-LOC", "I-PER", "O")
PEOPLE = ("Ann Lee", "Bo Diaz", "Cy Young", "Dee", "Eve Marsh", "Flo", "Gus Webb", "Hal")
PLACES = ("Oslo", "New Delhi", "Lima", "Port Said", "Bern", "Kyoto")
TEMPLATES = (
    "{P} flew to {L} .",
    "In {L} , it rained .",
    "Yesterday {P} met {P} in {L} , of all places !",
    "Who is {P} ?",
    "Nothing happened .",
    "{L} is 2,000 miles from {L} , said {P}",
)

Rows = list[tuple[list[str], list[str]]]


def make_rows(n: int, seed: int = 0) -> Rows:
    random = Random(seed)
    rows = []
    for _ in range(n):
        words: list[str] = []
        tags: list[str] = []
        for part in random.choice(TEMPLATES).split(" "):
            kind = {"{P}": "PER", "{L}": "LOC"}.get(part)
            new = [part] if kind is None else random.choice(PEOPLE if kind == "PER" else PLACES).split(" ")
            words += new
            tags += ["O"] if kind is None else [f"B-{kind}", *[f"I-{kind}"] * (len(new) - 1)]
        rows.append((words, tags))
    return rows


def write_rows(path: Path, rows: Rows) -> None:
    path.write_text("".join("".join(f"{w}\t{t}\n" for w, t in zip(*row, strict=True)) + "\n" for row in rows), "utf-8")


@pytest.fixture(scope="session")
def rows() -> Rows:
    return make_rows(24)


@pytest.fixture(scope="session")
def data_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with train, dev and test in columns, and raw text."""
    folder = tmp_path_factory.mktemp("corpus")
    for seed, (name, n) in enumerate({"train": 32, "dev": 10, "test": 10}.items()):
        write_rows(folder / f"{name}.txt", make_rows(n, seed))
    texts = [" ".join(words) for words, _ in make_rows(30, 9)]
    (folder / "raw.txt").write_text("\n".join(texts) + "\n", "utf-8")
    return folder


@pytest.fixture(scope="session")
def new_tagger() -> Callable[..., Any]:
    """Makes a tiny tagger that knows the words of `make_rows`, always with the same weights."""

    def make(tags: Sequence[str] = TAGS, **settings: Any) -> Any:
        import torch

        from nlparch.data.features import build_features
        from nlparch.data.labels import LabelSet, scheme_of_set
        from nlparch.models.tagger import NeuralTagger

        sizes = dict(
            word_width=12, char_width=4, n_char_filters=8, lstm_width=10, n_lstm_layers=2, n_filters=12, affix_width=3
        )
        torch.manual_seed(0)
        n_word_buckets = settings.pop("n_word_buckets", 0)
        features, _ = build_features((words for words, _ in make_rows(24)), n_word_buckets=n_word_buckets)
        return NeuralTagger.build(features, LabelSet(tuple(tags), scheme_of_set(tags)), **(sizes | settings)).eval()

    return make


@pytest.fixture(scope="session")
def decided() -> Callable[..., Any]:
    """Makes a random model decided, so that small numeric noise flips no tag."""

    def make(model: Any, by: float = 6.0) -> Any:
        import torch

        torch.manual_seed(3)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn_like(parameter) * by * 0.1)
            for module in model.modules():
                if isinstance(module, torch.nn.Embedding):
                    module.weight[0] = 0.0  # padding, which no training moves
        return model

    return make


@pytest.fixture(scope="session")
def new_transformer() -> Callable[..., Any]:
    """Makes a tiny BERT whose WordPiece tokenizer knows the words of `make_rows`, always with the same weights."""

    def make(tags: Sequence[str] = TAGS, *, max_length: int = 40, **settings: Any) -> Any:
        import torch
        from transformers import BertConfig

        from nlparch.models.transformer_token import TransformerTokenClassifier
        from nlparch.procedures.transformer_token import train_tokenizer

        words = (words for words, _ in make_rows(24))
        tokenizer = train_tokenizer(words, vocab_size=120, lowercase=False, max_length=max_length)
        sizes = dict(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32)
        config = BertConfig(
            vocab_size=len(tokenizer),
            max_position_embeddings=max_length,
            id2label=dict(enumerate(tags)),
            label2id={tag: label for label, tag in enumerate(tags)},
            **(sizes | settings),
        )
        torch.manual_seed(0)
        return TransformerTokenClassifier.from_config(config, tokenizer).eval()

    return make


@pytest.fixture(scope="session")
def new_text_transformer() -> Callable[..., Any]:
    """Makes a tiny BERT that reads whole texts, with the tokenizer of `new_transformer`."""

    def make(
        names: Sequence[str] = ("neg", "neutral", "pos"),
        task: Any = "one_label",
        *,
        max_length: int = 40,
        **settings: Any,
    ) -> Any:
        import torch
        from transformers import BertConfig

        from nlparch.data.text_labels import PROBLEM_TYPES
        from nlparch.models.transformer_text import TransformerTextClassifier
        from nlparch.procedures.transformer_token import train_tokenizer

        words = (words for words, _ in make_rows(24))
        tokenizer = train_tokenizer(words, vocab_size=120, lowercase=False, max_length=max_length)
        sizes = dict(hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=32)
        config = BertConfig(
            vocab_size=len(tokenizer),
            max_position_embeddings=max_length,
            id2label=dict(enumerate(names)),
            label2id={name: label for label, name in enumerate(names)},
            problem_type=PROBLEM_TYPES[task],
            **(sizes | settings),
        )
        torch.manual_seed(0)
        return TransformerTextClassifier.from_config(config, tokenizer).eval()

    return make


@pytest.fixture(scope="session")
def new_classifier() -> Callable[..., Any]:
    """Makes a tiny text classifier that knows the words of `make_rows`, always with the same weights."""

    def make(names: Sequence[str] = ("neg", "neutral", "pos"), task: Any = "one_label", **settings: Any) -> Any:
        import torch

        from nlparch.data.features import build_features
        from nlparch.data.text_labels import TextLabels
        from nlparch.models.text_classifier import NeuralTextClassifier

        sizes = dict(word_width=12, char_width=4, n_char_filters=8, lstm_width=10, n_filters=12, affix_width=3)
        is_bag = settings.get("encoder") == "bag"
        n_word_buckets = settings.pop("n_word_buckets", 60 if is_bag else 0)
        buckets = {"n_ngram_buckets": 50, "n_pair_buckets": 40} if is_bag else {}
        words = (words for words, _ in make_rows(24))
        features, _ = build_features(words, n_word_buckets=n_word_buckets, **buckets)
        labels = TextLabels(tuple(names) if task != "regression" else ("score",), task)
        torch.manual_seed(0)
        return NeuralTextClassifier.build(features, labels, **(sizes | settings)).eval()

    return make


@pytest.fixture(autouse=True, scope="module")
def tiny_numbers_are_kept() -> Iterator[None]:
    """Undoes what a training run sets for its process: hypothesis refuses to draw floats without subnormal ones."""
    yield
    if "torch" in sys.modules:
        sys.modules["torch"].set_flush_denormal(False)
