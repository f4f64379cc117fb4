"""Teaches a small tagger on the sample corpus, and shows what its teacher is worth to it.

    python examples/demo.py [--seed N] [--output_dir FOLDER]

It prints and runs four commands: `nlp-train` for a teacher (a small BERT trained from nothing, for there is no
checkpoint to download), for the student on gold tags alone, and for the same student taught with raw sentences too;
then `nlp-inference` on one sentence.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

CORPUS = Path(__file__).parent / "corpus"
SENTENCE = "Last month Sarotie Uramin of Velbetron Group took the train to Talmaburg, says the mayor."
# The pieces are few, so that names are read in parts that train has too: the names of test are new.
TEACHER = "--from_scratch --lowercase --vocab_size 1000 --epochs 20 --lr 5e-4 --patience 0"
# Both students take as many steps: the second has seven rows for the first one's three.
SIZES = CORPUS.parent / "student.yaml"
STUDENT = "--no_use_crf --batch_size 32 --lr 2e-3"
STUDENT_EPOCHS, TAUGHT_EPOCHS = 21, 9


def main() -> None:
    """Runs the demo."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seed", type=int, default=1, help="seed of every model")
    parser.add_argument("--output_dir", type=Path, default=Path("runs/demo"), help="folder of the runs")
    options = parser.parse_args()
    began = time.monotonic()
    folder, corpus = options.output_dir, _shown(CORPUS)
    teacher, gold, taught = folder / "teacher", folder / "student_gold", folder / "student_taught"
    common = f"--data_dir {corpus} --seed {options.seed} --overwrite_output_dir"

    run(f"nlp-train transformer_token {common} --output_dir {teacher} {TEACHER}")
    student = f"{STUDENT} --config_file {_shown(SIZES)}"
    run(f"nlp-train tagger {common} --output_dir {gold} {student} --epochs {STUDENT_EPOCHS}")
    lesson = f"--teacher_model_path {teacher} --unlabeled_filename {corpus / 'unlabeled.txt'}"
    run(
        f"nlp-train tagger_kd_pseudo {common} --output_dir {taught} {student} --epochs {TAUGHT_EPOCHS} {lesson}"
        f" --cache_dir {folder / 'cache'}"
    )
    print(f"\n{compare(teacher=teacher, gold=gold, taught=taught)}\n")
    show_entities(taught)
    print(f"\nThe models and their reports are in {folder}. Time: {time.monotonic() - began:.0f} s")


def run(command: str, *, text: str | None = None) -> str:
    """Prints a command and runs it, from the environment that this Python is of.

    Args:
        command: as one would type it.
        text: for standard input; what comes back on standard output is then returned and not shown.
    """
    print(f"\n$ {command}", flush=True)
    name, *arguments = shlex.split(command)
    program = str(Path(sys.executable).parent / name)
    capture = None if text is None else subprocess.PIPE
    # Where another program ran beside these small models, two threads were ten times slower than one.
    environment = {"OMP_NUM_THREADS": "1", **os.environ}
    done = subprocess.run([program, *arguments], input=text, stdout=capture, encoding="utf-8", env=environment)
    if done.returncode:
        sys.exit(done.returncode)
    return done.stdout or ""


def compare(*, teacher: Path, gold: Path, taught: Path) -> str:
    """The table of the three models."""
    best = read_metrics(teacher)
    lines = [f"{'':36}{'test F1':>9}{'share kept':>12}{'parameters':>12}"]
    rows = (("teacher", teacher), ("student, distilled", taught), ("student, gold tags alone", gold))
    for name, folder in rows:
        metrics = read_metrics(folder)
        f1 = metrics["test"]["f1"]
        lines.append(f"{name:36}{f1:9.3f}{f1 / best['test']['f1']:12.1%}{metrics['n_parameters']:12,}")
    return "\n".join(lines)


def read_metrics(folder: Path) -> dict[str, Any]:
    """What a run says of itself."""
    return json.loads((folder / "metrics.json").read_text("utf-8"))


def show_entities(model: Path) -> None:
    """Tags one sentence."""
    line = run(f"nlp-inference tagger --model_dir {model} --entities_only", text=SENTENCE + "\n")
    print(SENTENCE)
    for entity in json.loads(line)["entities"]:
        print(f"  {entity['label']:4} {entity['score']:.2f}  {entity['text']}")


def _shown(path: Path) -> Path:
    """The path as short as it can be from here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


if __name__ == "__main__":
    main()
