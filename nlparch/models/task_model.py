"""What every model that tags words or classifies texts can do: the loss, a splitter, batches on its device."""

import abc
import contextlib
import shutil
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers.utils.generic import ModelOutput

from nlparch.data.augmentation import DEFAULT_MASK
from nlparch.devices import send
from nlparch.distill.teacher_student import TeacherStudentDistill

DEFAULT_SPLITTER = "words"
BATCHES_SORTED_TOGETHER = 32


@dataclass
class TaskOutput(ModelOutput):
    """What `forward` returns.

    Attributes:
        loss: the weighted sum of the terms, where labels or teacher outputs were given. Scalar.
        logits: NaN-free, padding included. Shape: (batch, words, labels), or of texts (batch, labels)
        hard_loss: unweighted hard term. Scalar.
        soft_loss: unweighted soft term. Scalar.
    """

    loss: Tensor | None = None
    logits: Tensor | None = None
    hard_loss: Tensor | None = None
    soft_loss: Tensor | None = None


def make_readable(folder: str | PathLike[str]) -> None:
    """Lets all who may read a model's configuration read its weights, which safetensors keeps for their owner."""
    for file in Path(folder).glob("*.safetensors"):
        with contextlib.suppress(OSError):  # some file systems know no such rights
            shutil.copymode(Path(folder) / "config.json", file)


class TaskModel(TeacherStudentDistill, abc.ABC):
    """A model that labels words or texts. The host class is a `transformers.PreTrainedModel`; it supplies `forward`."""

    # The Trainer's own count of items knows neither hard nor soft words (see `taught_loss`).
    accepts_loss_kwargs = False
    # What the host class brings.
    config: Any
    device: Any
    forward: Any

    @abc.abstractmethod
    def reads_as(self) -> dict[str, Any]:
        """All that decides the outputs beside the weights, as plain values."""

    @property
    def splitter(self) -> str:
        """Name (or regular expression) of the splitter that makes raw text into this model's words."""
        return getattr(self.config, "splitter", None) or DEFAULT_SPLITTER

    @property
    def temperature(self) -> float:
        """Divides outputs, as the model teaches with them, before they are read as probabilities; saved with the model.

        Outputs that it teaches with are not divided by it. Nor are the emissions of a CRF: against the scores of its
        moves they would weigh otherwise, and other tags be best.
        """
        return float(getattr(self.config, "calibration_temperature", None) or 1.0)

    @temperature.setter
    def temperature(self, value: float) -> None:
        # Not "temperature": transformers takes that for a setting of its text generators, and refuses to save it.
        self.config.calibration_temperature = value

    @property
    def mask_word(self) -> str:
        """A word that tells the model nothing: its tokenizer's mask, where there is one, or its unknown piece."""
        tokenizer = getattr(self, "tokenizer", None)
        return getattr(tokenizer, "mask_token", None) or getattr(tokenizer, "unk_token", None) or DEFAULT_MASK

    def taught_output(self, logits: Tensor, *, labels: Tensor | None, **teaching: Any) -> TaskOutput:
        """Logits with the loss, where there is anything to learn from."""
        if labels is None and teaching.get("teacher_logits") is None:
            return TaskOutput(logits=logits)
        if labels is None:
            labels = self.objective.unlabelled(logits)
        terms = self.taught_loss(logits, labels, **teaching)
        return TaskOutput(
            loss=terms.total, logits=logits, hard_loss=terms.hard.detach(), soft_loss=_detached(terms.soft)
        )

    def _to_device(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        return send(batch, self.device)


def settings_of(config: Any) -> dict[str, Any]:
    """What a configuration says of the computation, without names, versions and places."""
    beside = {"architectures", "dtype", "id2label", "label2id", "splitter", "transformers_version", "window"}
    beside |= {"calibration_temperature", "thresholds", "main_score", "has_pairs"}
    return {name: value for name, value in config.to_dict().items() if name not in beside and name[0] != "_"}


class reading:
    """Eval mode and no gradients, whatever the caller does; the mode it found each module in is put back."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._inference = torch.inference_mode()

    def __enter__(self) -> None:
        modules = list(self._model.modules())
        self._resting = [module for module in modules if not module.training]
        # Most often all rest: to set the mode of each anew, batch by batch, would take a GPU's time.
        self._was_training = len(self._resting) < len(modules)
        if self._was_training:
            self._model.eval()
        self._inference.__enter__()

    def __exit__(self, *error: Any) -> None:
        self._inference.__exit__(*error)
        if self._was_training:
            self._model.train()
            for module in self._resting:
                module.training = False


def chunks(items: Iterable[Any], size: int) -> Iterator[list[Any]]:
    """Items in lists of so many, the last one shorter."""
    chunk: list[Any] = []
    for item in items:
        chunk.append(item)
        if len(chunk) == size:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def _detached(value: Tensor | None) -> Tensor | None:
    return None if value is None else value.detach()
