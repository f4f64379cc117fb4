"""What stands behind the scores of texts: intervals, paired tests, calibration, telling texts."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.stats import pearsonr, rankdata

from nlparch.bootstrap import N_RESAMPLES, Difference, difference_of, draws, interval, resampled_f1
from nlparch.calibration import Bin, calibrate_bins, calibration_error
from nlparch.counts import Counts
from nlparch.readings import Reading
from nlparch.text_metrics import POSITIVE, held_labels
from nlparch.text_readings import ReadTexts, TextReading

N_TEXTS = 12
Numbers = npt.NDArray[np.float64]


def count_labels(split: ReadTexts, model: str) -> Counts:
    """The labels of each text, in gold and as a model gives them; with one label a text, F1 over all is accuracy."""
    gold, found = _lists(split.gold), _lists(split.readings[model].answers)
    names = tuple(sorted({*split.labels.names, *(name for some in (*gold, *found) for name in some)}))
    wanted, given = (held_labels(some, names).astype(np.float64) for some in (gold, found))
    return Counts(names, wanted, given, wanted * given)


def text_bins(split: ReadTexts, reading: TextReading) -> list[Bin]:
    """Texts by the probability of their label; of several labels, all single decisions by theirs; none of numbers."""
    if split.labels.task == "regression":
        return []
    if split.labels.task == "one_label":
        sure = reading.probabilities.max(-1, initial=0.0)
        answers = Reading([[label] for label in reading.answers], [[float(value)] for value in sure])
        return calibrate_bins([[label] for label in split.gold], answers)
    wanted = held_labels(split.gold, _with_unknown(split))[:, : len(split.labels)]
    probabilities = reading.probabilities[:, : len(split.labels)]
    holds = probabilities >= 0.5
    sure = np.where(holds, probabilities, 1 - probabilities)
    decided = Reading(_words(holds), sure.tolist())
    return calibrate_bins(_words(wanted), decided)


def add_text_evidence(metrics: dict[str, Any], splits: Mapping[str, ReadTexts]) -> None:
    """Adds to the scores of each model and split what they are worth, and what the models differ by.

    Args:
        metrics: what becomes `metrics.json`, with the scores of all models; changed in place.
        splits: what the models made of each split.
    """
    differences = {}
    for name, split in splits.items():
        drawn = {}
        for model in split.readings:
            scores = (metrics if model == "student" else metrics[model])[name]
            drawn[model] = _add_intervals(scores, split, model)
            if split.labels.task != "regression":
                scores["calibration_error"] = calibration_error(text_bins(split, split.readings[model]))
                if (before := split.readings[model].uncalibrated) is not None:
                    scores["calibration_error_before"] = calibration_error(text_bins(split, before))
        if len(drawn) > 1:
            values = {model: split.score(model)[split.main_score] for model in drawn}
            differences[name] = {
                other: _told(difference_of((values["student"], values[other]), (drawn["student"], drawn[other])))
                for other in drawn
                if other != "student"
            }
    if differences:
        metrics["differences"] = differences


def _add_intervals(scores: dict[str, Any], split: ReadTexts, model: str) -> Numbers:
    """Adds the intervals of the main score and of each label's F1; gives the resamples of the main score."""
    if split.labels.task == "regression":
        drawn = _resampled_correlation(split, split.readings[model])
    else:
        counts = count_labels(split, model)
        every = resampled_f1(counts)
        for group, column in zip(counts.groups, every.T, strict=False):
            if group in scores["per_label"]:
                scores["per_label"][group]["f1_interval"] = interval(column)
        drawn = _resampled_main(split, model, counts, every)
    scores[f"{split.main_score}_interval"] = interval(drawn)
    return drawn


def _resampled_main(split: ReadTexts, model: str, counts: Counts, every: Numbers) -> Numbers:
    """The main score in each resample. Shape: (resamples,)"""
    if split.main_score == "macro_f1":
        # As the score itself: over the labels of gold, here of the gold that a resample drew.
        n_gold = np.concatenate([drawn @ counts.gold for drawn in draws(len(counts.gold), N_RESAMPLES, 0)])
        of_gold = np.ma.masked_where(n_gold == 0, every[:, :-1])
        return of_gold.mean(1).filled(np.nan)  # type: ignore[no-any-return]
    if split.main_score == "accuracy_and_f1":
        positive = every[:, counts.groups.index(POSITIVE)] if POSITIVE in counts.groups else every[:, -1] * np.nan
        halves: Numbers = (every[:, -1] + positive) / 2
        return halves
    if split.main_score == "matthews_correlation":
        return _resampled_matthews(split, split.readings[model])
    accuracies: Numbers = every[:, -1]
    return accuracies


def _resampled_matthews(split: ReadTexts, reading: TextReading) -> Numbers:
    """Gorodkin's coefficient of several classes, in each resample. Shape: (resamples,)"""
    names = sorted({*split.gold, *reading.answers})
    gold, found = ([names.index(label) for label in labels] for labels in (split.gold, reading.answers))
    cells = np.zeros((len(gold), len(names) ** 2))
    cells[np.arange(len(gold)), np.array(gold) * len(names) + np.array(found)] = 1
    tables = np.concatenate([drawn @ cells for drawn in draws(len(gold), N_RESAMPLES, 0)])
    tables = tables.reshape(-1, len(names), len(names))
    wanted, given, n = tables.sum(2), tables.sum(1), tables.sum((1, 2))
    right = np.trace(tables, axis1=1, axis2=2)
    covariance = right * n - (wanted * given).sum(1)
    spread = np.sqrt((n**2 - (wanted**2).sum(1)) * (n**2 - (given**2).sum(1)))
    return np.divide(covariance, spread, out=np.zeros_like(n), where=spread > 0)  # type: ignore[no-any-return]


def _resampled_correlation(split: ReadTexts, reading: TextReading) -> Numbers:
    """The mean of Pearson's and Spearman's correlation in each resample. Shape: (resamples,)"""
    gold, found = np.asarray(split.gold, np.float64), np.asarray(reading.answers, np.float64)
    values = []
    for some in draws(len(gold), N_RESAMPLES, 0):
        for drawn in some:
            rows = np.repeat(np.arange(len(gold)), drawn.astype(np.int64))
            pairs = ((gold[rows], found[rows]), (rankdata(gold[rows]), rankdata(found[rows])))
            is_flat = any(not len(side) or np.ptp(side) == 0 for side in pairs[0])
            values.append(np.nan if is_flat else np.mean([pearsonr(*pair).statistic for pair in pairs]))
    return np.array(values, dtype=np.float64)


def _told(found: Difference | None) -> dict[str, Any] | None:
    return None if found is None else {"difference": found.value, "interval": found.interval, "p": found.p}


@dataclass(frozen=True)
class TextDisagreement:
    """A text on which student and teacher do not agree.

    Attributes:
        text: the text; of a pair both, divided by a slash.
        gold: its labels, or its number, in words; likewise `teacher` and `student`.
        confidence: the probability that the student gives to its wrong label; None for numbers.
    """

    text: str
    gold: str
    teacher: str
    student: str
    confidence: float | None


def telling_texts(split: ReadTexts, *, n: int = N_TEXTS) -> list[TextDisagreement]:
    """The texts that tell most of what was lost, the most telling first.

    Of labels, those where the student is surest of a wrong label that its teacher does not give; of numbers, those
    where it is farther from gold than its teacher, by most.
    """
    ranked = sorted(_losses(split), key=lambda found: (-found[0], found[1]))[:n]
    student, teacher = split.readings["student"], split.readings["teacher"]
    is_number = split.labels.task == "regression"
    return [
        TextDisagreement(
            text if isinstance(text := split.texts[row], str) else " / ".join(text),
            _in_words(split.gold[row]),
            _in_words(teacher.answers[row]),
            _in_words(student.answers[row]),
            None if is_number else loss,
        )
        for loss, row in ranked
    ]


def _losses(split: ReadTexts) -> Iterator[tuple[float, int]]:
    """How telling each text is, and its number."""
    student, teacher = split.readings["student"], split.readings["teacher"]
    if split.labels.task == "regression":
        for row, (gold, own, taught) in enumerate(zip(split.gold, student.answers, teacher.answers, strict=True)):
            if abs(own - gold) > abs(taught - gold):
                yield abs(own - gold) - abs(taught - gold), row
        return
    every = zip(_lists(split.gold), _lists(student.answers), _lists(teacher.answers), strict=True)
    for row, (gold, own, taught) in enumerate(every):
        wrong = [split.labels.ids[label] for label in own if label not in gold and label not in taught]
        if wrong:
            yield float(student.probabilities[row, wrong].max()), row


def confusions(split: ReadTexts, model: str = "student") -> list[tuple[str, str, int]]:
    """Pairs of gold label and another that the model gave instead, the most frequent first; of one-label texts."""
    if split.labels.task != "one_label":
        return []
    pairs: dict[tuple[str, str], int] = {}
    for gold, found in zip(split.gold, split.readings[model].answers, strict=True):
        if gold != found:
            pairs[gold, found] = pairs.get((gold, found), 0) + 1
    return [(*pair, n) for pair, n in sorted(pairs.items(), key=lambda item: (-item[1], item[0]))]


def _in_words(answer: Any) -> str:
    if isinstance(answer, float):
        return f"{answer:.4g}"
    return answer if isinstance(answer, str) else ", ".join(answer) or "none"


def _lists(answers: Sequence[Any]) -> list[Sequence[str]]:
    return [[answer] if isinstance(answer, str) else answer for answer in answers]


def _with_unknown(split: ReadTexts) -> list[str]:
    """The model's labels, and after them those of gold that it lacks."""
    return list(dict.fromkeys([*split.labels.names, *(name for some in split.gold for name in some)]))


def _words(held: npt.NDArray[np.bool_]) -> list[list[str]]:
    return [["yes" if value else "no" for value in row] for row in held.tolist()]
