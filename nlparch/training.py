"""Training: options -> TrainingArguments, and a Trainer that counts hard and soft words."""

import json
import logging
import shutil
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from torch.utils.data import Sampler
from torch.utils.tensorboard import SummaryWriter
from tqdm.auto import tqdm
from transformers import EarlyStoppingCallback, PrinterCallback, Trainer, TrainerCallback, TrainingArguments
from transformers.integrations.integration_utils import TensorBoardCallback

from nlparch.devices import Precision
from nlparch.distill.schedules import Course
from nlparch.errors import UserError
from nlparch.models.task_model import settings_of

logger = logging.getLogger(__name__)

CHECKPOINTS = "checkpoints"
# In each entry of the log; those of a checkpoint outlive the process.
_SECONDS = "train_seconds"
Scores = dict[str, float]


@dataclass(frozen=True, kw_only=True)
class TrainingPlan:
    """How to train; what a procedure's options say, without what they are called there."""

    output_dir: Path
    epochs: float
    max_steps: int = -1
    batch_size: int
    gradient_accumulation: int = 1
    lr: float
    lr_schedule: Literal["linear", "cosine", "constant"] = "linear"
    warmup: float = 0.1
    weight_decay: float = 0.0
    max_grad_norm: float = 1.0
    precision: Precision = "fp32"
    use_cpu: bool = False
    patience: int = 0
    save_steps: int = 0
    logging_steps: int = 50
    seed: int = 42
    freeze_epochs: float = 0.0
    """Epochs in which the model's `word_vectors` keep still."""
    best_by: str | None = None
    """Dev score that chooses the best model; None without dev."""


def training_arguments(plan: TrainingPlan) -> TrainingArguments:
    """The Trainer's arguments for a plan: evaluation and saving share one grid, best and last model are kept."""
    grid = "steps" if plan.save_steps else "epoch"
    has_dev = plan.best_by is not None
    arguments = TrainingArguments(
        output_dir=str(plan.output_dir / CHECKPOINTS),
        num_train_epochs=plan.epochs,
        max_steps=plan.max_steps,
        per_device_train_batch_size=plan.batch_size,
        gradient_accumulation_steps=plan.gradient_accumulation,
        learning_rate=plan.lr,
        lr_scheduler_type=plan.lr_schedule,
        warmup_steps=plan.warmup,  # below 1, a share of all steps
        weight_decay=plan.weight_decay,
        max_grad_norm=plan.max_grad_norm,
        bf16=plan.precision == "bf16",
        fp16=plan.precision == "fp16",
        use_cpu=plan.use_cpu,
        eval_strategy=grid if has_dev else "no",
        save_strategy=grid,
        eval_steps=plan.save_steps or None,
        save_steps=plan.save_steps or 500,
        save_total_limit=2 if has_dev else 1,
        load_best_model_at_end=has_dev,
        metric_for_best_model=plan.best_by,
        greater_is_better=True if has_dev else None,
        restore_callback_states_from_checkpoint=True,
        logging_steps=plan.logging_steps,
        logging_nan_inf_filter=False,
        remove_unused_columns=False,
        dataloader_pin_memory=not plan.use_cpu and torch.cuda.is_available(),
        seed=plan.seed,
        report_to="none",
        disable_tqdm=True,
    )
    if arguments.n_gpu > 1:
        # DataParallel would cut every tensor along its first dimension, and ours are not all sentences long.
        logger.warning("one of %d GPUs is used; start with torchrun to use them all", arguments.n_gpu)
        arguments._n_gpu = 1
    return arguments


class DistillTrainer(Trainer):
    """A Trainer for models with `TeacherStudentDistill`.

    Before each step it settles which words are hard (gold or accepted pseudo-labels) and which are soft, counts both
    over the accumulated, distributed batch, and hands the counts to `forward`, which divides sums by them. It logs
    every loss term. Evaluation is a function of the model, the same one that `nlp-eval` uses.

    Args:
        plan: how to train.
        evaluate_model: scores the model on dev; None without dev.
        sampler: the order of the training rows.
        course: how the lesson moves over training; None: the model's own holds throughout.
        arguments: handed on to `Trainer`: `model`, `train_dataset`, `data_collator`.
    """

    # Sums are divided by the counts of the whole accumulated batch, here and not by the Trainer.
    loss_is_scaled_for_ga = True
    model: Any

    def __init__(
        self,
        *,
        plan: TrainingPlan,
        evaluate_model: Callable[[Any], Scores] | None,
        sampler: Sampler[int],
        course: Course | None = None,
        **arguments: Any,
    ) -> None:
        self._freeze_epochs = plan.freeze_epochs
        self._course = course
        self._evaluate_model = evaluate_model
        self._sampler = sampler
        self._terms: dict[str, Tensor] = {}
        self._n_steps_in_terms = 0
        self._seconds_before, self._began = 0.0, time.monotonic()
        super().__init__(args=training_arguments(plan), eval_dataset=[] if evaluate_model else None, **arguments)
        self.remove_callback(PrinterCallback)
        if (
            self.is_world_process_zero()
        ):  # a writer makes its folder, which the others are not to make before it is claimed
            self.add_callback(TensorBoardCallback(SummaryWriter(str(plan.output_dir / "runs"))))
        self._bar = ProgressBar(plan.best_by)
        self.add_callback(self._bar)
        self.add_callback(LogEnds())
        if plan.patience and evaluate_model:
            self.add_callback(EarlyStoppingCallback(plan.patience))

    def _get_train_sampler(self, train_dataset: Any = None) -> Sampler[int]:
        return self._sampler

    def get_batch_samples(
        self, epoch_iterator: Iterator[dict[str, Tensor]], num_batches: int, device: torch.device
    ) -> tuple[list[dict[str, Tensor]], Any]:
        """The batches of one optimizer step, settled, with their counts of hard and soft words."""
        batches, _ = super().get_batch_samples(epoch_iterator, num_batches, device)
        if self._course is not None:
            self.model.distill_with(self._course.at(self.state.global_step, self.state.max_steps))
        counts: dict[str, Tensor] = {}
        for batch in batches:
            self.model.settle(batch)
            for name, count in self.model.count_words(batch).items():
                counts[name] = counts.get(name, 0.0) + count.float()
        self._n_steps_in_terms += 1
        # DDP averages gradients over processes, so each divides by its fair share of the words of all.
        return batches, self.accelerator.reduce(counts, reduction="mean")

    def training_step(self, *args: Any, **kwargs: Any) -> Tensor:
        """One micro-batch forth and back; word vectors that keep still then lose their gradient."""
        loss: Tensor = super().training_step(*args, **kwargs)
        # The epoch follows from the step. An optimizer passes over what has no gradient, decay included.
        if (self.state.epoch or 0.0) < self._freeze_epochs:
            self.model.word_vectors.grad = None
        return loss

    def compute_loss(
        self,
        model: Any,
        inputs: dict[str, Tensor],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Any:
        """The loss of one micro-batch, its sums divided by the counts of the whole accumulated batch."""
        outputs = model(**inputs, **(num_items_in_batch or {}))
        if not torch.isfinite(outputs.loss):
            place = f"step {self.state.global_step + 1}"
            raise UserError(f"{place}: the loss must be finite, got {outputs.loss.item()}; a smaller --lr may help")
        self._remember_terms(outputs)
        return (outputs.loss, outputs) if return_outputs else outputs.loss

    def _remember_terms(self, outputs: Any) -> None:
        settings = self.model.distillation
        weights = {"hard": settings.student_w, "soft": settings.dist_w} if settings else {"hard": 1.0}
        for name, weight in weights.items():
            value = outputs.get(f"{name}_loss")
            if value is not None:
                for key, amount in ((f"{name}_loss", value), (f"{name}_loss_weighted", weight * value)):
                    self._terms[key] = self._terms.get(key, 0.0) + amount

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Adds the means of the loss terms since the last log, and how long training has taken so far."""
        if "loss" in logs and self._terms:
            logs |= {name: float(total) / self._n_steps_in_terms for name, total in self._terms.items()}
            self._terms, self._n_steps_in_terms = {}, 0
        logs[_SECONDS] = self._seconds_before + time.monotonic() - self._began
        super().log(logs, start_time)

    @property
    def train_seconds(self) -> float | None:
        """How long training has taken, evaluations and what came before a resumption included.

        Steps that were done, lost and done again count once. None where a checkpoint does not tell.
        """
        return _seconds_of(self.state.log_history)

    def evaluate(self, eval_dataset: Any = None, ignore_keys: Any = None, metric_key_prefix: str = "eval") -> Scores:
        """Scores the model on dev."""
        assert self._evaluate_model is not None
        scores = {f"{metric_key_prefix}_{name}": value for name, value in self._evaluate_model(self.model).items()}
        self.log(scores)
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, scores)
        return scores

    def train_or_resume(self, *, resume: bool) -> None:
        """Trains; with `resume`, goes on from the last complete checkpoint. The best model is loaded at the end."""
        checkpoint = last_checkpoint(Path(str(self.args.output_dir))) if resume else None
        self._began = time.monotonic()
        try:
            if checkpoint is None:
                self.train()
            elif _has_ended(checkpoint):
                self._load_end(checkpoint)
            else:
                check_same_model(checkpoint, self.model.config)
                logger.info("resuming from %s", checkpoint)
                self._seconds_before = _seconds_of((_state(checkpoint) or {}).get("log_history", ())) or 0.0
                self.train(resume_from_checkpoint=str(checkpoint))
        finally:
            self._bar.close()

    def _load_end(self, checkpoint: Path) -> None:
        # Trained to the end, but killed before the model was written to the run's root: not one step more.
        logger.info("training had ended at %s", checkpoint)
        self._load_from_checkpoint(str(checkpoint))
        self.state = self.state.load_from_json(str(checkpoint / "trainer_state.json"))
        if self.args.load_best_model_at_end and self.state.best_model_checkpoint is not None:
            self._load_best_model()


class LogEnds(TrainerCallback):
    """An entry of the log at the end of each epoch, however short, and before each checkpoint, which then holds it."""

    def on_epoch_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        control.should_log = True

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        control.should_log |= control.should_save


class ProgressBar(TrainerCallback):
    """One bar on standard error: steps, time left, the last loss and dev score."""

    def __init__(self, best_by: str | None = None) -> None:
        self._best_by = best_by
        self._shown: dict[str, str] = {}
        self._bar: Any = None

    def close(self) -> None:
        """Ends the bar, whatever ended the training."""
        if self._bar is not None:
            self._bar.close()

    def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._bar = tqdm(
            total=state.max_steps, initial=state.global_step, desc="training", unit="step", dynamic_ncols=True,
            disable=not state.is_world_process_zero, mininterval=1.0,
        )  # fmt: skip

    def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        self._bar.update(state.global_step - self._bar.n)

    def on_log(self, args: Any, state: Any, control: Any, logs: Any = None, **kwargs: Any) -> None:
        for name in ("loss", f"eval_{self._best_by}"):
            if logs and name in logs:
                self._shown[name.replace("eval_", "dev ")] = f"{logs[name]:.4f}"
        if self._bar is not None:
            self._bar.set_postfix(self._shown, refresh=False)


def last_checkpoint(folder: Path) -> Path | None:
    """The newest complete checkpoint, None without one; incomplete ones are deleted.

    A checkpoint is complete when its `trainer_state.json`, which is written last, parses.
    """
    for checkpoint in sorted(folder.glob("checkpoint-[0-9]*"), key=_step, reverse=True):
        if _state(checkpoint) is not None:
            return checkpoint
        logger.warning("%s is incomplete (killed while it was written): deleted", checkpoint)
        shutil.rmtree(checkpoint, ignore_errors=True)  # each process that torchrun started deletes it
    return None


def check_same_model(checkpoint: Path, model_config: Any) -> None:
    """Refuses to go on with another model than a run began with: its weights would not fit, or it would act otherwise.

    Raises:
        UserError: The first setting that differs.
    """
    before, now = (_as_saved(own) for own in (type(model_config).from_pretrained(checkpoint), model_config))
    for name in sorted(now.keys() & before.keys()):  # transformers adds some of its own in training
        if before[name] != now[name]:
            raise UserError(
                f"--resume must find the model as it was, but {name} was {before[name]} and is {now[name]}; give "
                "--config_file (or the checkpoint it begins with) as it was, or begin anew"
            )


def _as_saved(model_config: Any) -> dict[str, Any]:
    settings: dict[str, Any] = json.loads(json.dumps(settings_of(model_config), default=str))
    return settings


def _step(checkpoint: Path) -> int:
    return int(checkpoint.name.rsplit("-", 1)[1])


def _state(checkpoint: Path) -> dict[str, Any] | None:
    try:
        state = json.loads((checkpoint / "trainer_state.json").read_text())
    except (OSError, ValueError):
        return None
    return state if isinstance(state, dict) else None


def _seconds_of(log_history: Iterable[Mapping[str, Any]]) -> float | None:
    return max((row[_SECONDS] for row in log_history if _SECONDS in row), default=None)


def _has_ended(checkpoint: Path) -> bool:
    state = _state(checkpoint) or {}
    control = state.get("stateful_callbacks", {}).get("TrainerControl", {})
    return bool(control.get("args", {}).get("should_training_stop", False))
