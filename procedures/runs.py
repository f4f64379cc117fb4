"""What every training procedure does around its model: the run's folder, the corpus, the scores, the report."""

import logging
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from itertools import chain
from pathlib import Path
from typing import Any, TypeAlias

import datasets
import huggingface_hub
import torch
import transformers
from tqdm.auto import tqdm
from transformers import set_seed

from nlparch.batches import MixedLengthSampler, StagedSampler
from nlparch.data.corpora import Corpus, load_corpus
from nlparch.data.labels import LabelMatch
from nlparch.data.raw_sources import Item, Reading
from nlparch.data.sentences import ItemFile
from nlparch.data.text_labels import TextLabels
from nlparch.data.texts import TextCorpus, load_text_corpus
from nlparch.data.unlabeled import load_unlabeled
from nlparch.data.words import choose_splitter, make_splitter
from nlparch.devices import Precision, best_device, fastest_precision
from nlparch.distill.cache import JoinedOutputs, TeacherOutputs
from nlparch.distill.schedules import Course
from nlparch.errors import UserError
from nlparch.models.loading import load_word_tagger
from nlparch.report import score_table, write_card
from nlparch.training import DistillTrainer, TrainingPlan

from . import folders
from .option_groups import UnlabeledOptions
from .order import choose_sampler, length_notes, order_notes
from .reports import Reader, gather_evidence, save_report
from .tasks import Task, add_any_evidence, describe, task_of
from .text_options import TextDataOptions

logger = logging.getLogger(__name__)

AnyCorpus: TypeAlias = Corpus | TextCorpus


@dataclass
class Run:
    """A run under way: its folder and what it will report.

    Attributes:
        folder: the output folder.
        notes: what was skipped, cut, converted or chosen, a sentence each.
        metrics: becomes `metrics.json`.
        model: the one that was trained, once it is.
        splits: what each model made of dev and test, a `ReadSplit` or `ReadTexts`.
        readers: each model, for what it costs.
        curves: the Trainer's log of each model that was trained.
    """

    folder: Path
    notes: list[str] = field(default_factory=list)
    metrics: dict[str, Any] = field(default_factory=dict)
    model: Any = None
    splits: dict[str, Any] = field(default_factory=dict)
    readers: dict[str, Reader] = field(default_factory=dict)
    curves: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def note(self, *sentences: str) -> None:
        """Logs sentences and keeps them for the report."""
        for sentence in sentences:
            logger.info("%s", sentence)
        self.notes += sentences


def begin_seeded(options: Any) -> Run:
    """A run in a folder that may be used, quiet, and the seed set for all that follows."""
    quiet_libraries()
    flush_tiny_numbers()
    keep_few_kernels()
    run = Run(folders.check(options))
    choose_precision(options.precision, choose_device(options), auto="fp32")  # refuses what the device lacks
    set_seed(options.seed)
    return run


def flush_tiny_numbers() -> None:
    """Lets the CPU take subnormal numbers for 0.

    Adam's moments of rare words decay into them, and arithmetic on them is ten times slower; no score has shown it.
    """
    torch.set_flush_denormal(True)


def keep_few_kernels() -> None:
    """Lets the CPU forget the kernels of shapes that hardly come again; to be called before the first product.

    oneDNN, and what torch calls it by, keep what they made for the last 1024 shapes, some MB for each length of a
    transformer's batches: a teacher's pass over raw text grew by gigabytes. Kept or not, batches of thousands of words
    take as long.
    """
    for name in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
        os.environ.setdefault(name, "32")


def quiet_libraries() -> None:
    """Keeps the bars and tables of other libraries off the terminal: what matters in them, we say ourselves."""
    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    datasets.disable_progress_bars()
    huggingface_hub.utils.logging.set_verbosity_error()


def choose_device(options: Any) -> torch.device:
    """The device to run on."""
    return best_device() if options.cuda else torch.device("cpu")


def choose_precision(
    wanted: str, device: torch.device, *, auto: Precision | None = None, flag: str = "--precision"
) -> Precision:
    """The number format that a flag asks for; `auto` is the device's fastest unless the caller has another.

    Raises:
        UserError: If fp16 is asked for on a CPU.
    """
    if wanted == "auto":
        return auto or fastest_precision(device)
    if wanted == "fp16" and device.type == "cpu":
        raise UserError(f"{flag} fp16 needs a GPU; use bf16 or fp32 on a CPU")
    return wanted  # type: ignore[return-value]


def load_data(
    options: Any, run: Run, *, known_tags: Sequence[str] | None = None, allow_no_train: bool = False
) -> Corpus:
    """The labelled corpus that the options name.

    Args:
        options: with the fields of `DataOptions`.
        run: takes the corpus's notes.
        known_tags: the tags of a teacher, where there is one.
        allow_no_train: whether gold to train on may be missing.
    """
    names = ["train_filename", "dev_filename", "test_filename", "word_col", "tag_col", "ignore_token"]
    names += ["words_column", "tags_column", "dev_fraction", "seed", "scheme"]
    names += ["train_fraction", "train_examples", "subset_seed"]
    settings = {name: getattr(options, name) for name in names}
    corpus = load_corpus(options.data_dir, known_tags=known_tags, allow_no_train=allow_no_train, **settings)
    run.note(*corpus.notes)
    return corpus


def gold_rows(run: Run, corpus: AnyCorpus) -> Any:
    """The training rows that have gold: without a teacher there is nothing to learn from the others."""
    task, rows = task_of(corpus), corpus.splits["train"]
    with_gold = [index for index, gold in enumerate(task.gold(rows)) if gold is not None]
    if len(with_gold) < len(rows):
        run.note(f"train: {len(rows) - len(with_gold)} {task.unit} without {task.gold_kind} dropped")
        rows = rows.select(with_gold)
    return rows


def load_texts(
    options: Any, run: Run, *, known_labels: TextLabels | None = None, allow_no_train: bool = False
) -> TextCorpus:
    """The labelled texts that the options name.

    Args:
        options: with the fields of `TextDataOptions`.
        run: takes the corpus's notes.
        known_labels: the labels of a teacher, where there is one.
        allow_no_train: whether gold to train on may be missing.
    """
    names = [field.name for field in fields(TextDataOptions) if field.name != "data_dir"]
    settings = {name: getattr(options, name) for name in [*names, "seed"]}
    corpus = load_text_corpus(options.data_dir, known_labels=known_labels, allow_no_train=allow_no_train, **settings)
    run.note(*corpus.notes)
    return corpus


def load_raw(options: UnlabeledOptions, run: Run, reading: Reading[Item], splits: dict[str, Any]) -> ItemFile[Item]:
    """The raw text that the options name, on disk, without what stands in the labelled corpus.

    Args:
        options: what to read.
        run: takes what was read and dropped.
        reading: as sentences of words, or as whole texts.
        splits: the corpus's own sentences or texts.
    """
    gold = splits.get("train", ())
    held_out = chain.from_iterable(items for name, items in splits.items() if name != "train")
    raw, notes = load_unlabeled(options.unlabeled_filename, reading=reading, gold=gold, held_out=held_out)
    run.note(*notes)
    return raw


def pick_splitter(options: Any, run: Run, rows: Iterable[Sequence[str]]) -> str:
    """The splitter the model will remember: the one asked for, or the one that recovers most sentences."""
    if options.splitter is not None:
        make_splitter(options.splitter)  # refuses what is neither a name nor a regular expression
        return str(options.splitter)
    name, shares = choose_splitter(rows)
    table = ", ".join(f"{other} {share:.0%}" for other, share in shares.items())
    run.note(f"splitter for raw text: {name} (sentences recovered exactly from their joined text: {table})")
    return name


@dataclass(frozen=True)
class Prepared:
    """A training that may begin: nothing is known to stand against it.

    Attributes:
        plan: how to train.
        sampler: the order of the rows.
        digests: of the rows, and of what else is learnt from, by name.
    """

    plan: TrainingPlan
    sampler: MixedLengthSampler | StagedSampler
    digests: Mapping[str, str]


def prepare(
    options: Any,
    run: Run,
    rows: Any,
    corpus: AnyCorpus,
    *,
    precision: Precision,
    sources: Mapping[str, str] | None = None,
) -> Prepared:
    """Plans the training of a model on `rows`, and refuses what cannot be, before any long work.

    Args:
        options: of the procedure.
        run: the run under way.
        rows: to train on.
        corpus: that they are of.
        precision: to train in.
        sources: digests of what is learnt from beside them, by name.

    Raises:
        UserError: The rows lack what the options are about, or a resumed run began with others, or other sources.
    """
    task = task_of(corpus)
    plan = _plan(options, run, corpus, precision=precision)
    sampler = choose_sampler(options, plan, task.lengths(rows), task.gold(rows), unit=task.unit)
    run.note(*order_notes(options, sampler), *length_notes(plan, sampler))
    digests = {"the training rows": folders.rows_digest(task.content(rows), task.gold(rows)), **(sources or {})}
    folders.check_same_inputs(options, run.folder, digests)
    return Prepared(plan, sampler, digests)


def _plan(options: Any, run: Run, corpus: AnyCorpus, *, precision: Precision) -> TrainingPlan:
    """The training plan that the options describe."""
    task = task_of(corpus)
    best_by = task.best_by if "dev" in corpus.splits else None
    if best_by is None:
        run.note(f"no dev {task.unit}: the last model is kept, for there is nothing to choose the best by")
        if options.patience:
            run.note(f"no dev {task.unit}: --patience has nothing to go by, all epochs are run")
    return TrainingPlan(
        output_dir=run.folder,
        epochs=options.epochs,
        max_steps=options.max_steps or -1,
        batch_size=options.batch_size,
        gradient_accumulation=options.gradient_accumulation,
        lr=options.lr,
        lr_schedule=options.lr_schedule,
        warmup=options.warmup,
        weight_decay=options.weight_decay,
        max_grad_norm=options.max_grad_norm,
        precision=precision,
        use_cpu=choose_device(options).type == "cpu",
        patience=options.patience,
        save_steps=options.save_steps,
        freeze_epochs=getattr(options, "freeze_epochs", 0.0),
        logging_steps=options.logging_steps,
        seed=options.seed,
        best_by=best_by,
    )


def train(
    options: Any,
    run: Run,
    model: Any,
    rows: Any,
    corpus: AnyCorpus,
    prepared: Prepared,
    *,
    outputs: TeacherOutputs | JoinedOutputs | None = None,
    match: LabelMatch | None = None,
    course: Course | None = None,
) -> None:
    """Trains `model` on `rows` and leaves the best one in the run's folder."""
    task, plan = task_of(corpus), prepared.plan
    precision = plan.precision
    folders.claim(options)
    folders.keep_inputs(run.folder, prepared.digests)
    trainer = DistillTrainer(
        plan=plan,
        evaluate_model=_dev_scorer(task, precision) if plan.best_by else None,
        sampler=prepared.sampler,
        course=course,
        model=model,
        train_dataset=task.examples(model, rows, outputs),
        data_collator=task.collator(model, match),
    )
    trainer.train_or_resume(resume=options.resume)
    task.calibrate(run, model, precision=precision)
    if precision != "fp32":
        run.note(f"trained, calibrated and scored in {precision}; --precision {precision} reads so again")
    if folders.is_main_process():
        model.save_pretrained(run.folder)
    if plan.best_by and trainer.state.best_global_step is None:
        run.note("training ended before the first evaluation on dev: the last model is kept")
    run.model = model
    run.readers["student"] = Reader(model, run.folder, precision)
    run.curves["student"] = trainer.state.log_history
    run.metrics |= {
        "n_parameters": n_parameters(model),
        "best_epoch": _epoch_of_best(trainer),
        "best_step": trainer.state.best_global_step,
        "seed": options.seed,
        "train_seconds": trainer.train_seconds,
    }


def score_splits(run: Run, model: Any, corpus: AnyCorpus, *, precision: Precision) -> None:
    """Scores the model on dev and test into the run's metrics, and keeps what it made of them."""
    task = task_of(corpus)
    for name in ("dev", "test"):
        if name in corpus.splits:
            run.metrics[name], run.splits[name] = task.score_split(name, model, precision=precision)
            main = run.metrics[name].get("main_score")
            if main is not None and run.metrics[name][main] is None:
                run.note(f"{name}: {main} is undefined: the model, or gold, gives all texts the same")


def n_parameters(model: Any) -> int:
    """All parameters of a model, embeddings counted."""
    return sum(parameter.numel() for parameter in model.parameters())


def load_model(path: str, device: torch.device, *, max_length: int | None = None) -> Any:
    """Any model that tags words, on a device: a `WordTagger` that is a module of torch as well.

    Raises:
        UserError: See `load_word_tagger`.
    """
    model: Any = load_word_tagger(path, max_length=max_length)
    return model.to(device).eval()


def finish(options: Any, run: Run, procedure: str) -> None:
    """Writes what a run tells into its folder, and prints the scores."""
    if folders.is_main_process():
        write_run(options, run, procedure)
        print(score_table(run.metrics, short=True))
        logger.info("the model, its report and its card are in %s", run.folder)


def write_run(options: Any, run: Run, procedure: str) -> None:
    """Writes `metrics.json`, `report.md`, `report.html` and the model card into the run's folder."""
    if not folders.is_main_process():
        return
    add_any_evidence(run.metrics, run.splits)
    evidence = gather_evidence(run.splits, run.readers, run.curves)
    run.metrics = {"procedure": procedure, **run.metrics}
    name = run.folder.resolve().name
    about: Any = {"title": f"{procedure}: {name}", "notes": run.notes, "evidence": evidence}
    save_report(run.folder, run.metrics, options=options, **about)
    if run.model is not None:
        card = write_card(run.metrics, name=name, **describe(run.model))
        (run.folder / "README.md").write_text(card, encoding="utf-8")


def track(description: str) -> Callable[[Iterable[int]], Iterable[int]]:
    """A progress bar with an estimate, on standard error; of several processes the first shows its own."""
    how: Any = {"dynamic_ncols": True, "mininterval": 1.0, "disable": not folders.is_main_process()}
    return lambda numbers: tqdm(numbers, desc=description, unit="batch", **how)


def _dev_scorer(task: Task, precision: Precision) -> Callable[[Any], dict[str, float]]:
    def score(model: Any) -> dict[str, float]:
        return {name: value or 0.0 for name, value in task.score_dev(model, precision=precision).items()}

    return score


def _epoch_of_best(trainer: DistillTrainer) -> float | None:
    best = trainer.state.best_global_step
    return next((row["epoch"] for row in trainer.state.log_history if row["step"] == best and "epoch" in row), None)
