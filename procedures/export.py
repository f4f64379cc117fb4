"""Export a trained model to a folder that predicts and serves without torch."""

import json
import logging
import tempfile
from pathlib import Path
from typing import Any

from nlparch.errors import UserError
from nlparch.export.card import write_export_card
from nlparch.export.choice import Attempt, choose_form, load_form
from nlparch.export.folder import Export, export_model
from nlparch.models.loading import load_model
from nlparch.runtime.config import is_exported

from . import folders, runs
from .form_scores import FormScores, form_scores
from .model_options import ExportOptions

logger = logging.getLogger(__name__)


def run(options: ExportOptions) -> None:
    """Exports the model, scores the export where there is a labelled file, and writes the folder whole."""
    runs.quiet_libraries()
    folder = Path(options.output_dir).resolve()
    _check_output(options, folder)
    model = load_model(options.model_dir)
    scores = None if options.dev is None else form_scores(model, options.dev, options)
    export = export_model(model)
    if scores is None:
        name, chosen = ("int8", export.to_int8()) if options.quantize == "int8" else ("fp32", export)
        metrics: dict[str, Any] = {}
        logger.info("not scored: there is no --dev")
    else:
        for note in scores.notes:
            logger.info("%s", note)
        name, chosen, metrics = _choose(options, export, scores)
    _write(folder, chosen, {"procedure": "export", "form": name, **_facts(chosen), **metrics})


def _check_output(options: ExportOptions, folder: Path) -> None:
    """Refuses an output folder that would be lost, or would take the model with it."""
    folders.check_can_make(folder, "OUTPUT_DIR")
    for name in (options.model_dir, options.dev):
        if name is not None and Path(name).exists() and Path(name).resolve().is_relative_to(folder):
            raise UserError(f"OUTPUT_DIR {folder} must not hold what is read, but {name} lies there; name another")
    if folder.exists() and any(folder.iterdir()):
        if not options.overwrite_output_dir:
            raise UserError(
                f"OUTPUT_DIR {folder} is not empty; add --overwrite_output_dir to replace an exported model"
            )
        if not is_exported(folder):
            raise UserError(f"OUTPUT_DIR {folder} holds no exported model; empty it, or name another")


def _choose(options: ExportOptions, export: Export, scores: FormScores) -> tuple[str, Export, dict[str, Any]]:
    """The form to ship, and what was measured on the way."""
    own_answers = scores.of_torch()
    own, in_fp32 = scores.score(own_answers), scores.score(scores.answers(load_form(export)))
    attempts = [Attempt("fp32", export, in_fp32)]
    if options.quantize == "int8":
        attempts = choose_form(
            export, score=lambda form: scores.score(scores.answers(form)), at_least=own - options.max_f1_loss
        )
        for refused in attempts[:-1]:
            lost = own - refused.score
            logger.warning(
                "%s refused: it loses %.4f of %s, %s may be lost", refused.name, lost, scores.key, options.max_f1_loss
            )
    chosen = attempts[-1]
    measured = {
        "score": scores.key,
        "n": scores.n,
        "unit": scores.unit,
        "torch_fp32": own,
        "onnx_fp32": in_fp32,
        "attempts": {attempt.name: attempt.score for attempt in attempts},
        **_measure_batching(load_form(chosen.export), scores, own_answers),
    }
    return chosen.name, chosen.export, {"dev": measured}


def _measure_batching(form: Any, scores: FormScores, own_answers: Any) -> dict[str, float | None]:
    """How much the shipped form's answers depend on what else is in the batch, and how they differ from torch's."""
    alone, together = (scores.answers(form, batch_size=size) for size in (1, 32))
    return {
        "batch_1": scores.score(alone),
        "batch_32": scores.score(together),
        "agreement_of_batches": scores.agreement(alone, together),
        "agreement_with_torch": scores.agreement(together, own_answers),
    }


def _facts(export: Export) -> dict[str, Any]:
    return {"precision": export.config.precision, "n_parameters": export.config.n_parameters}


def _write(folder: Path, export: Export, metrics: dict[str, Any]) -> None:
    """Writes the folder beside its place and moves it there: whoever watches it sees all of it or nothing."""
    try:
        _replace(folder, export, metrics)
    except OSError as error:
        raise UserError(f"OUTPUT_DIR {folder}: cannot be written: {error.strerror or error}") from error
    logger.info("%s: %s, %.1f MB", folder, metrics["form"], metrics["bytes"] / 1e6)


def _replace(folder: Path, export: Export, metrics: dict[str, Any]) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
        new = Path(scratch) / "new"
        export.write(new)
        metrics["bytes"] = sum(file.stat().st_size for file in new.iterdir())
        (new / "metrics.json").write_text(json.dumps(metrics, indent=1) + "\n", encoding="utf-8")
        card = write_export_card(metrics, name=folder.resolve().name, config=export.config)
        (new / "README.md").write_text(card, encoding="utf-8")
        if folder.exists():
            folder.rename(Path(scratch) / "old")
        new.rename(folder)
