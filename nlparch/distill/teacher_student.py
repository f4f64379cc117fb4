"""The loss that teaches a student, written once for every task model."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, Self, get_args

import torch
from torch import Tensor

from nlparch.distill.objectives import Objective, OneLabel
from nlparch.errors import UserError

LossName = Literal["kl", "kl-std", "dkd", "mse"]


@dataclass(frozen=True, kw_only=True)
class DistillSettings:
    """How a student learns from its teacher; given by `model.distill_with(...)`, never part of a saved model."""

    temperature: float = 1.0
    """Divides both logits before the KL divergence."""
    dist_w: float = 1.0
    """Weight of the soft term: student against teacher outputs."""
    student_w: float = 1.0
    """Weight of the hard term: student against gold labels, or pseudo-labels where there is no gold."""
    loss_fn: LossName = "kl"
    """Soft term: KL divergence of the softened distributions, plain, of standardised logits or decoupled; or the
    squared error of the logits."""
    dkd_alpha: float = 1.0
    """dkd: weight of the teacher's best label against all others."""
    dkd_beta: float = 1.0
    """dkd: weight of the other labels among themselves."""
    entity_weight: float = 1.0
    """How much a word counts whose label, or in the soft term whose teacher's best label, is not `O`."""
    min_confidence: float = 0.0
    """Probability below which a teacher's label is no pseudo-label."""
    confidence_level: Literal["word", "sentence"] = "word"
    """Whether each word is judged by itself, or all words of a sentence by the least sure one."""
    weight_by_confidence: bool = False
    """Pseudo-labels count as much as the probability that the teacher gives them, soft words as that of its best."""
    teacher_temperature: float = 1.0
    """Divides the teacher's logits before they are read as probabilities of these three settings."""

    def __post_init__(self) -> None:
        for name in ("temperature", "teacher_temperature", "entity_weight"):
            if not getattr(self, name) > 0:  # worded so that NaN is refused too
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}")
        if not (self.dist_w >= 0 and self.student_w >= 0 and self.dist_w + self.student_w > 0):
            raise ValueError(
                f"weights must not be negative, nor both zero, got dist_w={self.dist_w}, student_w={self.student_w}"
            )
        if self.loss_fn not in get_args(LossName):
            raise ValueError(f"loss_fn must be one of {', '.join(get_args(LossName))}, got {self.loss_fn!r}")
        if not (self.dkd_alpha >= 0 and self.dkd_beta >= 0 and self.dkd_alpha + self.dkd_beta > 0):
            raise ValueError(
                f"dkd's weights must not be negative, nor both zero, got {self.dkd_alpha} and {self.dkd_beta}"
            )
        if not 0 <= self.min_confidence < 1:
            raise ValueError(f"min_confidence must be in [0, 1), got {self.min_confidence}")

    @property
    def weighs_evenly(self) -> bool:
        """Whether all words count alike."""
        return self.entity_weight == 1 and not self.weight_by_confidence


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
    gold label or an accepted pseudo-label. Without `distill_with` the loss is the hard term alone. Where texts have
    several labels, or a number, read each label of each text for "word": labels have then the shape of logits.

    Words may weigh unevenly. A mean is then a weighted one: what is counted of a batch are the weights of its words.
    """

    distillation: DistillSettings | None = None
    objective: Objective = OneLabel()
    """What is asked of each word or text."""
    outside_label: int | None = None
    """The label of words that belong to no entity; None where there is no such label."""

    def distill_with(self, settings: DistillSettings) -> Self:
        """Teaches this model by `settings` from now on; returns the model.

        Raises:
            UserError: If entities are to weigh more where no tag says what is none, or the settings do not fit what is
                asked of each word or text.
        """
        self.objective.check(settings)
        if settings.entity_weight != 1 and self.outside_label is None:
            raise UserError("--entity_weight is for tags of entities, with O among them; here there are none")
        self.distillation = settings
        return self

    def settle(self, batch: dict[str, Tensor]) -> None:
        """Settles in place which words of a batch are hard and how much they weigh; `has_gold` is then used up."""
        teacher_logits, has_gold = batch.get("teacher_logits"), batch.pop("has_gold", None)
        batch["labels"] = self.hard_labels(batch["labels"], teacher_logits, has_gold)
        weights = self.hard_weights(batch["labels"], teacher_logits, has_gold)
        if weights is not None:
            batch["hard_weights"] = weights

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
        seen = self.objective.seen(logits)
        pseudo = self.best_pseudo_labels(logits, seen)
        confidence = self._confidence(logits, pseudo)
        if settings.confidence_level == "sentence" and confidence.ndim > 1:
            least = confidence.where(seen, 1.0).flatten(1).amin(1)
            confidence = least.unsqueeze(1).expand_as(confidence)
        accepted = seen & (confidence >= settings.min_confidence)
        filled = labels.clone()
        filled[rows] = torch.where(accepted, pseudo, self.objective.no_label)
        return filled

    def hard_weights(self, labels: Tensor, teacher_logits: Tensor | None, has_gold: Tensor | None) -> Tensor | None:
        """How much each hard word counts; None where all count 1.

        Args:
            labels: settled, see `hard_labels`. Shape: (batch, ...)
            teacher_logits: NaN where the teacher saw nothing. Shape: (batch, ..., labels)
            has_gold: False on rows whose labels are the teacher's. Shape: (batch,)

        Returns:
            0 where there is no label. Shape: (batch, ...)
        """
        settings = self.distillation
        if settings is None or settings.weighs_evenly:
            return None
        weights = self._entity_weights(labels)
        if settings.weight_by_confidence and teacher_logits is not None and has_gold is not None:
            is_gold = has_gold.view(-1, *[1] * (labels.ndim - 1))
            weights = weights * self._confidence(teacher_logits, labels).masked_fill(is_gold, 1.0)
        return weights.masked_fill(~self.objective.labelled(labels), 0.0)

    def soft_weights(self, teacher_logits: Tensor) -> Tensor | None:
        """How much each soft word counts; None where all count 1.

        Args:
            teacher_logits: NaN where the teacher saw nothing. Shape: (batch, ..., labels)

        Returns:
            0 where there are no outputs. Shape: (batch, ...)
        """
        settings = self.distillation
        if settings is None or settings.weighs_evenly:
            return None
        best = self.objective.best(teacher_logits)
        weights = self._entity_weights(best)
        if settings.weight_by_confidence:
            weights = weights * self._confidence(teacher_logits, best)
        return weights.masked_fill(~self.objective.seen(teacher_logits), 0.0)

    def _confidence(self, teacher_logits: Tensor, labels: Tensor) -> Tensor:
        """The probability that the teacher gives to labels; 0 where it saw nothing. Shape: (rows, ...)"""
        temperature = self.distillation.teacher_temperature if self.distillation else 1.0
        return self.objective.probability(teacher_logits.float() / temperature, labels)

    def _entity_weights(self, labels: Tensor) -> Tensor:
        assert self.distillation is not None
        weights = torch.full(labels.shape, self.distillation.entity_weight, device=labels.device)
        return weights if self.outside_label is None else weights.masked_fill(labels == self.outside_label, 1.0)

    def count_words(self, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """How many words of a batch each mean of the loss is over; `forward` takes counts under the same names.

        Args:
            batch: arguments of `forward`, settled.
        """
        counts = {"n_hard": _total_weight(batch.get("hard_weights"), self.objective.labelled(batch["labels"]))}
        if "teacher_logits" in batch:
            seen = self.objective.seen(batch["teacher_logits"])
            counts["n_soft"] = _total_weight(self.soft_weights(batch["teacher_logits"]), seen)
        return counts

    def best_pseudo_labels(self, teacher_logits: Tensor, seen: Tensor) -> Tensor:
        """What the teacher says of rows without gold; models with a tag scheme give the best legal path.

        Args:
            teacher_logits: Shape: (rows, ..., labels)
            seen: where the teacher has outputs. Shape: (rows, ...)

        Returns:
            Labels; values outside `seen` are not used. Shape: (rows, ...)
        """
        return self.objective.best(teacher_logits)

    def sum_hard_loss(
        self, logits: Tensor, labels: Tensor, mask: Tensor | None = None, weights: Tensor | None = None
    ) -> Tensor:
        """Sum over hard words of the loss on labels: the objective's, unless a model has a better one.

        Args:
            logits: Shape: (batch, ..., labels)
            labels: -100 where there is none. Shape: (batch, ...)
            mask: True on words, for models that look at sentences as a whole. Shape: (batch, ...)
            weights: see `hard_weights`. Shape: (batch, ...)
        """
        return self.objective.sum_hard(logits, labels, weights)

    def taught_loss(
        self,
        logits: Tensor,
        labels: Tensor,
        teacher_logits: Tensor | None = None,
        has_gold: Tensor | None = None,
        hard_weights: Tensor | None = None,
        n_hard: Tensor | float | None = None,
        n_soft: Tensor | float | None = None,
        mask: Tensor | None = None,
    ) -> LossTerms:
        """The loss of a batch.

        Args:
            logits: the student's. Shape: (batch, ..., labels)
            labels: gold, -100 where there is none. Shape: (batch, ...)
            teacher_logits: NaN where the teacher saw nothing. Shape: (batch, ..., labels)
            has_gold: Shape: (batch,); None in a batch that is settled.
            hard_weights: of a batch that is settled. Shape: (batch, ...)
            n_hard: hard words, or their weights, of the whole accumulated, distributed batch; None counts this batch.
            n_soft: soft words, likewise.
            mask: see `sum_hard_loss`.
        """
        settings = self.distillation or DistillSettings()
        logits = logits.float()
        labels = self.hard_labels(labels, teacher_logits, has_gold)
        hard_weights = self.hard_weights(labels, teacher_logits, has_gold) if hard_weights is None else hard_weights
        n_hard = _total_weight(hard_weights, self.objective.labelled(labels)) if n_hard is None else n_hard
        hard = self.sum_hard_loss(logits, labels, mask, hard_weights) / _unless_zero(n_hard)
        if teacher_logits is None or self.distillation is None:
            return LossTerms(settings.student_w * hard, hard, None)
        teacher_logits = teacher_logits.float()
        soft_weights = self.soft_weights(teacher_logits)
        n_soft = _total_weight(soft_weights, self.objective.seen(teacher_logits)) if n_soft is None else n_soft
        soft = self.objective.sum_soft(settings, logits, teacher_logits, soft_weights) / _unless_zero(n_soft)
        return LossTerms(settings.student_w * hard + settings.dist_w * soft, hard, soft)


def _total_weight(weights: Tensor | None, counted: Tensor) -> Tensor:
    return counted.sum() if weights is None else weights.sum()


def _unless_zero(count: Tensor | float) -> Tensor | float:
    # A term without words is 0, not 0 / 0.
    return count.masked_fill(count == 0, 1) if isinstance(count, Tensor) else count or 1
