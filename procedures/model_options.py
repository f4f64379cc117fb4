"""The options of the commands that take a trained model; nothing here imports torch.

The string under a field is its help.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from .option_groups import check
from .options import ColumnOptions
from .text_options import TextColumnOptions

_FORBID_UNKNOWN = {"extra": "forbid"}


@dataclass(kw_only=True)
class StreamOptions:
    """A model, what it reads, and where its predictions go."""

    __pydantic_config__: ClassVar = _FORBID_UNKNOWN

    model_dir: str
    """Folder of the model."""
    data_file: str = "-"
    """Input file; - is standard input."""
    output_file: str = "-"
    """Output file; - is standard output."""
    batch_size: int = 32
    """Sentences or texts read together."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "fp32"
    """Number format; auto: the fastest the device has. In fp32 answers do not depend on what else is in the batch."""
    cuda: bool = True
    """Use the GPU where there is one."""

    def __post_init__(self) -> None:
        check("at least 1", batch_size=self.batch_size)


@dataclass(kw_only=True)
class InferenceOptions(ColumnOptions, StreamOptions):
    """Tag raw text or column files."""

    input_format: Literal["text", "columns"] = "text"
    """text: one text a line; columns: one word a line, an empty line after each sentence."""
    output_format: Literal["json", "columns"] = "json"
    """json: one JSON object a line, with words and entities; columns: word, tag."""
    entities_only: bool = False
    """json: leave out the words."""

    def __post_init__(self) -> None:
        StreamOptions.__post_init__(self)
        if self.entities_only and self.output_format != "json":
            raise ValueError("--entities_only is of --output_format json; columns hold words and tags")


@dataclass(kw_only=True)
class TextInferenceOptions(StreamOptions):
    """Classify texts, or pairs of texts: one a line, or in the columns of a table."""

    data_file: str = "-"
    """Input file, one text a line, or a table: CSV, TSV, JSON lines, JSON or Parquet; - is standard input, in lines."""
    pairs: bool = False
    """The input holds pairs of texts: two on each line, divided by a tab, or two columns."""
    text_column: str | None = None
    """Column of the texts; by default the usual names are tried (text, sentence, sentence1, premise, ...)."""
    text_pair_column: str | None = None
    """Column of the second texts of pairs; by default the usual partner of the first, where it is there; "" takes
    none."""

    def __post_init__(self) -> None:
        StreamOptions.__post_init__(self)
        if self.pairs and self.text_pair_column == "":
            raise ValueError('--pairs wants two texts, and --text_pair_column "" takes one; keep one')


@dataclass(kw_only=True)
class EvalOptions(ColumnOptions, TextColumnOptions):
    """Score a saved model on a labelled file."""

    __pydantic_config__: ClassVar = _FORBID_UNKNOWN

    model_dir: str
    """Folder of the model."""
    data_file: str
    """Labelled file: of a tagger a column file; of a text classifier CSV, TSV, JSON lines, JSON or Parquet."""
    teacher: str | None = None
    """Folder of a second model, to compare with: its scores, and the share of words, or texts, on which both agree."""
    output_dir: str | None = None
    """New or empty folder for report.md and metrics.json; by default the report is only printed."""
    batch_size: int = 32
    """Sentences or texts read together."""
    precision: Literal["auto", "fp32", "bf16", "fp16"] = "fp32"
    """Number format; auto: the fastest the device has."""
    cuda: bool = True
    """Use the GPU where there is one."""

    def __post_init__(self) -> None:
        check("at least 1", batch_size=self.batch_size)


@dataclass(kw_only=True)
class ExportOptions(ColumnOptions, TextColumnOptions):
    """Export a model to a folder that predicts and serves without torch."""

    __pydantic_config__: ClassVar = _FORBID_UNKNOWN

    model_dir: str
    """Folder of the trained model, small or transformer."""
    output_dir: str
    """Folder of the exported model."""
    quantize: Literal["none", "int8"] = "none"
    """Number format of the weights: none keeps fp32; int8 is a quarter of the size, and two to three times as fast."""
    dev: str | None = None
    """Labelled file, of a tagger a column file, of a text classifier a table: the model is scored on it before and
    after, and int8 is given up, layer by layer, where it loses more than --max_f1_loss."""
    max_f1_loss: float = 0.002
    """What int8 may lose against the trained model on --dev, of 1: F1 of spans, or what else chooses the best model."""
    overwrite_output_dir: bool = False
    """Replace an exported model that lies in the output folder."""

    def __post_init__(self) -> None:
        check("from 0 to 1", max_f1_loss=self.max_f1_loss)
        if self.max_f1_loss != ExportOptions.max_f1_loss and (self.dev is None or self.quantize != "int8"):
            raise ValueError(
                "--max_f1_loss is what int8 may lose on a labelled file; add --quantize int8 and --dev FILE"
            )


@dataclass(kw_only=True)
class BenchOptions(ColumnOptions, TextColumnOptions):
    """Measure models on one labelled file: score, size, speed, latency, memory, start."""

    __pydantic_config__: ClassVar = _FORBID_UNKNOWN

    model_dirs: tuple[str, ...]
    """Folders of models: trained ones run in torch and exported, a transformer also in bf16 and through the pipeline of
    transformers; exported ones run as they are."""
    data: str
    """Labelled file. Of taggers a column file, whose text is joined again, for models to read it raw; scores are on its
    own words. Of text classifiers a table."""
    rounds: int = 5
    """Rounds; in each, all models read in turn. Medians are given."""
    seconds: float = 2.0
    """How long a round of one model takes, about; slow models read fewer texts."""
    output_file: str | None = None
    """JSON file for the figures."""
    plot: str | None = None
    """PNG file for a picture of scores against speed."""

    def __post_init__(self) -> None:
        if not self.model_dirs:
            raise ValueError("MODEL_DIRS must name a folder at least")
        check("at least 1", rounds=self.rounds)
        check("positive", seconds=self.seconds)
