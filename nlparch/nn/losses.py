"""Losses over the words (or texts) of a batch, as sums: callers divide by counts of the whole accumulated batch.

One rule for every mask: what it leaves out may hold anything, NaN and -100 included, and adds exactly 0 to the value
and to every gradient. So masked positions are left out before any arithmetic, not multiplied by 0 after it.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

# Stands for a label that takes no part: its probability is 0, and 0 times anything finite is 0.
_LEFT_OUT = -1e4


def kl_divergence(
    student: Tensor, teacher: Tensor, mask: Tensor, *, temperature: float = 1.0, weights: Tensor | None = None
) -> Tensor:
    """Sum over the mask of KL(softmax(teacher / T) || softmax(student / T)), times T^2.

    The factor keeps the size of the gradients independent of the temperature (Hinton et al., 2015, section 2).

    Args:
        student: logits. Shape: (..., labels)
        teacher: logits; -inf is a label of probability 0. Shape: (..., labels)
        mask: True on what counts. Shape: (...)
        temperature: divides both logits.
        weights: how much each counts; None: all alike, 1. Shape: (...)

    Returns:
        A scalar.
    """
    divergences = _divergences(student[mask] / temperature, teacher[mask] / temperature)
    return temperature**2 * _sum(divergences, mask, weights)


def standardised_divergence(
    student: Tensor, teacher: Tensor, mask: Tensor, *, temperature: float = 1.0, weights: Tensor | None = None
) -> Tensor:
    """`kl_divergence` of logits that have each been standardised: their mean over labels is 0, their deviation 1.

    So the student learns how the teacher ranks and spaces the labels, not the size of its logits (Sun et al., 2024,
    "Logit Standardization in Knowledge Distillation", algorithm 1).

    Args:
        student: see `kl_divergence`.
        teacher: see `kl_divergence`; finite on the mask.
        mask: see `kl_divergence`.
        temperature: see `kl_divergence`.
        weights: see `kl_divergence`.
    """
    student, teacher = _standardise(student[mask]), _standardise(teacher[mask])
    divergences = _divergences(student / temperature, teacher / temperature)
    return temperature**2 * _sum(divergences, mask, weights)


def decoupled_divergence(
    student: Tensor,
    teacher: Tensor,
    mask: Tensor,
    *,
    temperature: float = 1.0,
    target_w: float = 1.0,
    others_w: float = 1.0,
    weights: Tensor | None = None,
) -> Tensor:
    """The divergence in two parts: the target label against all others together, and the others among themselves.

    In the plain divergence the second part weighs 1 - the target's probability: next to nothing where the teacher is
    sure (Zhao et al., 2022, "Decoupled Knowledge Distillation", equation 7). The target is the teacher's best label:
    raw text has no other.

    Args:
        student: see `kl_divergence`.
        teacher: see `kl_divergence`.
        mask: see `kl_divergence`.
        temperature: see `kl_divergence`.
        target_w: weight of the first part, the paper's alpha.
        others_w: weight of the second, its beta.
        weights: see `kl_divergence`.
    """
    student, teacher = student[mask] / temperature, teacher[mask] / temperature
    target = torch.zeros_like(teacher, dtype=torch.bool).scatter(-1, teacher.argmax(-1, keepdim=True), True)
    of_target = _divergences(_target_or_not(student, target), _target_or_not(teacher, target))
    of_others = _divergences(student.masked_fill(target, _LEFT_OUT), teacher.masked_fill(target, _LEFT_OUT))
    return temperature**2 * _sum(target_w * of_target + others_w * of_others, mask, weights)


def squared_error(student: Tensor, teacher: Tensor, mask: Tensor, *, weights: Tensor | None = None) -> Tensor:
    """Sum over the mask of the mean over labels of (student - teacher)^2.

    Args:
        student: logits. Shape: (..., labels)
        teacher: logits. Shape: (..., labels)
        mask: True on what counts. Shape: (...)
        weights: how much each counts; None: all alike, 1. Shape: (...)

    Returns:
        A scalar.
    """
    return _sum((student[mask] - teacher[mask]).square().mean(-1), mask, weights)


def cross_entropy(student: Tensor, labels: Tensor, mask: Tensor, *, weights: Tensor | None = None) -> Tensor:
    """Sum over the mask of the cross-entropy.

    Args:
        student: logits. Shape: (..., labels)
        labels: Shape: (...)
        mask: True on what counts. Shape: (...)
        weights: how much each counts; None: all alike, 1. Shape: (...)

    Returns:
        A scalar.
    """
    return _sum(F.cross_entropy(student[mask], labels[mask], reduction="none"), mask, weights)


def binary_cross_entropy(student: Tensor, labels: Tensor, mask: Tensor, *, weights: Tensor | None = None) -> Tensor:
    """Sum over the mask of the cross-entropy of labels that hold or not, each by itself.

    Args:
        student: logits. Shape: (...)
        labels: 1 where a label holds, 0 where it does not. Shape: (...)
        mask: True on what counts. Shape: (...)
        weights: how much each counts; None: all alike, 1. Shape: (...)

    Returns:
        A scalar.
    """
    values = F.binary_cross_entropy_with_logits(student[mask], labels[mask].to(student.dtype), reduction="none")
    return _sum(values, mask, weights)


def binary_divergence(
    student: Tensor, teacher: Tensor, mask: Tensor, *, temperature: float = 1.0, weights: Tensor | None = None
) -> Tensor:
    """`kl_divergence` of labels that hold or not, each by itself: of sigmoid(logit / T) and its rest.

    Args:
        student: logits. Shape: (...)
        teacher: logits. Shape: (...)
        mask: True on what counts. Shape: (...)
        temperature: see `kl_divergence`.
        weights: see `kl_divergence`.
    """
    student, teacher = (torch.stack([logits, torch.zeros_like(logits)], -1) for logits in (student, teacher))
    return kl_divergence(student, teacher, mask, temperature=temperature, weights=weights)


def _sum(values: Tensor, mask: Tensor, weights: Tensor | None) -> Tensor:
    """Weighted sum of the values of what the mask leaves in. Shape of `values`: (left in,)"""
    return values.sum() if weights is None else (values * weights[mask]).sum()


def _divergences(student: Tensor, teacher: Tensor) -> Tensor:
    """KL(softmax(teacher) || softmax(student)) of each row. Shapes: (rows, labels), (rows, labels), (rows,)"""
    # Finite, because kl_div makes 0 * -inf, which is NaN, of a label that the teacher rules out.
    teacher_log_probs = teacher.log_softmax(-1).clamp(min=torch.finfo(teacher.dtype).min)
    return F.kl_div(student.log_softmax(-1), teacher_log_probs, reduction="none", log_target=True).sum(-1)


def _standardise(logits: Tensor) -> Tensor:
    centred = logits - logits.mean(-1, keepdim=True)
    # Under the root, so that logits that are all alike have a finite gradient.
    return centred / (centred.square().mean(-1, keepdim=True) + 1e-7).sqrt()


def _target_or_not(logits: Tensor, target: Tensor) -> Tensor:
    """Logits of two classes: the target, and all other labels together. Shape: (rows, 2)"""
    others = logits.masked_fill(target, _LEFT_OUT).logsumexp(-1)
    return torch.stack([logits[target], others], -1)
