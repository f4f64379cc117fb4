"""What the README and the docs show can be typed: commands parse, code compiles, links lead somewhere."""

import importlib.util
import re
import shlex
from dataclasses import fields
from pathlib import Path

import pytest

from nlparch.cli import parse
from nlparch.data.conll import read_file
from nlparch.data.labels import spans
from nlparch.procedure import find_procedure, procedures

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
CORPUS = ROOT / "examples" / "corpus"
WANTED_VALUES = {"data_dir": "x", "output_dir": "x", "teacher_model_path": "x", "unlabeled_filename": ["x"]}


def load(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def blocks(page, language):
    return re.findall(rf"^```{language}\n(.*?)^```", page.read_text("utf-8"), flags=re.DOTALL | re.MULTILINE)


def commands(page):
    """The `nlp-...` commands of a page: in blocks, and whole ones in the text."""
    text = page.read_text("utf-8")
    shown = re.findall(r"`(nlp-(?:train|inference|eval|export|bench|serve) [^`\n]*)`", text)
    for block in blocks(page, "sh"):
        shown += re.sub(r"\\\n\s*", "", block).splitlines()
    for line in shown:
        for part in re.split(r" [|><] ", line):
            # PROCEDURE, MODEL_DIR and such stand for what the reader has.
            if part.startswith("nlp-") and not re.search(r"\b[A-Z]{3,}\b", part):
                yield part


SHOWN = [(page.name, command) for page in PAGES for command in commands(page)]


def parsed(command, tmp_path):
    name, *args = shlex.split(command)
    kind = name.removeprefix("nlp-")
    if kind in procedures(kind):
        only = find_procedure(kind, kind)
        return parse(only.load_options(), args, program=name, positional=only.positional)
    procedure = args.pop(0)
    if procedure == "list" or not args:
        assert procedure in ("list", *procedures(kind))
        return None
    cls = find_procedure(kind, procedure).load_options()
    if args == ["--help"]:
        return None
    if "--config" in args:  # a file that an earlier command wrote
        file = tmp_path / "options.yaml"
        known = {field.name for field in fields(cls)}
        file.write_text("".join(f"{key}: {value}\n" for key, value in WANTED_VALUES.items() if key in known))
        args[args.index("--config") + 1] = str(file)
    return parse(cls, args, program=f"{name} {procedure}")


def test_the_pages_show_every_procedure():
    shown = {tuple(command.split()[:2]) for _, command in SHOWN}
    assert {("nlp-train", name) for name in procedures("train")} <= shown
    assert {("nlp-inference", name) for name in procedures("inference")} <= shown
    assert {"nlp-eval", "nlp-export", "nlp-bench", "nlp-serve"} <= {command[0] for command in shown}


@pytest.mark.parametrize(("page", "command"), SHOWN, ids=[f"{page}: {command[:60]}" for page, command in SHOWN])
def test_a_command_that_is_shown_parses(page, command, tmp_path):
    parsed(command, tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_code_that_is_shown_compiles(page):
    for code in blocks(page, "python"):
        compile(code, page.name, "exec")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)]+)\)", page.read_text("utf-8")):
        name, _, anchor = target.partition("#")
        if "://" in name:
            continue
        file = page.parent / name if name else page
        assert file.exists(), target
        headings = re.findall(r"^#+ (.+)$", file.read_text("utf-8"), flags=re.MULTILINE) if anchor else []
        assert not anchor or anchor in [re.sub(r"[^\w -]", "", line.lower()).replace(" ", "-") for line in headings]


def test_the_page_of_options_is_up_to_date():
    build = load(ROOT / "docs" / "build.py")
    assert build.PAGE.read_text("utf-8") == build.options_page(), "run `make docs`"


def test_the_sample_corpus_is_what_its_generator_writes(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["make_corpus.py", "--output_dir", str(tmp_path)])
    load(ROOT / "examples" / "make_corpus.py").main()
    for file in sorted(tmp_path.iterdir()):
        assert file.read_bytes() == (CORPUS / file.name).read_bytes(), f"run examples/make_corpus.py: {file.name}"


def test_the_sample_texts_are_what_their_generator_writes(tmp_path, monkeypatch):
    monkeypatch.setattr("sys.argv", ["make_texts.py", "--output_dir", str(tmp_path)])
    load(ROOT / "examples" / "make_texts.py").main()
    for file in sorted(tmp_path.iterdir()):
        assert file.read_bytes() == (ROOT / "examples" / "texts" / file.name).read_bytes(), (
            f"make_texts.py: {file.name}"
        )


def test_no_name_of_dev_or_test_occurs_in_train_and_some_of_test_occur_in_no_raw_text():
    def names(split):
        sentences = read_file(CORPUS / f"{split}.txt")
        words = (word for s in sentences for _, start, end in spans(s.tags) for word in s.words[start:end])
        return {word.lower() for word in words}

    make_corpus = load(ROOT / "examples" / "make_corpus.py")
    common = set(f"{make_corpus.ORG_TAILS} {make_corpus.LOC_TAILS}".lower().split())
    train_words = {word.lower() for sentence in read_file(CORPUS / "train.txt") for word in sentence.words}
    raw_words = set(re.findall(r"\w+", (CORPUS / "unlabeled.txt").read_text("utf-8").lower()))
    test_names = names("test") - common
    assert not train_words & (names("dev") - common)
    assert not train_words & test_names
    assert 0.6 < len(test_names & raw_words) / len(test_names) < 0.9


def test_shown_keys_are_what_the_size_makes_of_them():
    page = load(ROOT / "docs" / "build.py").options_page()
    assert "| `sentence_context` | `True` |" in page
