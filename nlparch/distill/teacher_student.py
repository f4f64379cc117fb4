"""The loss that teaches a student, written once for every task model."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Self

import torch
from torch import Tensor

from nlparch.data.labels import IGNORED_LABEL
from nlparch.nn.losses import cross_entropy, kl_divergence, squared_error


@dataclass(frozen=True, kw_only=True)
class DistillSettings:
    """How a student learns from its teacher; given by `model.distill_with(...)`, never part of a saved model."""

    temperature: float = 1.0
    """Divides both logits before the KL divergence."""
    dist_w: float = 1.0
    """Weight of the soft term: student against teacher outputs."""
    student_w: float = 1.0
    """Weight of the hard term: student against gold labels, or pseudo-labels where there is no gold."""
    loss_fn: Literal["kl", "mse"] = "kl"
    """Soft term: KL divergence of the softened distributions, or the squared error of the logits."""
    min_confidence: float = 0.0
    """Probability below which a teacher's label is no pseudo-label."""

    def __post_init__(self) -> None:
        if not self.temperature > 0:  # worded so that NaN is refused too
            raise ValueError(f"temperature must be positive, got {self.temperature}")
        if not (self.dist_w >= 0 and self.student_w >= 0 and self.dist_w + self.student_w > 0):
            raise ValueError(
                f"weights must not be negative, nor both zero, got dist_w={self.dist_w}, student_w={self.student_w}"
            )
        if self.loss_fn not in ("kl", "mse"):
            raise ValueError(f"loss_fn must be one of kl, mse, got {self.loss_fn!r}")
        if not 0 <= self.min_confidence < 1:
            raise ValueError(f"min_confidence must be in [0, 1), got {self.min_confidence}")


@dataclass
class LossTerms:
    """The loss of a batch and what it is made of.

    Attributes:
        total: `student_w * hard + dist_w * soft`, a scalar.
        hard: unweighted mean over hard words, a scalar.
        soft: unweighted mean over soft words, a scalar; None without teacher outputs.
    """

    total: Tensor
    hard: Tensor
    soft: Tensor | None


class TeacherStudentDistill:
    """Gives a task model its training loss: gold labels, a teacher's outputs, or both.

    The mixin holds no weights. A word (or text) is *soft* where `teacher_logits` is not NaN, and *hard* where it has a
    gold label or an accepted pseudo-label. Without `distill_with` the loss is the hard term alone.
    """

    distillation: DistillSettings | None = None

    def distill_with(self, settings: DistillSettings) -> Self:
        """Teaches this model by `settings` from now on; returns the model."""
        self.distillation = settings
        return self

    def hard_labels(self, labels: Tensor, teacher_logits: Tensor | None, has_gold: Tensor | None) -> Tensor:
        """Gold labels, with accepted pseudo-labels on the rows that have no gold.

        Args:
            labels: gold labels, -100 where there is none. Shape: (batch, ...)
            teacher_logits: NaN where the teacher saw nothing. Shape: (batch, ..., labels)
            has_gold: False on rows that pseudo-labels may fill. Shape: (batch,)

        Returns:
            Labels of the hard words, -100 elsewhere. Shape: (batch, ...)
        """
        if teacher_logits is None or has_gold is None or bool(has_gold.all()):
            return labels
        settings = self.distillation or DistillSettings()
        rows = ~has_gold
        logits = teacher_logits[rows].float()
        seen = ~logits[..., 0].isnan()
        probabilities = logits.softmax(-1).nan_to_num(0.0)
        pseudo = self.best_pseudo_labels(logits, seen)
        confidence = probabilities.gather(-1, pseudo.clamp(min=0).unsqueeze(-1)).squeeze(-1)
        accepted = seen & (confidence >= settings.min_confidence)
        filled = labels.clone()
        filled[rows] = torch.where(accepted, pseudo, IGNORED_LABEL)
        return filled

    def count_words(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """How many words of a batch each mean of the loss is over; `forward` takes counts under the same names.

        Args:
            batch: arguments of `forward`, hard labels settled.
        """
        counts = {"n_hard": (batch["labels"] != IGNORED_LABEL).sum()}
        if "teacher_logits" in batch:
            counts["n_soft"] = (~batch["teacher_logits"][..., 0].isnan()).sum()
        return counts

    def best_pseudo_labels(self, teacher_logits: Tensor, seen: Tensor) -> Tensor:
        """What the teacher says of rows without gold; models with a tag scheme give the best legal path.

        Args:
            teacher_logits: Shape: (rows, ..., labels)
            seen: where the teacher has outputs. Shape: (rows, ...)

        Returns:
            Labels; values outside `seen` are not used. Shape: (rows, ...)
        """
        return teacher_logits.nan_to_num(0.0).argmax(-1)

    def sum_hard_loss(self, logits: Tensor, labels: Tensor, mask: Tensor | None = None) -> Tensor:
        """Sum over hard words of the loss on labels: cross-entropy, unless a model has a better one.

        Args:
            logits: Shape: (batch, ..., labels)
            labels: -100 where there is none. Shape: (batch, ...)
            mask: True on words, for models that look at sentences as a whole. Shape: (batch, ...)
        """
        return cross_entropy(logits, labels, labels != IGNORED_LABEL)

    def taught_loss(
        self,
        logits: Tensor,
        labels: Tensor,
        teacher_logits: Tensor | None = None,
        has_gold: Tensor | None = None,
        n_hard: Tensor | float | None = None,
        n_soft: Tensor | float | None = None,
        mask: Tensor | None = None,
    ) -> LossTerms:
        """The loss of a batch.

        Args:
            logits: the student's. Shape: (batch, ..., labels)
            labels: gold, -100 where there is none. Shape: (batch, ...)
            teacher_logits: NaN where the teacher saw nothing. Shape: (batch, ..., labels)
            has_gold: Shape: (batch,)
            n_hard: hard words of the whole accumulated, distributed batch; None counts this batch.
            n_soft: soft words, likewise.
            mask: see `sum_hard_loss`.
        """
        settings = self.distillation or DistillSettings()
        logits = logits.float()
        labels = self.hard_labels(labels, teacher_logits, has_gold)
        n_hard = (labels != IGNORED_LABEL).sum() if n_hard is None else n_hard
        hard = self.sum_hard_loss(logits, labels, mask) / _at_least_one(n_hard)
        if teacher_logits is None or self.distillation is None:
            return LossTerms(settings.student_w * hard, hard, None)
        teacher_logits = teacher_logits.float()
        seen = ~teacher_logits[..., 0].isnan()
        n_soft = seen.sum() if n_soft is None else n_soft
        soft = _soft_loss(settings, logits, teacher_logits, seen) / _at_least_one(n_soft)
        return LossTerms(settings.student_w * hard + settings.dist_w * soft, hard, soft)


def _soft_loss(settings: DistillSettings, student: Tensor, teacher: Tensor, seen: Tensor) -> Tensor:
    if settings.loss_fn == "mse":
        return squared_error(student, teacher, seen)
    return kl_divergence(student, teacher, seen, temperature=settings.temperature)


def _at_least_one(count: Tensor | float) -> Tensor | float:
    # A term without words is 0, not 0 / 0.
    return count.clamp(min=1) if isinstance(count, Tensor) else max(count, 1)
