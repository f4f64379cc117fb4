import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.utils.data import SequentialSampler

from nlparch.distill.schedules import Course
from nlparch.distill.teacher_student import DistillSettings
from nlparch.errors import UserError
from nlparch.models.word_tagger import pad_labels
from nlparch.training import DistillTrainer, TrainingPlan, last_checkpoint, training_arguments


def plan(folder: Path, **values: Any) -> TrainingPlan:
    common: dict[str, Any] = dict(epochs=4, batch_size=8, lr=0.01, warmup=0.0, use_cpu=True, logging_steps=1)
    return TrainingPlan(output_dir=folder, **(common | values))


def trainer(
    folder: Path, model: Any, rows: Any, scores: Any = None, *, course: Any = None, **values: Any
) -> DistillTrainer:
    """A trainer whose dev scores, where there are any, come from a list: training goes on, the scores are staged."""
    staged = iter(scores or [])

    def collate(examples: Any) -> Any:
        batch = model.encode_words([words for words, _ in examples])
        width = batch["mask"].shape[1]
        return batch | {"labels": pad_labels([model.label_set.encode(tags) for _, tags in examples], width)}

    return DistillTrainer(
        plan=plan(folder, best_by="f1" if scores else None, **values),
        evaluate_model=(lambda _: {"f1": next(staged)}) if scores else None,
        sampler=SequentialSampler(rows),
        course=course,
        model=model,
        train_dataset=rows,
        data_collator=collate,
    )


def checkpoints(folder: Path) -> set[int]:
    return {int(path.name.split("-")[1]) for path in folder.glob("checkpoints/checkpoint-*")}


def test_the_best_model_is_kept_apart_from_the_last(tmp_path: Path, new_tagger: Any, rows: Any) -> None:
    from safetensors.torch import load_file

    model = new_tagger()
    ours = trainer(tmp_path, model, rows, [0.2, 0.7, 0.5, 0.6])
    ours.train_or_resume(resume=False)
    assert ours.state.best_global_step == 6 and ours.state.best_metric == 0.7
    assert checkpoints(tmp_path) == {6, 12}
    best, last = (load_file(tmp_path / "checkpoints" / f"checkpoint-{step}" / "model.safetensors") for step in (6, 12))
    assert all(torch.equal(model.state_dict()[name], value) for name, value in best.items())
    assert not all(torch.equal(last[name], value) for name, value in best.items())


def test_the_last_model_is_kept_without_dev(tmp_path: Path, new_tagger: Any, rows: Any) -> None:
    from safetensors.torch import load_file

    model = new_tagger()
    trainer(tmp_path, model, rows).train_or_resume(resume=False)
    assert checkpoints(tmp_path) == {12}
    last = load_file(tmp_path / "checkpoints" / "checkpoint-12" / "model.safetensors")
    assert all(torch.equal(model.state_dict()[name], value) for name, value in last.items())


def test_patience_is_counted_in_evaluations_without_a_better_score(tmp_path: Path, new_tagger: Any, rows: Any) -> None:
    ours = trainer(tmp_path, new_tagger(), rows, [0.3, 0.2, 0.4, 0.4, 0.1, 0.9], epochs=6, patience=2)
    ours.train_or_resume(resume=False)
    assert ours.state.global_step == 15 and ours.state.best_global_step == 9


def test_early_stopping_goes_on_counting_after_a_resumption(tmp_path: Path, new_tagger: Any, rows: Any) -> None:
    class Killed(Exception):
        pass

    def scores(*values: Any) -> Any:
        for value in values:
            if value is None:
                raise Killed
            yield value

    whole = trainer(tmp_path / "whole", new_tagger(), rows, scores(0.5, 0.3, 0.2), epochs=6, patience=2)
    whole.train_or_resume(resume=False)
    first = trainer(tmp_path / "cut", new_tagger(), rows, scores(0.5, 0.3, None), epochs=6, patience=2)
    with pytest.raises(Killed):
        first.train_or_resume(resume=False)
    model = new_tagger()
    again = trainer(tmp_path / "cut", model, rows, scores(0.2, 0.9), epochs=6, patience=2)
    again.train_or_resume(resume=True)
    assert again.state.global_step == whole.state.global_step == 9 and again.state.best_global_step == 3
    for name, value in whole.model.state_dict().items():
        assert torch.equal(model.state_dict()[name], value)


def test_evaluations_and_checkpoints_share_one_grid(tmp_path: Path, new_tagger: Any, rows: Any) -> None:
    ours = trainer(tmp_path, new_tagger(), rows, [0.1, 0.2, 0.3, 0.4], save_steps=5, max_steps=15)
    ours.train_or_resume(resume=False)
    assert [row["step"] for row in ours.state.log_history if "eval_f1" in row] == [5, 10, 15]
    assert ours.state.global_step == 15


def test_each_epoch_is_drawn_anew(tmp_path: Path, new_tagger: Any, rows: Any) -> None:
    ours = trainer(tmp_path, new_tagger(), rows, epochs=3)
    epochs: list[int] = []
    ours._sampler.set_epoch = epochs.append
    ours.train_or_resume(resume=False)
    assert sorted(set(epochs)) == [0, 1, 2]


def test_loss_terms_are_means_a_step_before_and_after_a_resumption(tmp_path: Path, new_tagger: Any, rows: Any) -> None:
    steady = dict(dropout=0.0)
    terms = []
    for folder, steps in (("whole", [12]), ("cut", [5, 12])):
        for max_steps in steps:
            ours = trainer(
                tmp_path / folder, new_tagger(**steady), rows, logging_steps=2, save_steps=5, max_steps=max_steps,
                lr_schedule="constant", gradient_accumulation=2, epochs=9,
            )  # fmt: skip
            # A run that is to be resumed has its last checkpoint marked as the end.
            _unmark_end(tmp_path / folder)
            ours.train_or_resume(resume=True)
        rows_logged = [row for row in ours.state.log_history if "loss" in row and row["step"] > 6]
        terms.append([(row["step"], row["hard_loss"]) for row in rows_logged])
        for row in rows_logged:
            assert row["loss"] == pytest.approx(row["hard_loss_weighted"], abs=1e-3)
    assert terms[1] == [(step, pytest.approx(value, abs=1e-6)) for step, value in terms[0]]


def _unmark_end(folder: Path) -> None:
    for file in folder.glob("checkpoints/*/trainer_state.json"):
        state = json.loads(file.read_text())
        state["stateful_callbacks"]["TrainerControl"]["args"]["should_training_stop"] = False
        file.write_text(json.dumps(state))


def test_a_course_moves_the_lesson_with_the_step(tmp_path: Path, new_tagger: Any, rows: Any) -> None:
    begin, end = DistillSettings(student_w=1.0), DistillSettings(student_w=0.0)
    model = new_tagger().distill_with(begin)
    ours = trainer(tmp_path, model, rows, course=Course(begin, end), max_steps=5)
    ours.train_or_resume(resume=False)
    found = [row for row in ours.state.log_history if "hard_loss" in row]
    weights = [row["hard_loss_weighted"] / row["hard_loss"] for row in found]
    assert weights == pytest.approx([1, 0.75, 0.5, 0.25, 0])


@pytest.mark.parametrize("accumulation", [1, 2])
def test_word_vectors_keep_still_as_long_as_they_are_told(
    tmp_path: Path, new_tagger: Any, rows: Any, accumulation: int
) -> None:
    moved = []
    for max_steps in (6, 7):  # 3 steps an epoch
        model = new_tagger()
        before = model.word_vectors.detach().clone(), model.head.weight.detach().clone()
        values = dict(freeze_epochs=2, max_steps=max_steps, weight_decay=0.1, epochs=9, lr_schedule="constant")
        values |= dict(batch_size=8 // accumulation, gradient_accumulation=accumulation)
        folder = tmp_path / str(max_steps)
        trainer(folder, model, rows, **values).train_or_resume(resume=False)
        assert not torch.equal(model.head.weight, before[1])
        moved.append(not torch.equal(model.word_vectors, before[0]))
    assert moved == [False, True]


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path: Path, new_tagger: Any, rows: Any) -> None:
    model = new_tagger()
    with torch.no_grad():
        model.head.bias[0] = math.nan
    with pytest.raises(UserError, match="step 1: the loss must be finite, got nan; a smaller --lr may help"):
        trainer(tmp_path, model, rows).train_or_resume(resume=False)


def test_gradients_are_clipped(tmp_path: Path, new_tagger: Any, rows: Any) -> None:
    moved = []
    for norm in (1e-12, 0.0):
        model = new_tagger()
        before = model.head.weight.detach().clone()
        trainer(tmp_path / str(norm), model, rows, max_grad_norm=norm, max_steps=1).train_or_resume(resume=False)
        moved.append((model.head.weight - before).abs().max().item())
    assert moved[0] < 1e-4 < 5e-3 < moved[1]


@pytest.mark.parametrize("is_first", [True, False])
def test_only_the_first_process_touches_the_folder(
    tmp_path: Path, new_tagger: Any, rows: Any, monkeypatch: pytest.MonkeyPatch, is_first: bool
) -> None:
    monkeypatch.setattr(DistillTrainer, "is_world_process_zero", lambda _: is_first)
    trainer(tmp_path / "run", new_tagger(), rows)
    assert (tmp_path / "run" / "runs").exists() == is_first


def test_the_newest_complete_checkpoint_is_taken_and_torn_ones_deleted(tmp_path: Path) -> None:
    assert last_checkpoint(tmp_path / "none") is None
    for step, state in ((9, "{}"), (20, '{"global_step": 20}'), (100, '{"global_step": 1'), (110, None), (120, "[]")):
        folder = tmp_path / f"checkpoint-{step}"
        folder.mkdir()
        if state is not None:
            (folder / "trainer_state.json").write_text(state)
    assert last_checkpoint(tmp_path) == tmp_path / "checkpoint-20"
    assert {path.name for path in tmp_path.iterdir()} == {"checkpoint-9", "checkpoint-20"}


def test_arguments_say_what_the_plan_says(tmp_path: Path) -> None:
    values = training_arguments(
        plan(
            tmp_path,
            lr_schedule="cosine",
            warmup=7,
            weight_decay=0.3,
            gradient_accumulation=3,
            max_grad_norm=0.5,
            seed=9,
            precision="bf16",
            best_by="accuracy",
        )
    )
    assert values.lr_scheduler_type == "cosine" and values.get_warmup_steps(100) == 7 and values.bf16
    assert (values.weight_decay, values.gradient_accumulation_steps, values.max_grad_norm) == (0.3, 3, 0.5)
    assert values.metric_for_best_model == "accuracy" and values.greater_is_better and values.seed == 9
    assert training_arguments(plan(tmp_path, warmup=0.1)).get_warmup_steps(100) == 10


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("precision", ["fp32", "bf16", "fp16"])
def test_models_train_on_a_gpu(
    tmp_path: Path, new_tagger: Any, new_transformer: Any, rows: Any, precision: Any
) -> None:
    for name, model in (("tagger", new_tagger(use_crf=True)), ("transformer", new_transformer())):
        ours = trainer(tmp_path / name, model, rows, precision=precision, use_cpu=False, epochs=20)
        ours.train_or_resume(resume=False)
        losses = [row["loss"] for row in ours.state.log_history if "loss" in row]
        assert losses[-1] < 0.8 * losses[0] and model.device.type == "cuda"
