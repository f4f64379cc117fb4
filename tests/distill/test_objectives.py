"""The loss of texts with several labels, and of numbers, against slow versions."""

import math
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from nlparch.distill.objectives import OBJECTIVES
from nlparch.distill.teacher_student import DistillSettings, TeacherStudentDistill
from nlparch.errors import UserError

NAN = float("nan")


class Several(TeacherStudentDistill):
    objective = OBJECTIVES["multi_label"]


class Number(TeacherStudentDistill):
    objective = OBJECTIVES["regression"]


class Single(TeacherStudentDistill):
    objective = OBJECTIVES["one_label"]


def sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def slow_several(
    how: DistillSettings, student: Tensor, labels: Tensor, teacher: Tensor, has_gold: Tensor
) -> tuple[float, float]:
    """Hard and soft, label by label of each text."""
    hard, soft = [(0.0, 0.0)], [(0.0, 0.0)]
    for row in range(len(labels)):
        sure = [
            max(sigmoid(t / how.teacher_temperature), 1 - sigmoid(t / how.teacher_temperature))
            for t in teacher[row].tolist()
            if not math.isnan(t)
        ]
        for label in range(labels.shape[1]):
            s, t, gold = (float(values[row, label]) for values in (student, teacher, labels))
            weight = 1.0
            if not math.isnan(t):
                p = sigmoid(t / how.teacher_temperature)
                confidence = max(p, 1 - p)
                weight = confidence if how.weight_by_confidence else 1.0
                a, b = sigmoid(t / how.temperature), sigmoid(s / how.temperature)
                kl = a * math.log(a / b) + (1 - a) * math.log((1 - a) / (1 - b))
                soft.append(((s - t) ** 2 if how.loss_fn == "mse" else how.temperature**2 * kl, weight))
                if not has_gold[row]:
                    judged = min(sure) if how.confidence_level == "sentence" else confidence
                    gold = (1.0 if t > 0 else 0.0) if judged >= how.min_confidence else NAN
            if not math.isnan(gold):
                p = sigmoid(s)
                value = -gold * math.log(p) - (1 - gold) * math.log(1 - p)
                hard.append((value, 1.0 if has_gold[row] else weight))
    mean_hard, mean_soft = (sum(v * w for v, w in term) / (sum(w for _, w in term) or 1) for term in (hard, soft))
    return mean_hard, mean_soft


@st.composite
def lessons(draw: st.DrawFn) -> SimpleNamespace:
    batch, n_labels = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    random = torch.Generator().manual_seed(draw(st.integers(0, 10**6)))
    student, teacher = (2 * torch.randn(batch, n_labels, generator=random) for _ in range(2))
    teacher[torch.rand(batch, n_labels, generator=random) < draw(st.sampled_from([0.0, 0.3, 1.0]))] = NAN
    labels = torch.randint(2, (batch, n_labels), generator=random).float()
    labels[torch.rand(batch, n_labels, generator=random) < draw(st.sampled_from([0.0, 0.3]))] = NAN
    has_gold = torch.rand(batch, generator=random) < 0.5
    labels[~has_gold] = NAN
    how = DistillSettings(
        temperature=draw(st.sampled_from([0.5, 1.0, 4.0])),
        loss_fn=draw(st.sampled_from(["kl", "mse"])),
        min_confidence=draw(st.sampled_from([0.0, 0.5, 0.7, 0.9])),
        confidence_level=draw(st.sampled_from(["word", "sentence"])),
        weight_by_confidence=draw(st.booleans()),
        teacher_temperature=draw(st.sampled_from([0.5, 1.0, 3.0])),
    )
    return SimpleNamespace(student=student, teacher=teacher, labels=labels, has_gold=has_gold, how=how)


@given(lessons())
def test_the_loss_of_several_labels_is_what_the_formulas_say(lesson: SimpleNamespace) -> None:
    terms = (
        Several()
        .distill_with(lesson.how)
        .taught_loss(lesson.student, lesson.labels, teacher_logits=lesson.teacher, has_gold=lesson.has_gold)
    )
    wanted = slow_several(lesson.how, lesson.student, lesson.labels, lesson.teacher, lesson.has_gold)
    assert terms.soft is not None
    assert (terms.hard.item(), terms.soft.item()) == pytest.approx(wanted, rel=1e-4, abs=1e-4)


@given(lessons(), st.integers(1, 3))
def test_a_batch_in_parts_adds_up_to_the_whole(lesson: SimpleNamespace, n_first: int) -> None:
    model = Several().distill_with(lesson.how)
    batch = {"labels": lesson.labels, "teacher_logits": lesson.teacher, "has_gold": lesson.has_gold}
    whole = model.taught_loss(lesson.student, lesson.labels, lesson.teacher, lesson.has_gold).total
    parts = []
    for some in (slice(0, n_first), slice(n_first, None)):
        part = {name: value[some] for name, value in batch.items()}
        model.settle(part)
        parts.append((lesson.student[some], part, model.count_words(part)))
    counts = {name: sum(part[2][name] for part in parts) for name in ("n_hard", "n_soft")}
    total = sum(model.taught_loss(student, **part, **counts).total for student, part, _ in parts)
    assert torch.allclose(total, whole, atol=1e-5)


@pytest.mark.parametrize("loss_fn", ["kl", "mse"])
def test_what_the_teacher_never_saw_adds_no_value_and_no_gradient(loss_fn: Any) -> None:
    logits, teacher = torch.randn(3, 4, requires_grad=True), torch.randn(3, 4)
    teacher[0, 1], teacher[2] = NAN, NAN
    model = Several().distill_with(DistillSettings(loss_fn=loss_fn))
    terms = model.taught_loss(logits, torch.full((3, 4), NAN), teacher_logits=teacher)
    terms.total.backward()
    assert torch.isfinite(terms.total) and terms.hard == 0
    assert logits.grad is not None and logits.grad.ne(0).equal(~teacher.isnan())


@pytest.mark.parametrize("model,loss_fn", [(Several(), "kl"), (Several(), "mse"), (Number(), "mse"), (Single(), "kl")])
def test_a_student_equal_to_its_teacher_has_no_soft_loss(model: Any, loss_fn: Any) -> None:
    logits = (5 * torch.randn(6, 3)).requires_grad_()
    model.distill_with(DistillSettings(loss_fn=loss_fn, temperature=2.0, student_w=0.0))
    terms = model.taught_loss(logits, model.objective.unlabelled(logits), teacher_logits=logits.detach().clone())
    terms.total.backward()
    assert terms.soft.item() == pytest.approx(0, abs=1e-6)
    assert logits.grad is not None and logits.grad.abs().max() < 1e-6


def test_texts_of_one_label_are_taught_as_words_are() -> None:
    student, teacher, labels = torch.randn(4, 3), torch.randn(4, 3), torch.tensor([0, -100, 2, -100])
    has_gold = torch.tensor([True, False, True, False])
    for level in ("word", "sentence"):
        how = DistillSettings(min_confidence=0.4, confidence_level=level, temperature=2.0)  # type: ignore[arg-type]
        model = Single().distill_with(how)
        of_texts = model.taught_loss(student, labels, teacher, has_gold)
        as_words = model.taught_loss(student[:, None], labels[:, None], teacher[:, None], has_gold)
        assert of_texts.total.item() == pytest.approx(as_words.total.item())


def test_numbers_are_taught_by_squared_errors_and_make_no_pseudo_labels() -> None:
    student = torch.tensor([[1.0], [2.0], [3.0]])
    teacher, labels = torch.tensor([[2.0], [2.0], [NAN]]), torch.tensor([[0.0], [NAN], [5.0]])
    model = Number().distill_with(DistillSettings(loss_fn="mse", dist_w=3.0))
    terms = model.taught_loss(student, labels, teacher, has_gold=torch.tensor([True, False, True]))
    assert terms.hard.item() == pytest.approx((1 + 4) / 2) and terms.soft.item() == pytest.approx(1 / 2)
    assert terms.total.item() == pytest.approx(2.5 + 1.5)


@pytest.mark.parametrize(
    "model,settings,complaint",
    [
        (Several(), {"loss_fn": "dkd"}, "kd_loss_fn must be kl or mse for texts of several labels, got dkd"),
        (Several(), {"entity_weight": 2.0}, "--entity_weight"),
        (Number(), {"loss_fn": "kl"}, "kd_loss_fn must be mse for a regression, got kl"),
        (Number(), {"loss_fn": "mse", "min_confidence": 0.5}, "a regression has no probabilities"),
        (Number(), {"loss_fn": "mse", "weight_by_confidence": True}, "a regression has no probabilities"),
        (Single(), {"entity_weight": 2.0}, "--entity_weight"),
    ],
)
def test_settings_that_mean_nothing_are_refused(model: Any, settings: Any, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        model.distill_with(DistillSettings(**settings))
