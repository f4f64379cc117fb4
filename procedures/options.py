"""The options of the procedures that tag words; those that classify texts have theirs in `text_options.py`.

Nothing here imports torch. The string under a field is its help.
"""

from dataclasses import dataclass
from typing import Literal

from .option_groups import (
    AugmentOptions,
    CorpusOptions,
    OutputOptions,
    SmallModelOptions,
    TeacherOptions,
    TrainingOptions,
    TransformerOptions,
    UnlabeledOptions,
    check,
)


@dataclass(kw_only=True)
class ColumnOptions:
    """How column files are read."""

    word_col: int = 0
    """Column of the word; negative counts from the end."""
    tag_col: int = -1
    """Column of the tag; negative counts from the end."""
    ignore_token: str = ""
    """Rows with this word are left out, and counted."""


@dataclass(kw_only=True)
class DataOptions(ColumnOptions, CorpusOptions):
    """The labelled corpus."""

    data_dir: str
    """Folder of column files (one word a line, an empty line after each sentence), or the id of a hub data set."""
    train_filename: str = "train.txt"
    """Training file in the data folder."""
    dev_filename: str = "dev.txt"
    """Development file: it chooses the best model. dev.txt may be missing; "" reads none."""
    test_filename: str = "test.txt"
    """Test file: scored once, at the end. test.txt may be missing; "" reads none."""
    words_column: str | None = None
    """Column of a hub data set that holds the words; by default its usual names are tried."""
    tags_column: str | None = None
    """Column of a hub data set that holds the tags; by default their usual names are tried."""
    scheme: Literal["auto", "IOB2", "BIOES"] = "auto"
    """Tag scheme that gold tags are converted to; auto: IOB2 for IOB1 and IOB2, the corpus's own for BIOES and plain
    tags."""
    splitter: str | None = None
    """How raw text becomes words: spaces, words, treebank, social, or a regular expression that matches a word.
    By default the one that recovers most training sentences from their own joined text."""

    def __post_init__(self) -> None:
        CorpusOptions.__post_init__(self)


@dataclass(kw_only=True)
class TransformerTokenOptions(OutputOptions, DataOptions, TransformerOptions):
    """Fine-tune a transformer that tags words."""

    max_seq_len: int | None = None
    """Pieces in a window, special ones included; longer sentences are read in overlapping windows. By default what the
    checkpoint takes, at most 512."""

    def __post_init__(self) -> None:
        OutputOptions.__post_init__(self)
        DataOptions.__post_init__(self)
        TransformerOptions.__post_init__(self)


@dataclass(kw_only=True)
class TaggerModelOptions(SmallModelOptions):
    """The small tagger itself."""

    model_type: Literal["cnn-lstm", "id-cnn"] | None = None
    """What reads the words in their context: a BiLSTM, or dilated convolutions that also see the whole sentence; by
    default the latter."""
    use_crf: bool = True
    """A linear-chain CRF on top: tags are chosen together, and only in orders that the scheme allows. Without it
    training and the exported model are faster."""


@dataclass(kw_only=True)
class TaggerOptions(OutputOptions, DataOptions, TrainingOptions, TaggerModelOptions):
    """Train a small tagger on gold tags alone."""

    def __post_init__(self) -> None:
        OutputOptions.__post_init__(self)
        DataOptions.__post_init__(self)
        TrainingOptions.__post_init__(self)
        TaggerModelOptions.__post_init__(self)


@dataclass(kw_only=True)
class TaggerKdOptions(TaggerOptions, TeacherOptions, AugmentOptions):
    """Train a small tagger on gold tags and a teacher's outputs."""

    augment_kinds: tuple[Literal["mask", "swap", "similar", "ngram", "mention"], ...] = ("mention", "swap")
    """How they are made, one of these drawn for each: mask hides words, swap puts others of the corpus in their place,
    similar those that the teacher takes for much the same, ngram keeps a few in a row, mention puts other mentions of
    the same type in the place of mentions."""

    entity_weight: float = 1.0
    """How much a word counts, in both terms, whose tag (in the soft term the teacher's best) is not O."""

    def __post_init__(self) -> None:
        TaggerOptions.__post_init__(self)
        TeacherOptions.__post_init__(self)
        AugmentOptions.__post_init__(self)
        check("positive", entity_weight=self.entity_weight)


@dataclass(kw_only=True)
class TaggerKdPseudoOptions(TaggerKdOptions, UnlabeledOptions):
    """Train a small tagger on a teacher's outputs for raw text too, with gold tags or without."""

    data_dir: str | None = None  # type: ignore[assignment]
    """Folder of column files, or the id of a hub data set. Without it there is no gold: teacher and raw text are
    enough."""
    epochs: float = 6.0
    """Passes over gold and raw rows, at most."""
    confidence_level: Literal["word", "sentence"] = "word"
    """What the threshold judges: each word by itself, or a whole sentence by its least sure word."""

    def __post_init__(self) -> None:
        TaggerKdOptions.__post_init__(self)
        UnlabeledOptions.__post_init__(self)
        if self.confidence_level == "sentence" and not self.pseudo_threshold:
            raise ValueError("--confidence_level sentence is for --pseudo_threshold; add it")
        self.check_gold(DataOptions, but=("word_col", "ignore_token", "splitter"))
