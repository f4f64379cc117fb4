import logging
import os
import resource
import subprocess
import sys
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import pytest

import nlparch.cli
from nlparch import __version__
from nlparch.cli import bench, evaluate, export, inference, parse, train
from nlparch.errors import UserError
from nlparch.procedure import Procedure


@dataclass(frozen=True)
class DataOptions:
    data_dir: str
    """Where the data is."""
    tag_col: int = -1
    """Column of the tag."""


@dataclass(frozen=True)
class Options(DataOptions):
    """Train something."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    lr: float = 1e-3
    """How far a step goes."""
    loss: Literal["kl", "mse"] = "kl"
    """What is compared."""
    use_crf: bool = False
    """A CRF on top."""
    unlabeled_filename: tuple[str, ...] = ()
    """Raw text."""
    embedding_file: str | None = None
    """Word vectors."""
    scheme: Literal["a", "b"] | None = None
    """Of tags."""

    def __post_init__(self) -> None:
        if self.lr <= 0:
            raise ValueError(f"--lr must be positive, got {self.lr}")


@dataclass(kw_only=True)
class ScoreOptions:
    """Score a model."""

    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    teacher: str | None = None
    """Another model."""
    model_dir: str
    """Folder of the model."""
    data_file: str
    """What to score it on."""


def parse_line(line: str, cls: type[Any] = Options, **others: Any) -> Any:
    return parse(cls, line.split(), program="nlp-train x", **others)


def complaint(line: str, cls: type[Any] = Options, **others: Any) -> str:
    with pytest.raises(UserError) as caught:
        parse_line(line, cls, **others)
    message = str(caught.value)
    assert "\n" not in message
    return message.removesuffix("; see nlp-train x --help")


@pytest.fixture
def runs(monkeypatch):
    """Makes `x` the one procedure of every command; the fixture's value is what runs when the command does."""
    calls: list[Any] = []
    fake = Procedure("x", "-:-", "-:-", "does x", positional=("data_dir",))
    monkeypatch.setattr(Procedure, "load_options", lambda self: Options)
    monkeypatch.setattr(Procedure, "load_run", lambda self: calls[0])
    monkeypatch.setattr(nlparch.cli, "procedures", lambda command: {"x": fake})
    monkeypatch.setattr(nlparch.cli, "find_procedure", lambda command, name: fake)
    return calls


# Options from arguments and files


def test_flags_become_options():
    line = "--data_dir x --lr 5e-4 --loss mse --use_crf --unlabeled_filename a.txt b.txt --embedding_file v.txt"
    assert parse_line(line) == Options("x", -1, 5e-4, "mse", True, ("a.txt", "b.txt"), "v.txt")


def test_dashes_in_flags_do_for_underscores():
    assert parse_line("--data-dir x --use-crf") == Options("x", use_crf=True)


def test_values_may_begin_with_a_dash():
    assert parse_line("--data_dir - --embedding_file -DOCSTART- --tag_col -2") == Options(
        "-", tag_col=-2, embedding_file="-DOCSTART-"
    )


def test_a_file_gives_options_and_flags_win_over_it(tmp_path):
    file = tmp_path / "options.yaml"
    file.write_text("lr: 5e-4\nuse_crf: true\nunlabeled_filename: [a]\ndata_dir: x\n")
    assert parse_line(f"--config {file}") == Options("x", lr=5e-4, use_crf=True, unlabeled_filename=("a",))
    flags = f"--no_use_crf --lr 1 --unlabeled_filename b --config={file} --data_dir y"
    assert parse_line(flags) == Options("y", lr=1.0, unlabeled_filename=("b",))


def test_checks_are_made_on_the_values_that_count(tmp_path):
    file = tmp_path / "options.yaml"
    file.write_text("lr: -1")
    assert parse_line(f"--config {file} --data_dir x --lr 1").lr == 1.0
    assert complaint(f"--config {file} --data_dir x") == "--lr must be positive, got -1.0"


def test_required_options_may_be_given_by_place():
    by_place = {"cls": ScoreOptions, "positional": ["model_dir", "data_file"]}
    assert parse_line("m f --teacher t", **by_place) == ScoreOptions(model_dir="m", data_file="f", teacher="t")
    assert parse_line("m -", **by_place).data_file == "-"
    assert complaint("m", **by_place) == "required and not given: DATA_FILE"
    assert complaint("", **by_place) == "required and not given: MODEL_DIR, DATA_FILE"


def test_what_is_given_by_place_wins_over_the_file_too(tmp_path):
    file = tmp_path / "options.yaml"
    file.write_text("model_dir: m\ndata_file: f\n")
    by_place = {"cls": ScoreOptions, "positional": ["model_dir", "data_file"]}
    assert parse_line(f"--config {file}", **by_place) == ScoreOptions(model_dir="m", data_file="f")
    assert parse_line(f"n g --config {file}", **by_place) == ScoreOptions(model_dir="n", data_file="g")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("", "required and not given: --data_dir"),
        ("--data_dir", "Missing value for argument '--data_dir'. Expected 1 values"),
        ("--data_dir x --lrr 3", "--lrr: no such option; did you mean --lr?"),
        ("--use_crff", "--use_crff: no such option; did you mean --use_crf?"),
        ("--data_dir x --qqqqq=3", "--qqqqq: no such option"),
        ("--data_dir x --lr fast", "Error parsing --lr: could not convert string to float: 'fast'"),
        ("--data_dir x --loss kll", "--loss must be one of kl, mse, got kll"),
        ("--data_dir x --scheme foo", "--scheme must be one of a, b, got foo"),
        ("--data_dir x y", "Unrecognized options: y"),
        ("--data_dir x --lr -1", "--lr must be positive, got -1.0"),
        ("--data_dir x --config", "--config: a file is needed, got nothing"),
        ("--data_dir x --config no.yaml", "no.yaml: cannot be read: No such file or directory"),
        (
            "--data_dir x --unlabeled_filename a --unlabeled_filename b",
            "--unlabeled_filename: must be given once, got 2 times; write --unlabeled_filename A B",
        ),
    ],
)
def test_a_mistake_is_told_in_one_line(line, said):
    assert complaint(line) == said


def test_help_explains_each_option(capsys):
    with pytest.raises(SystemExit) as caught:
        parse_line("--help")
    assert caught.value.code == 0
    said = capsys.readouterr().out
    for text in ("Train something.", "--config FILE", "How far a step goes. (default: 0.001)", "--no_use_crf"):
        assert text in said


# Commands


def test_a_command_runs_its_procedure(runs):
    got = []
    runs.append(got.append)
    assert train(["x", "--data_dir", "a"]) == 0
    assert inference(["x", "--data_dir", "b"]) == 0
    assert evaluate(["c"]) == 0
    assert got == [Options("a"), Options("b"), Options("c")]


@pytest.mark.parametrize("args", [[], ["list"], ["--help"], ["-h"]])
def test_a_command_alone_shows_its_procedures_a_line_each(args, capsys):
    assert train(args) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("usage: nlp-train PROCEDURE")
    assert "  tagger                train a small tagger on gold tags alone" in lines


NAMES = [(train, "train"), (inference, "inference"), (evaluate, "eval"), (export, "export"), (bench, "bench")]


@pytest.mark.parametrize(("command", "name"), NAMES)
def test_a_command_tells_its_version(command, name, capsys):
    assert command(["--version"]) == 0
    assert capsys.readouterr().out == f"nlp-{name} {__version__}\n"


def test_a_users_mistake_is_one_line_and_code_2(runs, capsys):
    def refuse(options):
        raise UserError("no words\nin train.txt:3")

    runs.append(refuse)
    assert train(["x", "--data_dir", "a"]) == 2
    assert train(["x"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.splitlines() == [
        "error: no words in train.txt:3",
        "error: required and not given: --data_dir; see nlp-train x --help",
    ]


def test_an_unknown_procedure_is_code_2(capsys):
    assert train(["taggr"]) == 2
    assert capsys.readouterr().err.startswith("error: no procedure 'taggr' for train; known: classifier, classifier_kd")


def test_a_bug_is_not_taken_for_a_users_mistake(runs):
    def fail(options):
        raise ValueError("shapes differ")

    runs.append(fail)
    with pytest.raises(ValueError, match="shapes differ"):
        train(["x", "--data_dir", "a"])


def test_an_interrupted_run_is_code_130(runs, capsys):
    def interrupt(options):
        raise KeyboardInterrupt

    runs.append(interrupt)
    assert train(["x", "--data_dir", "a"]) == 130
    assert capsys.readouterr().err == "interrupted; --resume goes on from the last checkpoint\n"


def test_the_librarys_log_goes_to_standard_error_while_a_procedure_runs(runs, capsys):
    handlers = list(logging.getLogger().handlers)
    runs.append(lambda options: logging.getLogger("nlparch.data").info("read 3 sentences"))
    assert train(["x", "--data_dir", "a"]) == 0
    assert capsys.readouterr().err.endswith(" INFO read 3 sentences\n")
    assert logging.getLogger().handlers == handlers
    assert logging.getLogger("nlparch").level == logging.NOTSET


@pytest.mark.parametrize("command", [train, evaluate])
def test_completion_knows_the_options(command, capsys):
    with pytest.raises(SystemExit) as caught:
        command(["--tyro-print-completion", "bash"])
    assert not caught.value.code
    assert "batch_size" in capsys.readouterr().out


# In a process of their own


def run_python(code: str, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, timeout=60)


def test_a_reader_that_goes_away_is_no_error():
    code = (
        "import sys, nlparch.cli as cli\n"
        "from nlparch.procedure import Procedure\n"
        "Procedure.load_run = lambda self: lambda options: [print('x' * 99) for _ in range(99999)]\n"
        "sys.exit(cli.evaluate(['m', 'f']))\n"
    )
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([sys.executable, "-c", code], stdout=writer, stderr=subprocess.PIPE, timeout=60)
    os.close(writer)
    assert (done.returncode, done.stderr) == (141, b"")


HELP = ["train", "train tagger_kd_pseudo --help", "inference tagger --help", "eval --help", "bench --help"]


@pytest.mark.parametrize("args", HELP)
def test_help_is_quick_and_imports_nothing_heavy(args):
    command, *rest = args.split()
    code = (
        "import sys, atexit, nlparch.cli as cli\n"
        "heavy = {'torch', 'transformers', 'datasets', 'pydantic', 'numpy', 'accelerate'}\n"
        "atexit.register(lambda: print('imported:', sorted(heavy & set(sys.modules))))\n"
        f"sys.exit(cli.{'evaluate' if command == 'eval' else command}(sys.argv[1:]))\n"
    )
    seconds = []
    for _ in range(3):
        # Processor time: a busy machine makes no command slow.
        begun = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = run_python(code, *rest)
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(ended.ru_utime + ended.ru_stime - begun.ru_utime - begun.ru_stime)
        assert done.returncode == 0, done.stderr
        assert done.stdout.endswith("imported: []\n")
    assert min(seconds) < 0.5
