"""Reports: what a run's metrics, notes and options say, as Markdown whose tables read well on a terminal too."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import yaml

Metrics = Mapping[str, Any]
Row = Sequence[str]

_SPLITS = ("dev", "test")
_UNDEFINED = "-"
_SCORES = {
    "f1": "F1",
    "precision": "precision",
    "recall": "recall",
    "f1_strict": "F1, strict reading",
    "accuracy": "accuracy",
    "macro_f1": "macro F1",
    "micro_f1": "micro F1",
    "matthews_correlation": "Matthews correlation",
    "average_precision": "average precision",
    "raw_f1": "F1 from raw text (character spans)",
    "raw_accuracy": "accuracy from raw text (character spans)",
}
_MAIN_SCORES = ("f1", "raw_f1")
_MAIN_PLAIN_SCORES = ("accuracy", "macro_f1", "raw_accuracy")


def write_report(
    metrics: Metrics, *, title: str, notes: Sequence[str] = (), options: Mapping[str, Any] | None = None
) -> str:
    """The report of a run, or of an evaluation.

    Args:
        metrics: what stands in `metrics.json`.
        title: its heading.
        notes: what was skipped, cut, masked, converted or chosen, a sentence each.
        options: what it was run with.
    """
    parts = [f"# {title}", _facts(metrics), "## Scores", score_table(metrics)]
    for split in _splits(metrics):
        if table := _type_table(metrics, split):
            parts += [f"## {split}, {'tag by tag' if 'per_tag' in metrics[split] else 'type by type'}", table]
    parts += ["## What was skipped, cut, masked, converted and chosen", _bullets(notes) or "Nothing."]
    if options is not None:
        values = yaml.safe_dump(dict(options), allow_unicode=True, sort_keys=False, width=1000)
        parts += ["## Options", f"```yaml\n{values}```"]
    return "\n\n".join(part for part in parts if part) + "\n"


def score_table(metrics: Metrics, *, short: bool = False) -> str:
    """The scores of dev and test as a table; where there is a teacher, its scores stand beside them.

    Args:
        metrics: what stands in `metrics.json`.
        short: the scores that matter most, and no others.
    """
    rows = [row for split in _splits(metrics) for row in _score_rows(metrics, split, short=short)]
    rows += [["", "parameters", *_sizes(metrics)]] if "n_parameters" in metrics else []
    if "teacher" in metrics:
        return _table(["split", "score", "student", "teacher", "share of teacher"], rows)
    return _table(["split", "score", "model"], [row[:3] for row in rows])


def write_card(metrics: Metrics, *, name: str, tags: Sequence[str], is_small: bool, splitter: str | None = None) -> str:
    """The model card of a tagger: a `README.md` for its folder.

    Args:
        metrics: what stands in `metrics.json`.
        name: of the model's folder.
        tags: the tags it gives.
        is_small: whether it is a `NeuralTagger` and not a transformer.
        splitter: how it makes raw text into words.
    """
    kind = "NeuralTagger" if is_small else "TransformerTokenClassifier"
    procedure = "tagger" if is_small else "transformer_token"
    return "\n\n".join(
        [
            "---\nlibrary_name: nlparch\npipeline_tag: token-classification\n---",
            f"# {name}",
            _description(metrics, kind, n_tags=len(tags), splitter=splitter),
            "## Labels",
            ", ".join(f"`` {tag} ``" if "`" in tag else f"`{tag}`" for tag in tags),
            "## Scores",
            score_table(metrics),
            "Scores are fractions of 1; `report.md` has them type by type, and says how the model was made.",
            "## Use",
            f'```python\nfrom nlparch import {kind}\n\nmodel = {kind}.from_pretrained("{name}")\n'
            'print(model.predict(["Some text."])[0].to_dict())\n```',
            f"```sh\nnlp-inference {procedure} --model_dir {name} --data_file texts.txt\n```\n",
        ]
    )


def _description(metrics: Metrics, kind: str, *, n_tags: int, splitter: str | None) -> str:
    size = f"A small tagger (`{kind}` of nlparch" if kind == "NeuralTagger" else f"A transformer (`{kind}` of nlparch"
    size += f", {metrics['n_parameters']:,} parameters)" if "n_parameters" in metrics else ")"
    sentences = [f"{size} that gives each word one of {n_tags} tags, trained by `nlp-train {metrics['procedure']}`."]
    if "teacher" in metrics:
        sentences.append(f"Its teacher has {metrics['teacher']['n_parameters']:,} parameters.")
    if splitter is not None:
        sentences.append(f"It reads raw text as words with the splitter `{splitter}`.")
    if kind != "NeuralTagger":
        sentences.append("The transformers library loads it with `AutoModelForTokenClassification` as well.")
    return " ".join(sentences)


def _facts(metrics: Metrics) -> str:
    facts = []
    if "seed" in metrics:
        facts.append(f"seed: {metrics['seed']}")
    if metrics.get("best_step") is not None:
        facts.append(f"best model on dev: step {metrics['best_step']}, epoch {metrics.get('best_epoch') or _UNDEFINED}")
    if metrics.get("train_seconds") is not None:
        facts.append(f"training: {metrics['train_seconds']:.1f} s")
    if "words_without_teacher" in metrics:
        facts.append(f"training words without teacher outputs: {metrics['words_without_teacher']:,}")
    return _bullets(facts)


def _splits(metrics: Metrics) -> list[str]:
    return [split for split in _SPLITS if split in metrics]


def _score_rows(metrics: Metrics, split: str, *, short: bool) -> Iterator[list[str]]:
    student = _flat(metrics[split])
    teacher = _flat(metrics.get("teacher", {}).get(split, {}))
    wanted = (_MAIN_SCORES if "f1" in student else _MAIN_PLAIN_SCORES) if short else tuple(_SCORES)
    for name in wanted:
        if name in student or name in teacher:
            one, other = student.get(name), teacher.get(name)
            yield [split, _SCORES[name], _fraction(one), _fraction(other), _share(one, other)]
    if split in metrics.get("agreement", {}):
        yield [split, "agreement with the teacher", _fraction(metrics["agreement"][split]), "", ""]
    if not short and "n" in student:
        yield [split, "words", f"{student['n']:,}", "", ""]


def _flat(scores: Metrics) -> dict[str, Any]:
    return {**scores, **{f"raw_{name}": value for name, value in scores.get("raw_text", {}).items()}}


def _sizes(metrics: Metrics) -> list[str]:
    own, other = metrics["n_parameters"], metrics.get("teacher", {}).get("n_parameters")
    return [f"{own:,}", _UNDEFINED if other is None else f"{other:,}", _share(own, other)]


def _type_table(metrics: Metrics, split: str) -> str:
    name = "per_tag" if "per_tag" in metrics[split] else "per_type"
    student: Metrics = metrics[split].get(name, {})
    teacher: Metrics | None = metrics.get("teacher", {}).get(split, {}).get(name)
    header = ["tag" if name == "per_tag" else "type", "support", "precision", "recall", "F1"]
    header += ["teacher F1"] if teacher is not None else []
    rows = []
    for type_ in sorted({*student, *(teacher or {})}):
        own, other = student.get(type_, {}), (teacher or {}).get(type_, {})
        support = own.get("support", other.get("support", 0))
        row = [_escape(type_), f"{support:,}", *(_fraction(own.get(key)) for key in ("precision", "recall", "f1"))]
        rows.append(row + ([_fraction(other.get("f1"))] if teacher is not None else []))
    return _table(header, rows) if rows else ""


def _table(header: Row, rows: Sequence[Row]) -> str:
    """A Markdown table with aligned columns; text at the left, figures at the right."""
    is_text = [name in ("split", "score", "type", "tag") for name in header]
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]

    def line(cells: Row) -> str:
        padded = (
            cell.ljust(width) if text else cell.rjust(width)
            for cell, width, text in zip(cells, widths, is_text, strict=True)
        )
        return f"| {' | '.join(padded)} |"

    rule = ["-" * width if text else "-" * (width - 1) + ":" for width, text in zip(widths, is_text, strict=True)]
    return "\n".join([line(header), line(rule), *map(line, rows)])


def _bullets(sentences: Sequence[str]) -> str:
    return "\n".join(f"- {' '.join(sentence.split())}" for sentence in sentences)


def _fraction(value: float | None) -> str:
    return _UNDEFINED if value is None else f"{value:.4f}"


def _share(part: float | None, whole: float | None) -> str:
    return f"{part / whole:.1%}" if part is not None and whole else _UNDEFINED


def _escape(name: str) -> str:
    """A tag in Markdown: marks of punctuation are tags of words in some corpora."""
    return re.sub(r"([\\`*|<])", r"\\\1", name)
