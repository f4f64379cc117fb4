"""What a run's folder tells when it is done: `metrics.json`, `report.md`, `report.html`; and what a model costs."""

import dataclasses
import json
import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from nlparch.calibration import Bin, calibrate_bins
from nlparch.devices import Precision
from nlparch.disagreements import Disagreement, telling_disagreements
from nlparch.readings import ReadSplit
from nlparch.report import Evidence, Size, write_page, write_report
from nlparch.text_evidence import TextDisagreement, confusions, telling_texts, text_bins
from nlparch.text_readings import ReadTexts

BATCH_SIZE = 32
_SECONDS_OF_MEASURING = 1.0
_NOT_OF_THE_MODEL = {"README.md", "metrics.json", "options.yaml", "report.html", "report.md", "inputs.json"}


@dataclass(frozen=True)
class Reader:
    """A model whose cost is told: itself, its folder or hub id, and the number format it reads in."""

    model: Any
    place: str | Path
    precision: Precision


def save_report(
    folder: Path,
    metrics: dict[str, Any],
    *,
    title: str,
    notes: Sequence[str],
    options: Any,
    evidence: Evidence | None = None,
) -> None:
    """Writes `metrics.json`, `report.md` and `report.html` into a folder."""
    about: Any = {"title": title, "notes": notes, "options": dataclasses.asdict(options), "evidence": evidence}
    texts = {
        "metrics.json": json.dumps(metrics, indent=1, ensure_ascii=False) + "\n",
        "report.md": write_report(metrics, **about),
        "report.html": write_page(metrics, **about),
    }
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")


def gather_evidence(
    splits: Mapping[str, ReadSplit | ReadTexts],
    readers: Mapping[str, Reader],
    curves: Mapping[str, Sequence[Mapping[str, Any]]],
) -> Evidence:
    """What a report tells beyond the metrics.

    Reliability is that of test, where there is one. Sentences are shown from dev, where there is one: a test set that
    was looked at is a test no longer.

    Args:
        splits: what the models made of dev and test.
        readers: the models, to be measured.
        curves: the Trainer's log of each model that was trained.
    """
    if not splits:
        return Evidence(sizes={name: _size(reader, (), ()) for name, reader in readers.items()}, curves=curves)
    first, last = list(splits)[0], list(splits)[-1]
    rows, n_words = rows_to_measure(splits[last])
    return Evidence(
        sizes={name: _size(reader, rows, n_words) for name, reader in readers.items()},
        measured_on=_machine(readers, "texts" if isinstance(splits[last], ReadTexts) else "sentences"),
        curves=curves,
        bins=_bins(splits[last]),
        bins_split=last,
        disagreements=_disagreements(splits[first]) if "teacher" in splits[first].readings else (),
        disagreements_split=first,
        confusions=_confusions(splits[last]),
    )


def _bins(split: ReadSplit | ReadTexts) -> dict[str, list[Bin]]:
    readings: dict[str, Any] = dict(split.readings)
    if (before := readings["student"].uncalibrated) is not None:
        readings["uncalibrated"] = before
    if isinstance(split, ReadTexts):
        return {name: bins for name, reading in readings.items() if (bins := text_bins(split, reading))}
    return {name: calibrate_bins(split.gold, reading) for name, reading in readings.items()}


def _confusions(split: ReadSplit | ReadTexts) -> Sequence[tuple[str, str, int]]:
    return confusions(split) if isinstance(split, ReadTexts) else ()


def _disagreements(split: ReadSplit | ReadTexts) -> Sequence[Disagreement | TextDisagreement]:
    return telling_texts(split) if isinstance(split, ReadTexts) else telling_disagreements(split)


def rows_to_measure(split: ReadSplit | ReadTexts) -> tuple[Sequence[Any], Sequence[int]]:
    """Sentences or texts, and the number of words in each."""
    if isinstance(split, ReadTexts):
        return split.texts, [len((text if isinstance(text, str) else " ".join(text)).split()) for text in split.texts]
    return split.words, [len(words) for words in split.words]


def _size(reader: Reader, rows: Sequence[Any], n_words: Sequence[int]) -> Size:
    read = reader.model.tag_words if hasattr(reader.model, "tag_words") else reader.model.text_logits
    speed = words_per_second(partial(read, precision=reader.precision), rows, n_words)
    return Size(n_bytes=_n_bytes(Path(reader.place)), words_per_second=speed)


def _n_bytes(folder: Path) -> int | None:
    """Of the model's own files; None where the folder is not on this machine."""
    if not folder.is_dir():
        return None
    own = (file for file in folder.iterdir() if file.is_file() and file.name not in _NOT_OF_THE_MODEL)
    return sum(file.stat().st_size for file in own)


def words_per_second(read: Callable[[Any], Any], rows: Sequence[Any], n_words: Sequence[int]) -> float | None:
    """How fast sentences of words, or texts, are read as they come; measured for a second, after one batch.

    Args:
        read: reads a batch of them.
        rows: sentences of words, or texts.
        n_words: of each.

    Returns:
        None without rows.
    """
    begins = range(0, len(rows), BATCH_SIZE)
    if not begins:
        return None
    read(rows[:BATCH_SIZE])
    n_read, began = 0, time.perf_counter()
    for begin in begins:
        read(rows[begin : begin + BATCH_SIZE])
        n_read += sum(n_words[begin : begin + BATCH_SIZE])
        if time.perf_counter() - began > _SECONDS_OF_MEASURING:
            break
    return n_read / (time.perf_counter() - began)


def _machine(readers: Mapping[str, Reader], unit: str) -> str:
    devices = {reader.model.device for reader in readers.values()}
    names = (
        torch.cuda.get_device_name(device)
        if device.type == "cuda"
        else f"{device.type} ({platform.machine()}, {torch.get_num_threads()} threads)"
        for device in sorted(devices, key=str)
    )
    return f"{', '.join(names)}, batches of {BATCH_SIZE} {unit}"
