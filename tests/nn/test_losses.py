import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nlparch.nn.losses import (
    binary_cross_entropy,
    binary_divergence,
    cross_entropy,
    decoupled_divergence,
    kl_divergence,
    squared_error,
    standardised_divergence,
)

SHAPES = st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(1, 6), st.integers(0, 10_000))
LOSSES = (kl_divergence, standardised_divergence, decoupled_divergence, squared_error)


def random_batch(batch: int, words: int, n_labels: int, seed: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    student = torch.randn(batch, words, n_labels, generator=generator, dtype=torch.float64, requires_grad=True)
    teacher = 3 * torch.randn(batch, words, n_labels, generator=generator, dtype=torch.float64)
    labels = torch.randint(0, n_labels, (batch, words), generator=generator)
    mask = torch.rand(batch, words, generator=generator) < 0.6
    return student, teacher, labels, mask


def softmax(logits: list[float], temperature: float = 1.0) -> list[float]:
    weights = [math.exp(value / temperature) for value in logits]
    return [weight / sum(weights) for weight in weights]


def masked_positions(mask: Tensor) -> list[tuple[int, int]]:
    return [(row, word) for row, words in enumerate(mask.tolist()) for word, counts in enumerate(words) if counts]


@settings(deadline=None, max_examples=50)
@given(SHAPES, st.floats(0.5, 8.0))
def test_kl_divergence_is_the_sum_over_masked_words_times_the_squared_temperature(shape, temperature):
    student, teacher, _, mask = random_batch(*shape)
    expected = 0.0
    for row, word in masked_positions(mask):
        s = softmax(student[row, word].tolist(), temperature)
        t = softmax(teacher[row, word].tolist(), temperature)
        expected += temperature**2 * sum(p * math.log(p / q) for p, q in zip(t, s, strict=True))
    value = kl_divergence(student, teacher, mask, temperature=temperature)
    assert value.item() == pytest.approx(expected, abs=1e-9)


def divergence(teacher: list[float], student: list[float]) -> float:
    """Of two distributions."""
    return sum(p * math.log(p / q) for p, q in zip(teacher, student, strict=True))


def standardised(logits: list[float]) -> list[float]:
    mean = sum(logits) / len(logits)
    deviation = math.sqrt(sum((value - mean) ** 2 for value in logits) / len(logits) + 1e-7)
    return [(value - mean) / deviation for value in logits]


def decoupled(teacher: list[float], student: list[float], alpha: float, beta: float) -> float:
    """Of two distributions, after equations 5 and 6 of the paper."""
    target = teacher.index(max(teacher))
    if len(teacher) == 1:
        return 0.0
    pairs = [(p[target], 1 - p[target]) for p in (teacher, student)]
    others = [[p[k] / (1 - p[target]) for k in range(len(p)) if k != target] for p in (teacher, student)]
    return alpha * divergence(*map(list, pairs)) + beta * divergence(*others)


@settings(deadline=None, max_examples=50)
@given(SHAPES, st.floats(0.5, 8.0))
def test_standardised_divergence_is_that_of_logits_of_mean_0_and_deviation_1(shape, temperature):
    student, teacher, _, mask = random_batch(*shape)
    expected = 0.0
    for row, word in masked_positions(mask):
        s, t = (softmax(standardised(logits[row, word].tolist()), temperature) for logits in (student, teacher))
        expected += temperature**2 * divergence(t, s)
    value = standardised_divergence(student, teacher, mask, temperature=temperature)
    assert value.item() == pytest.approx(expected, abs=1e-9)


@settings(deadline=None, max_examples=50)
@given(SHAPES, st.floats(0.5, 8.0), st.floats(0, 3), st.floats(0, 9))
def test_decoupled_divergence_is_what_its_two_parts_say(shape, temperature, alpha, beta):
    student, teacher, _, mask = random_batch(*shape)
    expected = 0.0
    for row, word in masked_positions(mask):
        s, t = (softmax(logits[row, word].tolist(), temperature) for logits in (student, teacher))
        expected += temperature**2 * decoupled(t, s, alpha, beta)
    value = decoupled_divergence(student, teacher, mask, temperature=temperature, target_w=alpha, others_w=beta)
    assert value.item() == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_the_plain_divergence_weighs_the_others_by_what_the_target_leaves():
    """Equation 7 of the paper, with which its argument begins."""
    student, teacher, _, _ = random_batch(1, 1, 5, 3)
    left = 1 - teacher.softmax(-1).max().item()
    everywhere = torch.ones(1, 1, dtype=torch.bool)
    plain = kl_divergence(student, teacher, everywhere)
    assert decoupled_divergence(student, teacher, everywhere, others_w=left).item() == pytest.approx(plain.item())


def test_the_size_of_logits_is_nothing_to_the_standardised_divergence():
    student, teacher, _, mask = random_batch(3, 4, 5, 0)
    one, other = (standardised_divergence(student, t, mask) for t in (teacher, 7 * teacher + 3))
    assert one.item() == pytest.approx(other.item(), rel=1e-6)
    alike = torch.zeros(1, 3, requires_grad=True)
    standardised_divergence(alike, torch.randn(1, 3), torch.tensor([True])).backward()
    assert alike.grad.isfinite().all()


@settings(deadline=None, max_examples=30)
@given(SHAPES)
def test_weights_are_how_often_a_word_counts(shape):
    student, teacher, labels, mask = random_batch(*shape)
    weights = torch.randint(0, 4, mask.shape, generator=torch.Generator().manual_seed(shape[0])).double()
    times = weights.long().flatten()
    again = [tensor.flatten(0, 1).repeat_interleave(times, 0) for tensor in (student, teacher, labels, mask)]
    for loss in LOSSES:
        weighted = loss(student, teacher, mask, weights=weights)
        assert weighted.item() == pytest.approx(loss(again[0], again[1], again[3]).item(), abs=1e-9)
    weighted = cross_entropy(student, labels, mask, weights=weights)
    assert weighted.item() == pytest.approx(cross_entropy(again[0], again[2], again[3]).item(), abs=1e-9)


@settings(deadline=None, max_examples=50)
@given(SHAPES)
def test_squared_error_is_the_sum_over_masked_words_of_the_mean_over_labels(shape):
    student, teacher, _, mask = random_batch(*shape)
    expected = 0.0
    for row, word in masked_positions(mask):
        pairs = zip(student[row, word].tolist(), teacher[row, word].tolist(), strict=True)
        expected += sum((s - t) ** 2 for s, t in pairs) / shape[2]
    assert squared_error(student, teacher, mask).item() == pytest.approx(expected, abs=1e-9)


@settings(deadline=None, max_examples=50)
@given(SHAPES)
def test_cross_entropy_is_the_sum_over_masked_words(shape):
    student, _, labels, mask = random_batch(*shape)
    expected = -sum(
        math.log(softmax(student[row, word].tolist())[int(labels[row, word])]) for row, word in masked_positions(mask)
    )
    assert cross_entropy(student, labels, mask).item() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("garbage", [math.nan, math.inf, -math.inf])
def test_what_the_mask_leaves_out_changes_neither_value_nor_gradient(loss, garbage):
    student, teacher, _, mask = random_batch(3, 4, 5, 0)
    clean = loss(student, teacher, mask)
    (clean_gradient,) = torch.autograd.grad(clean, student)
    spoilt = student.detach().masked_fill(~mask.unsqueeze(-1), garbage).requires_grad_()
    value = loss(spoilt, teacher.masked_fill(~mask.unsqueeze(-1), garbage), mask)
    value.backward()
    assert torch.equal(value, clean)
    assert torch.equal(spoilt.grad, clean_gradient)
    assert (spoilt.grad[~mask] == 0).all()


@pytest.mark.parametrize("garbage", [math.nan, math.inf, -math.inf])
def test_cross_entropy_ignores_garbage_outside_the_mask(garbage):
    student, _, labels, mask = random_batch(3, 4, 5, 0)
    spoilt = student.detach().masked_fill(~mask.unsqueeze(-1), garbage).requires_grad_()
    value = cross_entropy(spoilt, labels.masked_fill(~mask, -100), mask)
    value.backward()
    assert torch.equal(value, cross_entropy(student, labels, mask))
    assert spoilt.grad.isfinite().all()
    assert (spoilt.grad[~mask] == 0).all()


def test_an_empty_mask_gives_zero_loss_and_zero_gradient():
    student, teacher, labels, mask = random_batch(2, 3, 4, 0)
    nothing = torch.zeros_like(mask)
    total = sum(loss(student, teacher, nothing) for loss in LOSSES)
    total = total + cross_entropy(student, labels, nothing)
    total.backward()
    assert total.item() == 0
    assert (student.grad == 0).all()


def test_a_student_equal_to_its_teacher_has_exactly_zero_loss():
    logits = torch.randn(2, 3, 4)
    mask = torch.ones(2, 3, dtype=torch.bool)
    for loss in LOSSES:
        assert loss(logits, logits.clone(), mask).item() == 0
    for loss in (kl_divergence, standardised_divergence, decoupled_divergence):
        assert loss(logits, logits.clone(), mask, temperature=2.0).item() == 0


def test_a_label_that_the_teacher_rules_out_adds_nothing_to_the_divergence():
    student = torch.tensor([[0.3, -0.2, 0.9]])
    teacher = torch.tensor([[1.0, 2.0, -math.inf]])
    log_probs = student.log_softmax(-1)[0, :2]
    expected = (teacher.softmax(-1)[0, :2] * (teacher.log_softmax(-1)[0, :2] - log_probs)).sum()
    assert torch.allclose(kl_divergence(student, teacher, torch.tensor([True])), expected)


def test_losses_take_texts_as_well_as_words():
    student, teacher = torch.randn(5, 3), torch.randn(5, 3)
    mask = torch.tensor([True, False, True, True, False])
    assert torch.allclose(
        squared_error(student, teacher, mask), (student[mask] - teacher[mask]).square().mean(-1).sum()
    )


@settings(deadline=None, max_examples=50)
@given(SHAPES, st.floats(0.5, 8.0))
def test_binary_losses_are_those_of_each_label_by_itself(shape, temperature):
    student, teacher, _, _ = random_batch(*shape)
    mask = torch.rand(student.shape, generator=torch.Generator().manual_seed(shape[-1])) < 0.6
    holds = (teacher > 0).double()
    weights = torch.rand(mask.shape, dtype=torch.float64)
    kl = entropy = 0.0
    for s, t, held, weight in zip(
        student[mask].tolist(), teacher[mask].tolist(), holds[mask].tolist(), weights[mask].tolist(), strict=True
    ):
        p, q = ([1 / (1 + math.exp(-x / temperature)), 1 / (1 + math.exp(x / temperature))] for x in (t, s))
        kl += weight * temperature**2 * divergence(p, q)
        entropy -= weight * math.log(1 / (1 + math.exp(-s if held else s)))
    found = binary_divergence(student, teacher, mask, temperature=temperature, weights=weights)
    assert found.item() == pytest.approx(kl, abs=1e-9)
    assert binary_cross_entropy(student, holds, mask, weights=weights).item() == pytest.approx(entropy, abs=1e-9)


@given(SHAPES)
def test_what_a_binary_loss_leaves_out_may_hold_anything(shape):
    student, teacher, _, mask = random_batch(*shape)
    mask = mask.unsqueeze(-1).expand(student.shape)
    broken = torch.where(mask, teacher, math.nan)
    holds = torch.where(mask, (teacher > 0).double(), math.nan)
    loss = binary_divergence(student, broken, mask) + binary_cross_entropy(student, holds, mask)
    (grad,) = torch.autograd.grad(loss, student)
    assert torch.isfinite(loss) and grad[~mask].eq(0).all() and torch.isfinite(grad).all()
