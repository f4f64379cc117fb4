import itertools
import math
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.utils.data import SequentialSampler
from transformers import Trainer, TrainerCallback

from nlparch.batches import TaggingCollator, TaggingExamples
from nlparch.data.labels import IGNORED_LABEL, match_labels
from nlparch.distill.cache import TeacherOutputs
from nlparch.distill.teacher_student import DistillSettings, TeacherStudentDistill
from nlparch.errors import UserError
from nlparch.training import DistillTrainer, TrainingPlan, training_arguments

NAN = float("nan")


class Student(TeacherStudentDistill):
    """The mixin alone, as a model of texts has it: a label a place, no scheme."""

    outside_label = 0


def log_softmax(values: list[float]) -> list[float]:
    top = max(values)
    total = math.log(sum(math.exp(value - top) for value in values)) + top
    return [value - total for value in values]


def best_of(how: DistillSettings, teacher: list[float]) -> tuple[int, float]:
    """The teacher's best label of a word, and the probability that it gives it."""
    probabilities = [math.exp(value) for value in log_softmax([x / how.teacher_temperature for x in teacher])]
    return probabilities.index(max(probabilities)), max(probabilities)


def slow_soft(how: DistillSettings, s: list[float], t: list[float]) -> float:
    """The soft term of a word."""
    if how.loss_fn == "mse":
        return sum((a - b) ** 2 for a, b in zip(s, t, strict=True)) / len(s)
    if how.loss_fn == "kl-std":
        s, t = standardised(s), standardised(t)
    p, q = ([math.exp(x) for x in log_softmax([y / how.temperature for y in logits])] for logits in (t, s))
    kl = sum(a * math.log(a / b) for a, b in zip(p, q, strict=True))
    if how.loss_fn == "dkd" and len(p) > 1:
        best = p.index(max(p))
        of_target = sum(a * math.log(a / b) for a, b in ((p[best], q[best]), (1 - p[best], 1 - q[best])))
        kl = how.dkd_alpha * of_target + how.dkd_beta * (kl - of_target) / (1 - p[best])
    return how.temperature**2 * kl


def standardised(logits: list[float]) -> list[float]:
    mean = sum(logits) / len(logits)
    deviation = math.sqrt(sum((value - mean) ** 2 for value in logits) / len(logits) + 1e-7)
    return [(value - mean) / deviation for value in logits]


def slow_loss(
    how: DistillSettings, student: Tensor, labels: Tensor, teacher: Tensor | None, has_gold: Tensor | None
) -> tuple[float, float, float | None]:
    """Total, hard and soft, word by word as the contract says it: values and their weights."""
    hard, soft = [(0.0, 0.0)], [(0.0, 0.0)]
    for row, word in itertools.product(*map(range, labels.shape)):
        s, gold, sure = student[row, word].tolist(), int(labels[row, word]), 1.0
        t = None if teacher is None or teacher[row, word].isnan().any() else teacher[row, word].tolist()
        if t is not None:
            best, probability = best_of(how, t)
            sure = probability if how.weight_by_confidence else 1.0
            soft.append((slow_soft(how, s, t), sure * (how.entity_weight if best != 0 else 1.0)))
            if has_gold is not None and not has_gold[row]:
                if how.confidence_level == "sentence":
                    probability = min(
                        best_of(how, other.tolist())[1] for other in teacher[row] if not other.isnan().any()
                    )
                gold = best if probability >= how.min_confidence else IGNORED_LABEL
        if gold != IGNORED_LABEL:
            sure = sure if has_gold is not None and not has_gold[row] else 1.0
            hard.append((-log_softmax(s)[gold], sure * (how.entity_weight if gold != 0 else 1.0)))
    mean_hard, mean_soft = (
        sum(value * weight for value, weight in term) / (sum(weight for _, weight in term) or 1)
        for term in (hard, soft)
    )
    if teacher is None:
        return how.student_w * mean_hard, mean_hard, None
    return how.student_w * mean_hard + how.dist_w * mean_soft, mean_hard, mean_soft


@st.composite
def lessons(draw: st.DrawFn) -> SimpleNamespace:
    batch, n_words, n_labels = draw(st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4)))
    random = torch.Generator().manual_seed(draw(st.integers(0, 10**6)))
    student = 2 * torch.randn(batch, n_words, n_labels, generator=random, dtype=torch.float32)
    teacher = 2 * torch.randn(batch, n_words, n_labels, generator=random, dtype=torch.float32)
    teacher[torch.rand(batch, n_words, generator=random) < draw(st.sampled_from([0.0, 0.4, 1.0]))] = NAN
    labels = torch.randint(n_labels, (batch, n_words), generator=random)
    labels[torch.rand(batch, n_words, generator=random) < draw(st.sampled_from([0.0, 0.4, 1.0]))] = IGNORED_LABEL
    has_gold = torch.rand(batch, generator=random) < 0.5
    labels[~has_gold] = IGNORED_LABEL
    how = DistillSettings(
        temperature=draw(st.sampled_from([0.5, 1.0, 4.0])),
        dist_w=draw(st.sampled_from([0.0, 0.3, 1.0])),
        student_w=draw(st.sampled_from([0.7, 1.0])),
        loss_fn=draw(st.sampled_from(["kl", "kl-std", "dkd", "mse"])),
        dkd_alpha=draw(st.sampled_from([0.5, 1.0])),
        dkd_beta=draw(st.sampled_from([0.0, 8.0])),
        entity_weight=draw(st.sampled_from([0.1, 1.0, 5.0])),
        min_confidence=draw(st.sampled_from([0.0, 0.5, 0.9])),
        confidence_level=draw(st.sampled_from(["word", "sentence"])),
        weight_by_confidence=draw(st.booleans()),
        teacher_temperature=draw(st.sampled_from([0.5, 1.0, 3.0])),
    )
    return SimpleNamespace(student=student, teacher=teacher, labels=labels, has_gold=has_gold, how=how)


@given(lessons())
def test_the_loss_is_what_the_formulas_say(lesson: SimpleNamespace) -> None:
    terms = (
        Student()
        .distill_with(lesson.how)
        .taught_loss(lesson.student, lesson.labels, teacher_logits=lesson.teacher, has_gold=lesson.has_gold)
    )
    total, hard, soft = slow_loss(lesson.how, lesson.student, lesson.labels, lesson.teacher, lesson.has_gold)
    assert terms.soft is not None
    assert [terms.total.item(), terms.hard.item(), terms.soft.item()] == pytest.approx(
        [total, hard, soft], rel=1e-4, abs=1e-4
    )


@given(lessons())
def test_without_a_teacher_the_loss_is_the_weighted_hard_term(lesson: SimpleNamespace) -> None:
    terms = Student().distill_with(lesson.how).taught_loss(lesson.student, lesson.labels)
    total, hard, _ = slow_loss(lesson.how, lesson.student, lesson.labels, None, None)
    assert terms.soft is None
    assert [terms.total.item(), terms.hard.item()] == pytest.approx([total, hard], abs=1e-4)


def test_without_settings_the_loss_is_cross_entropy() -> None:
    logits, labels = torch.randn(2, 3, 4), torch.tensor([[0, 1, 2], [3, -100, -100]])
    expected = torch.nn.functional.cross_entropy(logits.flatten(0, 1), labels.flatten())
    assert torch.allclose(Student().taught_loss(logits, labels).total, expected)


@pytest.mark.parametrize("temperature", [0.25, 1.0, 2.0, 20.0])
@pytest.mark.parametrize("loss_fn", ["kl", "kl-std", "dkd", "mse"])
def test_a_student_equal_to_its_teacher_has_no_soft_loss(loss_fn: Any, temperature: float) -> None:
    logits = (10 * torch.randn(3, 5, 7)).requires_grad_()
    student = Student().distill_with(DistillSettings(loss_fn=loss_fn, temperature=temperature, student_w=0.0))
    terms = student.taught_loss(logits, torch.full((3, 5), IGNORED_LABEL), teacher_logits=logits.detach().clone())
    terms.total.backward()
    assert terms.soft is not None and abs(terms.soft.item()) < 1e-6
    assert logits.grad is not None and logits.grad.abs().max() < 1e-6


@given(lessons(), st.integers(1, 3), st.integers(0, 2))
def test_padding_changes_nothing(lesson: SimpleNamespace, n_words: int, n_rows: int) -> None:
    def pad(values: Tensor, filling: float) -> Tensor:
        shape = (values.shape[0] + n_rows, values.shape[1] + n_words, *values.shape[2:])
        padded = torch.full(shape, filling, dtype=values.dtype)
        padded[: values.shape[0], : values.shape[1]] = values
        return padded

    model = Student().distill_with(lesson.how)
    has_gold = torch.cat([lesson.has_gold, torch.ones(n_rows, dtype=torch.bool)])
    found = []
    for student, labels, teacher, gold in (
        (lesson.student.clone(), lesson.labels, lesson.teacher, lesson.has_gold),
        (pad(lesson.student, NAN), pad(lesson.labels, IGNORED_LABEL), pad(lesson.teacher, NAN), has_gold),
    ):
        student.requires_grad_()
        terms = model.taught_loss(student, labels, teacher_logits=teacher, has_gold=gold)
        terms.total.backward()
        found.append((terms.total.detach(), student.grad))
    (loss, grad), (padded_loss, padded_grad) = found
    assert torch.allclose(loss, padded_loss, atol=1e-6)
    assert torch.allclose(pad(grad, 0.0), padded_grad, atol=1e-7)


@pytest.mark.parametrize("loss_fn", ["kl", "kl-std", "dkd", "mse"])
def test_words_the_teacher_never_saw_add_no_value_and_no_gradient(loss_fn: Any) -> None:
    logits, teacher = torch.randn(1, 4, 3, requires_grad=True), torch.randn(1, 4, 3)
    teacher[0, 1] = NAN
    student = Student().distill_with(DistillSettings(loss_fn=loss_fn))
    unlabelled = torch.full((1, 4), IGNORED_LABEL)
    terms = student.taught_loss(logits, unlabelled, teacher_logits=teacher)
    terms.total.backward()
    seen = [0, 2, 3]
    alone = student.taught_loss(logits[:, seen], unlabelled[:, seen], teacher_logits=teacher[:, seen])
    assert torch.equal(terms.total, alone.total)
    assert logits.grad is not None and logits.grad[0, 1].eq(0).all() and logits.grad[0, seen].ne(0).any(-1).all()


def test_a_term_without_words_is_zero() -> None:
    logits = torch.randn(2, 3, 4, requires_grad=True)
    terms = (
        Student()
        .distill_with(DistillSettings())
        .taught_loss(logits, torch.full((2, 3), IGNORED_LABEL), teacher_logits=torch.full((2, 3, 4), NAN))
    )
    terms.total.backward()
    assert terms.total == terms.hard == terms.soft == 0
    assert logits.grad is not None and logits.grad.eq(0).all()


def test_pseudo_labels_fill_only_rows_without_gold_and_only_sure_words() -> None:
    sure, doubtful, unseen = [4.0, 0.0, 0.0], [0.3, 0.2, 0.1], [NAN] * 3
    teacher = torch.tensor([[sure, doubtful, unseen], [sure, doubtful, unseen]])
    gold = torch.tensor([[IGNORED_LABEL, 2, 1], [IGNORED_LABEL] * 3])
    model = Student().distill_with(DistillSettings(min_confidence=0.5))
    found = model.hard_labels(gold, teacher, torch.tensor([True, False]))
    assert found.tolist() == [[-100, 2, 1], [0, -100, -100]]
    assert gold.tolist() == [[-100, 2, 1], [-100, -100, -100]], "the batch itself stays as it was"
    assert Student().hard_labels(gold, teacher, torch.tensor([True, False])).tolist()[1] == [0, 0, -100]


def test_a_sentence_is_taken_whole_or_not_at_all_by_its_least_sure_word() -> None:
    sure, doubtful, unseen = [4.0, 0.0, 0.0], [0.3, 0.2, 0.1], [NAN] * 3
    teacher = torch.tensor([[sure, doubtful], [sure, unseen], [sure, sure]])
    model = Student().distill_with(DistillSettings(min_confidence=0.5, confidence_level="sentence"))
    nothing = torch.full((3, 2), IGNORED_LABEL)
    found = model.hard_labels(nothing, teacher, torch.zeros(3, dtype=torch.bool))
    assert found.tolist() == [[-100, -100], [0, -100], [0, 0]]


def test_a_calibrated_teacher_is_less_sure() -> None:
    teacher = torch.tensor([[[2.0, 0.0]]])
    nothing, no_gold = torch.full((1, 1), IGNORED_LABEL), torch.tensor([False])
    for temperature, label in ((1.0, 0), (4.0, IGNORED_LABEL)):
        how = DistillSettings(min_confidence=0.7, teacher_temperature=temperature, weight_by_confidence=True)
        model = Student().distill_with(how)
        assert model.hard_labels(nothing, teacher, no_gold).item() == label
        expected = 1 / (1 + math.exp(-2.0 / temperature))
        assert model.soft_weights(teacher).item() == pytest.approx(expected)


def test_has_gold_decides_and_not_whether_a_row_has_labels() -> None:
    teacher = torch.randn(1, 2, 3)
    nothing = torch.full((1, 2), IGNORED_LABEL)
    assert Student().hard_labels(nothing, teacher, torch.tensor([True])).eq(IGNORED_LABEL).all()
    assert Student().hard_labels(nothing, teacher, None).eq(IGNORED_LABEL).all()


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(1, 4))
def test_pseudo_labels_are_the_best_legal_path(new_tagger: Any, seed: int, n_words: int) -> None:
    model = new_tagger()
    random = torch.Generator().manual_seed(seed)
    teacher = 2 * torch.randn(1, n_words, 5, generator=random)
    legal = model.label_set.legal()
    log_probs = teacher[0].log_softmax(-1)

    def score(path: tuple[int, ...]) -> float:
        moves = all(legal.moves[a, b] for a, b in itertools.pairwise(path))
        if not (legal.start[path[0]] and moves and legal.end[path[-1]]):
            return -math.inf
        return sum(log_probs[word, label].item() for word, label in enumerate(path))

    best = max(itertools.product(range(5), repeat=n_words), key=score)
    found = model.hard_labels(torch.full((1, n_words), IGNORED_LABEL), teacher, torch.tensor([False]))
    assert found[0].tolist() == list(best)


def test_pseudo_labels_skip_a_word_the_teacher_never_saw(new_tagger: Any) -> None:
    model = new_tagger()  # B-LOC, B-PER, I-LOC, I-PER, O
    teacher = torch.full((2, 4, 5), -9.0)
    teacher[0, [0, 2], [1, 3]] = 9.0
    teacher[0, [1, 3]] = NAN
    teacher[1] = NAN
    found = model.hard_labels(torch.full((2, 4), IGNORED_LABEL), teacher, torch.tensor([False, False]))
    assert found.tolist() == [[1, -100, 3, -100], [-100] * 4]


@pytest.mark.parametrize(
    ("values", "rule"),
    [
        ({"temperature": 0.0}, "temperature must be positive, got 0.0"),
        ({"temperature": -1.0}, "temperature must be positive, got -1.0"),
        ({"temperature": NAN}, "temperature must be positive, got nan"),
        ({"dist_w": -0.1}, "weights must not be negative"),
        ({"dist_w": 0.0, "student_w": 0.0}, "nor both zero"),
        ({"loss_fn": "cosine"}, "loss_fn must be one of kl, kl-std, dkd, mse, got 'cosine'"),
        ({"dkd_alpha": 0.0, "dkd_beta": 0.0}, "dkd's weights must not be negative, nor both zero, got 0.0 and 0.0"),
        ({"dkd_beta": -1.0}, "dkd's weights must not be negative"),
        ({"entity_weight": 0.0}, "entity_weight must be positive, got 0.0"),
        ({"teacher_temperature": 0.0}, "teacher_temperature must be positive, got 0.0"),
        ({"min_confidence": 1.0}, "min_confidence must be in"),
        ({"min_confidence": -0.5}, "min_confidence must be in"),
    ],
)
def test_bad_settings_are_refused(values: dict[str, Any], rule: str) -> None:
    with pytest.raises(ValueError, match=rule):
        DistillSettings(**values)


def test_a_crf_student_learns_from_the_labels_it_has(new_tagger: Any) -> None:
    model = new_tagger(use_crf=True)
    torch.manual_seed(1)
    emissions, mask = torch.randn(2, 3, 5), torch.tensor([[True, True, True], [True, True, False]])
    labels = torch.tensor([[1, -100, 4], [-100, -100, -100]])
    crf = model.crf

    def score(path: tuple[int, ...]) -> Tensor:
        moves = sum(crf.transitions[a, b] for a, b in itertools.pairwise(path))
        return crf.start[path[0]] + moves + crf.end[path[-1]] + sum(emissions[0, i, tag] for i, tag in enumerate(path))

    every = {path: score(path) for path in itertools.product(range(5), repeat=3)}
    agreeing = [value for path, value in every.items() if path[0] == 1 and path[2] == 4]
    expected = torch.stack(list(every.values())).logsumexp(0) - torch.stack(agreeing).logsumexp(0)
    terms = model.taught_loss(emissions, labels, mask=mask)
    assert torch.allclose(terms.hard, expected / 2, atol=1e-4), "two words have a label"


def test_a_sentence_of_a_crf_counts_as_its_words_do_on_average(new_tagger: Any) -> None:
    model = new_tagger(use_crf=True).distill_with(DistillSettings(entity_weight=3.0))
    emissions, mask = torch.randn(2, 3, 5), torch.tensor([[True, True, True], [True, True, False]])
    labels = torch.tensor([[1, -100, 4], [4, 4, -100]])  # one entity word of two, none of two
    losses = model.crf.negative_log_likelihood(emissions, labels, mask)
    terms = model.taught_loss(emissions, labels, mask=mask)
    assert torch.allclose(terms.hard, (losses[0] * 2 + losses[1]) / (3 + 1 + 1 + 1))


def test_entities_weigh_more_only_where_a_tag_says_what_is_none(new_tagger: Any) -> None:
    for tags in (("A", "B"), ("ADJ", "O", "X")):
        with pytest.raises(UserError, match="--entity_weight is for tags of entities"):
            new_tagger(tags).distill_with(DistillSettings(entity_weight=2.0))


def test_a_crf_student_with_an_illegal_gold_path_has_a_finite_loss(new_tagger: Any) -> None:
    model = new_tagger(use_crf=True)
    terms = model.taught_loss(torch.randn(1, 2, 5), torch.tensor([[4, 3]]), mask=torch.ones(1, 2, dtype=torch.bool))
    assert 0 < terms.total.item() < 100


# Through the trainers


class Gradients(TrainerCallback):
    """Keeps the gradients of the first step."""

    def __init__(self) -> None:
        self.of: dict[str, Tensor] = {}

    def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, model: Any = None, **kwargs: Any) -> None:
        self.of = self.of or {
            name: parameter.grad.clone() for name, parameter in model.named_parameters() if parameter.grad is not None
        }


def teacher_outputs(rows: list[Any], n_labels: int = 5) -> TeacherOutputs:
    """Outputs for every word but each seventh."""
    starts = np.cumsum([0, *(len(words) for words, _ in rows)])
    logits = np.random.default_rng(0).normal(size=(starts[-1], n_labels), scale=2).astype(np.float16)
    logits[::7] = np.nan
    return TeacherOutputs(logits, starts[:-1], np.diff(starts))


def examples(model: Any, rows: list[Any], gold: str, *, teacher: bool = True) -> Any:
    import datasets

    keep = {"all": lambda index: True, "some": lambda index: index % 3 == 0, "none": lambda index: False}[gold]
    tags = [tags if keep(index) else None for index, (_, tags) in enumerate(rows)]
    strings = datasets.List(datasets.Value("string"))
    table = datasets.Dataset.from_dict(
        {"words": [words for words, _ in rows], "tags": tags},
        features=datasets.Features({"words": strings, "tags": strings}),
    )
    return TaggingExamples(table, model.label_set, teacher_outputs(rows) if teacher else None)


def plan(folder: Any, **values: Any) -> TrainingPlan:
    common: dict[str, Any] = dict(epochs=1, batch_size=8, lr=1e-2, max_grad_norm=0.0, use_cpu=True, max_steps=1)
    return TrainingPlan(output_dir=folder, **(common | values))


def distil(folder: Any, model: Any, data: Any, *, teacher: bool = True, **values: Any) -> dict[str, Tensor]:
    gradients = Gradients()
    DistillTrainer(
        plan=plan(folder, **values),
        evaluate_model=None,
        sampler=SequentialSampler(data),
        model=model,
        train_dataset=data,
        data_collator=TaggingCollator(model, match_labels(model.label_set.tags, ()) if teacher else None),
        callbacks=[gradients],
    ).train()
    return gradients.of


STEADY = dict(dropout=0.0, word_dropout=0.0)
STEADY_BERT = dict(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)


LESSONS = {
    "plain": DistillSettings(loss_fn="kl", temperature=2.0, min_confidence=0.3),
    "weighted": DistillSettings(loss_fn="dkd", entity_weight=4.0, min_confidence=0.3, weight_by_confidence=True),
}


@pytest.mark.parametrize("lesson", LESSONS)
@pytest.mark.parametrize("gold", ["all", "some", "none"])
@pytest.mark.parametrize("kind", ["softmax", "crf", "transformer"])
def test_accumulation_changes_no_gradient(
    tmp_path: Any, rows: Any, new_tagger: Any, new_transformer: Any, kind: str, gold: str, lesson: str
) -> None:
    found = []
    for batch_size, accumulation in ((8, 1), (4, 2), (2, 4), (3, 3)):
        model = new_transformer(**STEADY_BERT) if kind == "transformer" else new_tagger(use_crf=kind == "crf", **STEADY)
        model.distill_with(LESSONS[lesson])
        data = examples(model, rows[:8], gold)
        folder = tmp_path / str(batch_size)
        found.append(distil(folder, model, data, batch_size=batch_size, gradient_accumulation=accumulation))
    for other in found[1:]:
        assert other.keys() == found[0].keys()
        for name, gradient in found[0].items():
            assert torch.allclose(gradient, other[name], atol=1e-6), name
    assert any(gradient.abs().max() > 1e-3 for gradient in found[0].values())


def test_accumulation_changes_no_gradient_of_the_dropout_penalty(
    tmp_path: Any, rows: Any, new_tagger: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for batch_size, accumulation in ((8, 1), (3, 3)):
        still = dict(input_dropout=0.0, hidden_dropout=0.0, middle_dropout=0.0)
        model = new_tagger(embedder="id-cnn", drop_penalty=5.0, **still)
        # A dropout that is the same in every batch.
        monkeypatch.setattr(model, "_drop_words", lambda word_ids: word_ids.masked_fill(word_ids % 3 == 2, 1))
        data = examples(model, rows[:8], "all", teacher=False)
        folder = tmp_path / str(batch_size)
        values = dict(batch_size=batch_size, gradient_accumulation=accumulation, teacher=False)
        found.append(distil(folder, model, data, **values))
    for name, gradient in found[0].items():
        assert torch.allclose(gradient, found[1][name], atol=1e-6), name


def test_batch_composition_changes_no_gradient(tmp_path: Any, rows: Any, new_tagger: Any) -> None:
    """The same rows in another order, and so padded otherwise within their micro-batches."""
    order = [5, 0, 7, 2, 1, 6, 4, 3]
    found = []
    for number, chosen in enumerate((range(8), order)):
        model = new_tagger(**STEADY).distill_with(DistillSettings())
        data = examples(model, rows[:8], "all", teacher=False)
        data = torch.utils.data.Subset(data, list(chosen))
        settings = dict(batch_size=4, gradient_accumulation=2, teacher=False)
        found.append(distil(tmp_path / str(number), model, data, **settings))
    for name, gradient in found[0].items():
        assert torch.allclose(gradient, found[1][name], atol=1e-6), name


@pytest.mark.parametrize("lesson", LESSONS)
@pytest.mark.parametrize("kind", ["softmax", "crf", "transformer"])
def test_a_plain_trainer_trains_to_the_same_weights(
    tmp_path: Any, rows: Any, new_tagger: Any, new_transformer: Any, kind: str, lesson: str
) -> None:
    weights = []
    for plain in (False, True):
        model = new_transformer() if kind == "transformer" else new_tagger(use_crf=kind == "crf")
        model.distill_with(replace(LESSONS[lesson], dist_w=0.5))
        data = examples(model, rows[:12], "some")
        values = dict(batch_size=4, max_steps=5, epochs=2, max_grad_norm=1.0)
        if plain:
            arguments = training_arguments(plan(tmp_path / "plain", **values))
            arguments.train_sampling_strategy = "sequential"
            collator = TaggingCollator(model, match_labels(model.label_set.tags, ()))
            Trainer(model=model, args=arguments, train_dataset=data, data_collator=collator).train()
        else:
            distil(tmp_path / "ours", model, data, **values)
        weights.append(model.state_dict())
    for name, value in weights[0].items():
        assert torch.equal(value, weights[1][name]), name
