"""The options of the procedures that classify texts: flags, YAML keys and field names are one and the same.

Nothing here imports torch. The string under a field is its help.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from .option_groups import (
    AugmentOptions,
    CorpusOptions,
    OutputOptions,
    SmallModelOptions,
    TeacherOptions,
    TrainingOptions,
    TransformerOptions,
    UnlabeledOptions,
)

_FORBID_UNKNOWN = {"extra": "forbid"}


@dataclass(kw_only=True)
class TextColumnOptions:
    """How tables of texts are read."""

    text_column: str | None = None
    """Column of the texts; by default the usual names are tried (text, sentence, sentence1, premise, ...)."""
    text_pair_column: str | None = None
    """Column of the second texts of pairs; by default the usual partner of the first, where it is there; "" takes
    none."""
    label_column: str | None = None
    """Column of the labels; by default the usual names are tried (label, labels, ...)."""
    label_separator: str = ""
    """What divides the labels of one field of CSV and TSV, where texts have several; "": a field is one label."""


@dataclass(kw_only=True)
class TextDataOptions(TextColumnOptions, CorpusOptions):
    """The labelled texts."""

    data_dir: str
    """Folder of CSV, TSV, JSON lines, JSON or Parquet files, of what `datasets` saved, or the id of a hub data set."""
    train_filename: str = ""
    """Training file in the data folder; by default the one named train."""
    dev_filename: str = ""
    """Development file, which chooses the best model; by default the one named dev, where it is there."""
    test_filename: str = ""
    """Test file, scored once, at the end; by default the one named test, where it is there."""
    task: Literal["one_label", "multi_label", "regression"] | None = None
    """What is asked of a text: one of several labels, any of them, or a number; by default found in the labels."""
    task_name: str | None = None
    """Task of GLUE that the data folder holds, in its own files, with its own score: cola, sst-2, mrpc, qqp, sts-b,
    mnli, qnli, rte, wnli."""
    drop_seen: bool = False
    """Drop training texts that also stand in dev or test; they are counted in any case."""

    def __post_init__(self) -> None:
        CorpusOptions.__post_init__(self)
        if self.task_name is not None:
            self._check_glue()

    def _check_glue(self) -> None:
        own = ("train_filename", "dev_filename", "test_filename", "text_column", "text_pair_column", "label_column")
        for name in (*own, "label_separator", "task"):
            if getattr(self, name):
                raise ValueError(f"--{name} is settled by --task_name {self.task_name}; keep one")


@dataclass(kw_only=True)
class TransformerTextOptions(OutputOptions, TextDataOptions, TransformerOptions):
    """Fine-tune a transformer that classifies texts."""

    __pydantic_config__: ClassVar = _FORBID_UNKNOWN

    long_texts: Literal["truncate", "windows"] = "truncate"
    """Texts longer than a window: cut, or read in overlapping windows whose outputs are averaged."""
    epochs: float = 5.0
    """Passes over the training rows, at most."""

    def __post_init__(self) -> None:
        OutputOptions.__post_init__(self)
        TextDataOptions.__post_init__(self)
        TransformerOptions.__post_init__(self)


@dataclass(kw_only=True)
class ClassifierModelOptions(SmallModelOptions):
    """The small text classifier itself."""

    model_type: Literal["id-cnn", "bilstm", "cnn", "bag"] | None = None
    """What reads the text: dilated convolutions that also see the whole text, a BiLSTM, convolutions side by side, or a
    bag of hashed words, word pairs and n-grams of characters, the fastest. By default bag for nano, id-cnn for the
    others."""
    pooling: Literal["max", "mean", "attention"] = "max"
    """id-cnn, bilstm: how the vectors of words become one of the text."""
    splitter: str = "words"
    """How a text becomes words: spaces, words, treebank, social, or a regular expression that matches a word."""

    def __post_init__(self) -> None:
        SmallModelOptions.__post_init__(self)


@dataclass(kw_only=True)
class ClassifierOptions(OutputOptions, TextDataOptions, TrainingOptions, ClassifierModelOptions):
    """Train a small text classifier on gold labels alone."""

    __pydantic_config__: ClassVar = _FORBID_UNKNOWN

    def __post_init__(self) -> None:
        OutputOptions.__post_init__(self)
        TextDataOptions.__post_init__(self)
        TrainingOptions.__post_init__(self)
        ClassifierModelOptions.__post_init__(self)


@dataclass(kw_only=True)
class ClassifierKdOptions(ClassifierOptions, TeacherOptions, AugmentOptions):
    """Train a small text classifier on gold labels and a teacher's outputs."""

    teacher_words: bool = True
    """Where word vectors begin with the teacher's, words of its own vocabulary join the student's, as far as the size
    leaves room: the student has a vector for them before it has seen them."""
    kd_temp: float | None = None
    """Temperature of the KL divergences; by default 1, and 2 where `auto` takes kl."""
    kd_loss_fn: Literal["auto", "kl", "kl-std", "dkd", "mse"] = "auto"  # type: ignore[assignment]
    """Soft term: KL divergence of the distributions, of the distributions of standardised logits, or decoupled into the
    teacher's best label and the others; or the squared error of the logits; auto: kl at a temperature of 2 where texts
    have one label, kl where they have several, mse where they have a number."""
    augment_kinds: tuple[Literal["mask", "swap", "similar", "ngram"], ...] = ("similar", "mask", "ngram")
    """How they are made, one of these drawn for each: mask hides words, swap puts others of the corpus in their place,
    similar those that the teacher takes for much the same, ngram keeps a few in a row."""

    def __post_init__(self) -> None:
        ClassifierOptions.__post_init__(self)
        TeacherOptions.__post_init__(self)
        AugmentOptions.__post_init__(self)


@dataclass(kw_only=True)
class ClassifierKdPseudoOptions(ClassifierKdOptions, UnlabeledOptions):
    """Train a small text classifier on a teacher's outputs for raw text too, with gold labels or without."""

    data_dir: str | None = None  # type: ignore[assignment]
    """Folder of the labelled texts, or the id of a hub data set. Without it there is no gold: teacher and raw text are
    enough."""
    epochs: float = 6.0
    """Passes over gold and raw rows, at most."""

    def __post_init__(self) -> None:
        ClassifierKdOptions.__post_init__(self)
        UnlabeledOptions.__post_init__(self)
        # Whoever names a second column has pairs as raw text.
        self.check_gold(TextDataOptions, but=("text_pair_column",))
