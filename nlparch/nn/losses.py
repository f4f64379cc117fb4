"""Losses over the words (or texts) of a batch, as sums: callers divide by counts of the whole accumulated batch.

One rule for every mask: what it leaves out may hold anything, NaN and -100 included, and adds exactly 0 to the value
and to every gradient. So masked positions are left out before any arithmetic, not multiplied by 0 after it.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def kl_divergence(student: Tensor, teacher: Tensor, mask: Tensor, *, temperature: float = 1.0) -> Tensor:
    """Sum over the mask of KL(softmax(teacher / T) || softmax(student / T)), times T^2.

    The factor keeps the size of the gradients independent of the temperature (Hinton et al., 2015, section 2).

    Args:
        student: logits. Shape: (..., labels)
        teacher: logits; -inf is a label of probability 0. Shape: (..., labels)
        mask: True on what counts. Shape: (...)
        temperature: divides both logits.

    Returns:
        A scalar.
    """
    student_log_probs = (student[mask] / temperature).log_softmax(-1)
    # Finite, because kl_div makes 0 * -inf, which is NaN, of a label that the teacher rules out.
    teacher_log_probs = (teacher[mask] / temperature).log_softmax(-1).clamp(min=torch.finfo(teacher.dtype).min)
    return temperature**2 * F.kl_div(student_log_probs, teacher_log_probs, reduction="sum", log_target=True)


def squared_error(student: Tensor, teacher: Tensor, mask: Tensor) -> Tensor:
    """Sum over the mask of the mean over labels of (student - teacher)^2.

    Args:
        student: logits. Shape: (..., labels)
        teacher: logits. Shape: (..., labels)
        mask: True on what counts. Shape: (...)

    Returns:
        A scalar.
    """
    return F.mse_loss(student[mask], teacher[mask], reduction="sum") / student.shape[-1]


def cross_entropy(student: Tensor, labels: Tensor, mask: Tensor) -> Tensor:
    """Sum over the mask of the cross-entropy.

    Args:
        student: logits. Shape: (..., labels)
        labels: Shape: (...)
        mask: True on what counts. Shape: (...)

    Returns:
        A scalar.
    """
    return F.cross_entropy(student[mask], labels[mask], reduction="sum")
