"""The options of `nlp-export` and `nlp-bench`; nothing here imports torch. The string under a field is its help."""

from dataclasses import dataclass
from math import isfinite
from typing import ClassVar, Literal

from .options import ColumnOptions

_FORBID_UNKNOWN = {"extra": "forbid"}


@dataclass(kw_only=True)
class ExportOptions(ColumnOptions):
    """Export a model to a folder that predicts and serves without torch."""

    __pydantic_config__: ClassVar = _FORBID_UNKNOWN

    model_dir: str
    """Folder of the trained model, small or transformer."""
    output_dir: str
    """Folder of the exported model."""
    quantize: Literal["none", "int8"] = "none"
    """Number format of the weights: none keeps fp32; int8 is a quarter of the size, and two to three times as fast."""
    dev: str | None = None
    """Labelled column file: the model is scored on it before and after, and int8 is given up, layer by layer, where it
    loses more than --max_f1_loss."""
    max_f1_loss: float = 0.002
    """What int8 may lose against the trained model on --dev, of 1: F1, or accuracy where the tags are plain."""
    overwrite_output_dir: bool = False
    """Replace an exported model that lies in the output folder."""

    def __post_init__(self) -> None:
        if not (isfinite(self.max_f1_loss) and 0 <= self.max_f1_loss <= 1):
            raise ValueError(f"--max_f1_loss must be from 0 to 1, got {self.max_f1_loss}")


@dataclass(kw_only=True)
class BenchOptions(ColumnOptions):
    """Measure models on one labelled file: score, size, speed, latency, memory, start."""

    __pydantic_config__: ClassVar = _FORBID_UNKNOWN

    model_dirs: tuple[str, ...]
    """Folders of models: trained ones run in torch and exported, a transformer also in bf16 and through the pipeline of
    transformers; exported ones run as they are."""
    data: str
    """Labelled column file. Its text is joined again, for models to read it raw; scores are on its own words."""
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
        if self.rounds < 1:
            raise ValueError(f"--rounds must be at least 1, got {self.rounds}")
        if not (isfinite(self.seconds) and self.seconds > 0):
            raise ValueError(f"--seconds must be positive, got {self.seconds}")
