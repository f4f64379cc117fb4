from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import torch
from torch.utils.data import SequentialSampler

from nlparch.batches import TextCollator, TextExamples, text_lengths
from nlparch.data.labels import match_labels
from nlparch.data.text_tables import texts_of
from nlparch.distill.cache import TeacherOutputs
from nlparch.distill.teacher_student import DistillSettings
from nlparch.training import DistillTrainer, TrainingPlan

TEXTS = ["Ann Lee flew to Oslo .", "Who is Bo ?", "", "Nothing happened .", "In Lima , it rained .", "Bern"]
LABELS = ["pos", "neg", None, "neutral", None, "unheard of"]


def outputs(values: np.ndarray) -> TeacherOutputs:
    return TeacherOutputs(values.astype(np.float16), np.arange(len(values)), np.ones(len(values), dtype=int))


def test_rows_become_texts_gold_and_outputs() -> None:
    taught = outputs(np.arange(12.0).reshape(6, 2))
    rows = datasets.Dataset.from_dict({"text": TEXTS, "label": LABELS})
    example = TextExamples(rows, "one_label", taught)[3]
    assert example["text"] == "Nothing happened ." and example["gold"] == "neutral"
    assert example["teacher_logits"].tolist() == [[6.0, 7.0]]
    rows = datasets.Dataset.from_dict({"text": TEXTS, "text_pair": TEXTS[::-1], "labels": [["a"], []] + [None] * 4})
    examples = TextExamples(rows, "multi_label").__getitems__([0, 1, 2])
    assert [example["gold"] for example in examples] == [["a"], [], None]
    assert examples[0]["text"] == ("Ann Lee flew to Oslo .", "Bern") and examples[0]["teacher_logits"] is None
    assert texts_of(rows)[5] == ("Bern", TEXTS[0]) and texts_of(rows.remove_columns("text_pair")) == TEXTS
    assert text_lengths(["ab", ("a", "bc"), ""]).tolist() == [2, 3, 0]
    with pytest.raises(ValueError, match="for every row, got 6 for 5 rows"):
        TextExamples(rows.select(range(5)), "one_label", taught)


def test_a_batch_has_the_teacher_s_outputs_in_the_student_s_order(new_text_transformer: Any) -> None:
    model = new_text_transformer()
    names = model.text_labels.names
    match = match_labels(names[::-1], names, gold_order=names)
    taught = outputs(np.arange(18.0).reshape(6, 3))
    rows = datasets.Dataset.from_dict({"text": TEXTS, "label": LABELS})
    batch = TextCollator(model, match)(TextExamples(rows, "one_label", taught).__getitems__([0, 2, 5]))
    assert batch["labels"].tolist() == [2, -100, -100] and batch["has_gold"].tolist() == [True, False, True]
    assert batch["teacher_logits"].tolist() == [[2, 1, 0], [8, 7, 6], [17, 16, 15]]
    assert torch.isfinite(model.distill_with(DistillSettings())(**batch).loss)
    assert "teacher_logits" not in TextCollator(model)(TextExamples(rows, "one_label").__getitems__([0]))


GOLD: dict[str, Any] = {
    "one_label": ("label", ["pos", "neg", None, "neutral", None, "pos"], ("neg", "neutral", "pos"), "kl"),
    "multi_label": ("labels", [["a"], [], None, ["a", "b"], None, ["b"]], ("a", "b"), "kl"),
    "regression": ("label", [0.5, 1.0, None, -1.0, None, 0.0], ("score",), "mse"),
}


@pytest.mark.parametrize("task", GOLD)
@pytest.mark.parametrize("accumulation", [1, 2])
def test_every_task_is_learnt_and_accumulation_changes_nothing(
    new_text_transformer: Any, tmp_path: Path, task: Any, accumulation: int
) -> None:
    column, gold, names, loss_fn = GOLD[task]
    rows = datasets.Dataset.from_dict({"text": TEXTS, column: gold})
    dropouts = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    model = new_text_transformer(names, task, **dropouts).distill_with(DistillSettings(loss_fn=loss_fn))
    taught = outputs(np.random.default_rng(0).normal(size=(6, len(names))))
    plan = TrainingPlan(
        output_dir=tmp_path, epochs=40, batch_size=6 // accumulation, gradient_accumulation=accumulation, lr=0.01,
        warmup=0.0, use_cpu=True, logging_steps=1, max_grad_norm=0.0,
    )  # fmt: skip
    trainer = DistillTrainer(
        plan=plan,
        evaluate_model=None,
        sampler=SequentialSampler(rows),
        model=model,
        train_dataset=TextExamples(rows, task, taught),
        data_collator=TextCollator(model, match_labels(names, ())),
    )
    trainer.train_or_resume(resume=False)
    losses = [row["loss"] for row in trainer.state.log_history if "loss" in row]
    assert losses[-1] < 0.9 * losses[0]
    first = losses[0], trainer.state.log_history[0]["soft_loss"]
    whole = model.__class__.from_config(model.config, model.tokenizer)
    whole.load_state_dict(new_text_transformer(names, task, **dropouts).state_dict())
    batch = TextCollator(whole, match_labels(names, ()))(TextExamples(rows, task, taught).__getitems__(range(6)))
    output = whole.distill_with(model.distillation)(**batch)
    assert first == pytest.approx((output.loss.item(), output.soft_loss.item()), rel=1e-3)
