"""Speed, size and quality of students in every form, beside their teacher, BERT-base and spaCy, in one interleaved run.

    python benchmarks/runtime.py --data DATA/btc/test.txt --models runs/student runs/fastest --teacher runs/teacher \
        --spacy runs/spacy-btc

Students and the teacher are folders of `nlp-train`, spaCy's is made by `benchmarks/spacy_ner.py train`. BERT-base has
random weights: it is there for its speed only. The figures become a line of `benchmarks/results/runtime.jsonl`, from
which `benchmarks/tagging.py --tables` makes a table.
"""

import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tyro
from cells import provenance

from nlparch.procedures.bench import measure, table
from nlparch.procedures.bench_entries import Entry, find_entries
from nlparch.procedures.bench_material import read_material
from nlparch.procedures.model_options import BenchOptions

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "runtime.jsonl"


@dataclass(kw_only=True)
class Options:
    """Measures, prints the table, and adds a line to the results."""

    data: str
    """Labelled column file."""
    models: tuple[str, ...]
    """Folders of students."""
    teacher: str
    """Folder of their teacher."""
    spacy: str | None = None
    """Folder of spaCy's model."""
    rounds: int = 5
    """Rounds."""
    seconds: float = 2.0
    """Seconds of a round of one model."""


def main(options: Options) -> None:
    """Measures all of them."""
    settings = BenchOptions(
        model_dirs=options.models, data=options.data, rounds=options.rounds, seconds=options.seconds
    )
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        entries = [entry for folder in (*options.models, options.teacher) for entry in find_entries(folder, scratch)]
        entries += bert_base(options.teacher, scratch / "BERT-base, random")
        entries += spacy_entries(options.spacy, entries[0].labels) if options.spacy else []
        material = read_material(settings, entries)
        figures = measure(entries, material, options=settings, scratch=scratch)
    for row in figures:
        if row["model"].endswith("random"):
            row["score"] = None
    line = {"corpus": "/".join(Path(options.data).parts[-2:]), "figures": figures, **provenance()}
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(json.dumps(line) + "\n")
    print(table(figures))


def bert_base(teacher: str, folder: Path) -> Iterator[Entry]:
    """A transformer of BERT-base's shape with the teacher's tokenizer and labels."""
    from transformers import AutoConfig, AutoTokenizer, BertConfig, BertForTokenClassification

    labels = AutoConfig.from_pretrained(teacher).id2label
    config = BertConfig(id2label=labels, label2id={tag: label for label, tag in labels.items()})
    model: Any = BertForTokenClassification(config)
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(teacher).save_pretrained(folder)
    yield next(entry for entry in find_entries(str(folder), folder.parent) if entry.form == "torch bf16")


def spacy_entries(folder: str, labels: Any) -> Iterator[Entry]:
    """spaCy's pipeline as a contestant."""
    from spacy_ner import Spacy

    best = Path(folder) / "model-best"
    n_bytes = sum(file.stat().st_size for file in best.rglob("*") if file.is_file())
    command = [sys.executable, str(HERE / "spacy_ner.py"), "serve", folder]
    yield Entry("spaCy NER", "spaCy", command, Spacy(folder).n_parameters, n_bytes, labels)


if __name__ == "__main__":
    main(tyro.cli(Options, use_underscores=True))
