"""What stands behind the scores of a run: intervals, paired tests, seen and unseen names, calibration."""

from collections.abc import Mapping
from typing import Any

from nlparch.bootstrap import Interval, interval, paired_difference, resampled_f1
from nlparch.calibration import calibrate_bins, calibration_error
from nlparch.counts import Counts, count_items
from nlparch.metrics import main_score_name
from nlparch.readings import Reading, ReadSplit
from nlparch.seen import count_seen, seen_scores


def scores_of(metrics: Mapping[str, Any], model: str) -> Any:
    """Where the scores of a model stand in `metrics.json`: the student's at its root, others under their name."""
    return metrics if model == "student" else metrics[model]


def add_evidence(metrics: dict[str, Any], splits: Mapping[str, ReadSplit]) -> None:
    """Adds to the scores of each model and split what they are worth, and what the models differ by.

    Args:
        metrics: what becomes `metrics.json`, with the scores of all models; changed in place.
        splits: what the models made of each split.
    """
    differences = {}
    for name, split in splits.items():
        counts = {}
        for model, reading in split.readings.items():
            scores = scores_of(metrics, model)[name]
            counts[model] = count_items(split.gold, reading.tags, scheme=split.scheme)
            _add_intervals(scores, counts[model])
            scores["calibration_error"] = calibration_error(calibrate_bins(split.gold, reading))
            if (before := reading.uncalibrated) is not None:
                scores["calibration_error_before"] = calibration_error(calibrate_bins(split.gold, before))
            if split.training is not None:
                scores |= _seen(split, reading, main_score_name(scores))
        if len(counts) > 1:
            differences[name] = _differences(counts)
    if differences:
        metrics["differences"] = differences


def _add_intervals(scores: dict[str, Any], counts: Counts) -> None:
    *of_groups, of_all = _intervals(counts)
    scores[f"{main_score_name(scores)}_interval"] = of_all
    for group, found in zip(counts.groups, of_groups, strict=True):
        row = scores.get("per_type", scores.get("per_tag", {})).get(group)
        if row is not None:
            row["f1_interval"] = found


def _seen(split: ReadSplit, reading: Reading, score_name: str) -> dict[str, Any]:
    assert split.training is not None
    counts = count_seen(split.words, split.gold, reading.tags, split.training, scheme=split.scheme)
    scores = seen_scores(counts, scheme=split.scheme)
    for row, found in zip(scores.values(), _intervals(counts), strict=False):
        row[f"{score_name}_interval"] = found
    return scores


def _intervals(counts: Counts) -> list[Interval | None]:
    """Of each group, and last of all together."""
    return [interval(column) for column in resampled_f1(counts).T]


def _differences(counts: Mapping[str, Counts]) -> dict[str, Any]:
    """The student's score less that of each other model."""
    found: dict[str, Any] = {}
    others = [model for model in counts if model != "student"]
    for model in others:
        difference = paired_difference(counts["student"], counts[model])
        found[model] = None
        if difference is not None:
            found[model] = {"difference": difference.value, "interval": difference.interval, "p": difference.p}
    return found
