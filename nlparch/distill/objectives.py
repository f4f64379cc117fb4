"""What is asked of a word or text: one label, several, or a number; and the losses that teach each."""

from __future__ import annotations

import abc
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from nlparch.data.labels import IGNORED_LABEL
from nlparch.data.text_labels import TextTask
from nlparch.errors import UserError
from nlparch.nn.losses import (
    binary_cross_entropy,
    binary_divergence,
    cross_entropy,
    decoupled_divergence,
    kl_divergence,
    squared_error,
    standardised_divergence,
)

if TYPE_CHECKING:
    from nlparch.distill.teacher_student import DistillSettings


class Objective(abc.ABC):
    """How labels are written, and the hard and soft loss on them.

    What a mean is over, here *items*, are words (or texts) where each has one label, and otherwise each label of each.
    """

    no_label: float
    """Stands where there is no label."""

    @abc.abstractmethod
    def check(self, settings: DistillSettings) -> None:
        """Refuses settings that mean nothing here.

        Raises:
            UserError: If there are some.
        """

    @abc.abstractmethod
    def labelled(self, labels: Tensor) -> Tensor:
        """True on items that have a label. Shape: that of `labels`"""

    @abc.abstractmethod
    def seen(self, teacher_logits: Tensor) -> Tensor:
        """True on items that the teacher has outputs for. Shape: that of labels"""

    @abc.abstractmethod
    def unlabelled(self, logits: Tensor) -> Tensor:
        """Labels of which there is none. Shape: that of labels"""

    @abc.abstractmethod
    def best(self, logits: Tensor) -> Tensor:
        """The likeliest labels; anything where the logits are NaN. Shape: that of labels"""

    @abc.abstractmethod
    def probability(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The probability of labels by the logits; 0 where these are NaN. Shape: that of labels"""

    @abc.abstractmethod
    def sum_hard(self, logits: Tensor, labels: Tensor, weights: Tensor | None) -> Tensor:
        """Sum over labelled items of the loss on labels, a scalar.

        Args:
            logits: Shape: (batch, ..., labels)
            labels: Shape: (batch, ...), or that of the logits
            weights: how much each item counts; None: all alike. Shape: that of labels
        """

    @abc.abstractmethod
    def sum_soft(self, settings: DistillSettings, student: Tensor, teacher: Tensor, weights: Tensor | None) -> Tensor:
        """Sum over items that the teacher has outputs for of the loss on these, a scalar.

        Args:
            settings: which loss.
            student: logits. Shape: (batch, ..., labels)
            teacher: logits, NaN where it saw nothing. Shape: (batch, ..., labels)
            weights: how much each item counts; None: all alike. Shape: that of labels
        """


class OneLabel(Objective):
    """One of several labels; ids, -100 where there is none. Labels have the shape of logits without the last axis."""

    no_label = IGNORED_LABEL

    def check(self, settings: DistillSettings) -> None:
        """Takes all settings."""

    def labelled(self, labels: Tensor) -> Tensor:
        """True on items that have a label."""
        return labels != IGNORED_LABEL

    def seen(self, teacher_logits: Tensor) -> Tensor:
        """True on items that the teacher has outputs for."""
        return ~teacher_logits[..., 0].isnan()

    def unlabelled(self, logits: Tensor) -> Tensor:
        """Labels of which there is none."""
        return torch.full(logits.shape[:-1], IGNORED_LABEL, device=logits.device)

    def best(self, logits: Tensor) -> Tensor:
        """The likeliest label of each item."""
        return logits.nan_to_num(0.0).argmax(-1)

    def probability(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The probability of labels."""
        probabilities = logits.softmax(-1).nan_to_num(0.0)
        return probabilities.gather(-1, labels.clamp(min=0).unsqueeze(-1)).squeeze(-1)

    def sum_hard(self, logits: Tensor, labels: Tensor, weights: Tensor | None) -> Tensor:
        """Cross-entropy."""
        return cross_entropy(logits, labels, self.labelled(labels), weights=weights)

    def sum_soft(self, settings: DistillSettings, student: Tensor, teacher: Tensor, weights: Tensor | None) -> Tensor:
        """Divergence of the distributions, or squared error of the logits, a mean over labels."""
        seen = self.seen(teacher)
        if settings.loss_fn == "mse":
            return squared_error(student, teacher, seen, weights=weights)
        if settings.loss_fn == "kl":
            return kl_divergence(student, teacher, seen, temperature=settings.temperature, weights=weights)
        if settings.loss_fn == "kl-std":
            return standardised_divergence(student, teacher, seen, temperature=settings.temperature, weights=weights)
        return decoupled_divergence(
            student,
            teacher,
            seen,
            temperature=settings.temperature,
            target_w=settings.dkd_alpha,
            others_w=settings.dkd_beta,
            weights=weights,
        )


class _EachLabel(Objective):
    """A value for each label, NaN where there is none. Labels have the shape of logits."""

    no_label = torch.nan

    def labelled(self, labels: Tensor) -> Tensor:
        """True on items that have a label."""
        return ~labels.isnan()

    def seen(self, teacher_logits: Tensor) -> Tensor:
        """True on items that the teacher has outputs for."""
        return ~teacher_logits.isnan()

    def unlabelled(self, logits: Tensor) -> Tensor:
        """Labels of which there is none."""
        return torch.full_like(logits, torch.nan, dtype=torch.float32)


class SeveralLabels(_EachLabel):
    """Any of several labels: 1 for each that holds, 0 for each that does not."""

    def check(self, settings: DistillSettings) -> None:
        """Refuses losses that are about labels of which one holds."""
        if settings.loss_fn not in ("kl", "mse"):
            raise UserError(f"--kd_loss_fn must be kl or mse for texts of several labels, got {settings.loss_fn}")

    def best(self, logits: Tensor) -> Tensor:
        """Whether each label more likely holds than not."""
        return (logits > 0).float()

    def probability(self, logits: Tensor, labels: Tensor) -> Tensor:
        """The probability that each label is what it is said to be."""
        return torch.where(labels > 0.5, logits, -logits).sigmoid().nan_to_num(0.0)

    def sum_hard(self, logits: Tensor, labels: Tensor, weights: Tensor | None) -> Tensor:
        """Binary cross-entropy of each label."""
        return binary_cross_entropy(logits, labels, self.labelled(labels), weights=weights)

    def sum_soft(self, settings: DistillSettings, student: Tensor, teacher: Tensor, weights: Tensor | None) -> Tensor:
        """Divergence of each label's two probabilities, or squared error of its logit."""
        seen = self.seen(teacher)
        if settings.loss_fn == "mse":
            return squared_error(student.unsqueeze(-1), teacher.unsqueeze(-1), seen, weights=weights)
        return binary_divergence(student, teacher, seen, temperature=settings.temperature, weights=weights)


class OneNumber(_EachLabel):
    """A regression. A number has no probability, so a teacher's is no label either."""

    def check(self, settings: DistillSettings) -> None:
        """Refuses what is about probabilities."""
        if settings.loss_fn != "mse":
            raise UserError(f"--kd_loss_fn must be mse for a regression, got {settings.loss_fn}")
        if settings.min_confidence or settings.weight_by_confidence:
            raise UserError("a regression has no probabilities: no --pseudo_threshold, no --weight_by_confidence")

    def best(self, logits: Tensor) -> Tensor:
        """None."""
        return self.unlabelled(logits)

    def probability(self, logits: Tensor, labels: Tensor) -> Tensor:
        """None: 0."""
        return torch.zeros_like(labels)

    def sum_hard(self, logits: Tensor, labels: Tensor, weights: Tensor | None) -> Tensor:
        """Squared error."""
        return squared_error(logits.unsqueeze(-1), labels.unsqueeze(-1), self.labelled(labels), weights=weights)

    def sum_soft(self, settings: DistillSettings, student: Tensor, teacher: Tensor, weights: Tensor | None) -> Tensor:
        """Squared error."""
        return squared_error(student.unsqueeze(-1), teacher.unsqueeze(-1), self.seen(teacher), weights=weights)


OBJECTIVES: dict[TextTask, Objective] = {
    "one_label": OneLabel(),
    "multi_label": SeveralLabels(),
    "regression": OneNumber(),
}
"""By task."""
