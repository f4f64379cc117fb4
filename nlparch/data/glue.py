"""The tasks of GLUE, with files as its own site gives them: names, columns, metrics.

Wang et al. (2019), https://openreview.net/forum?id=rJ4km2R5t7. The files know no quoting; their test sets have no
labels and are not read.
"""

from dataclasses import dataclass
from pathlib import Path

from nlparch.data.records import read_separated
from nlparch.data.text_labels import TextTask
from nlparch.data.text_tables import RawTexts, TextRows
from nlparch.errors import DataError, UserError
from nlparch.names import suggest


@dataclass(frozen=True)
class GlueTask:
    """One of the tasks.

    Attributes:
        folder: as GLUE's own archive calls it.
        columns: header names of text, second text (None without one) and label; numbers where there is no header.
        task: what is asked of a text.
        main_score: chooses the best model, and is what GLUE reports.
        dev: the file of dev.
        test: a second labelled file, which is scored as test; empty without one.
    """

    folder: str
    columns: tuple[str, str | None, str] | tuple[int, None, int]
    task: TextTask = "one_label"
    main_score: str = "accuracy"
    dev: str = "dev.tsv"
    test: str = ""


_PAIR = ("sentence1", "sentence2", "label")
GLUE_TASKS = {
    "cola": GlueTask("CoLA", (3, None, 1), main_score="matthews_correlation"),
    "sst-2": GlueTask("SST-2", ("sentence", None, "label")),
    "mrpc": GlueTask("MRPC", ("#1 String", "#2 String", "Quality"), main_score="accuracy_and_f1"),
    "qqp": GlueTask("QQP", ("question1", "question2", "is_duplicate"), main_score="accuracy_and_f1"),
    "sts-b": GlueTask("STS-B", ("sentence1", "sentence2", "score"), task="regression", main_score="pearson_spearman"),
    "mnli": GlueTask(
        "MNLI", ("sentence1", "sentence2", "gold_label"), dev="dev_matched.tsv", test="dev_mismatched.tsv"
    ),
    "qnli": GlueTask("QNLI", ("question", "sentence", "label")),
    "rte": GlueTask("RTE", _PAIR),
    "wnli": GlueTask("WNLI", _PAIR),
}


def find_glue_task(name: str) -> GlueTask:
    """The task of a name such as `sst-2`, `SST2` or `mnli`.

    Raises:
        UserError: If there is none.
    """
    wanted = name.lower().replace("-", "").replace("_", "")
    for known, task in GLUE_TASKS.items():
        if known.replace("-", "") == wanted:
            return task
    raise UserError(f"--task_name must be one of GLUE's tasks, got {name}; {suggest(name.lower(), GLUE_TASKS)}")


def read_glue(data_dir: Path, task: GlueTask, notes: list[str]) -> dict[str, RawTexts]:
    """The labelled splits of a task.

    Args:
        data_dir: the task's folder, or the one that holds the folders of all tasks.
        task: which.
        notes: gains what was passed over.

    Raises:
        DataError: If the files are not there or have other columns.
    """
    folder = data_dir / task.folder if (data_dir / task.folder).is_dir() else data_dir
    names = {"train": "train.tsv", "dev": task.dev, "test": task.test}
    if not (folder / names["train"]).is_file():
        raise DataError(f"{folder}: {task.folder} of GLUE must have {names['train']}; --data_dir is its folder")
    splits = {
        split: _read_file(folder / name, task, notes)
        for split, name in names.items()
        if name and (folder / name).is_file()
    }
    if "test" in splits:
        notes.append(f"test: {task.test}, for GLUE's own test sets have no labels")
    else:
        notes.append("test: GLUE's test sets have no labels, they are not read")
    return splits


def _read_file(path: Path, task: GlueTask, notes: list[str]) -> RawTexts:
    lines = read_separated(path, notes, separator="\t", quoted=False)
    rows, places, n_odd = TextRows(), [], 0
    header = None if isinstance(task.columns[0], int) else [name.strip() for name in next(lines, (0, [""]))[1]]
    text, pair, label = (_place(column, header, path) for column in task.columns)
    assert text is not None and label is not None
    width = len(header) if header else 1 + max(text, label)
    for line, row in lines:
        if len(row) < width:
            n_odd += 1
            continue
        rows.texts.append(row[text])
        rows.pairs.append(None if pair is None else row[pair])
        rows.gold.append(row[label].strip() or None)
        places.append(f"{path}:{line}")
    if n_odd:
        notes.append(f"{path}: {n_odd} rows with too few fields dropped")
    return RawTexts(rows, places)


def _place(column: str | int | None, header: list[str] | None, path: Path) -> int | None:
    if column is None or isinstance(column, int):
        return column
    assert header is not None
    if column not in header:
        raise DataError(f"{path}:1: a column must be named {column}, got {', '.join(header)}; is it GLUE's own file?")
    return header.index(column)
