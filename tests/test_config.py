import json
import math
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlparch.config import ConfigError, dump, field_docs, load, read_values
from nlparch.errors import UserError
from nlparch.procedure import procedures


@dataclass(frozen=True)
class Sizes:
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    width: float = 1.0


@dataclass(frozen=True)
class BaseOptions:
    __pydantic_config__: ClassVar[Any] = {"extra": "forbid"}

    data_dir: str
    """Where the data is."""


@dataclass(frozen=True)
class Options(BaseOptions):
    lr: float = 1e-3
    """How far a step goes.

    Smaller is slower.
    """
    epochs: int = 3
    """How often."""
    loss: Literal["kl", "mse"] = "kl"
    files: tuple[str, ...] = ()
    dropout: float | None = None
    betas: tuple[float, ...] = (0.9,)
    use_crf: bool = False
    weights: dict[str, float] | None = None
    sizes: Sizes = Sizes()

    def __post_init__(self) -> None:
        if self.lr <= 0:
            raise ValueError(f"lr must be positive, got {self.lr}")


def write(folder: Path, text: str, name: str = "options.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def complaint(folder: Path, text: str, name: str = "options.yaml") -> str:
    with pytest.raises(ConfigError) as caught:
        load(Options, write(folder, text, name))
    message = str(caught.value)
    assert "\n" not in message
    return message.removeprefix(f"{folder}/")


def test_a_file_sets_what_it_names_and_leaves_the_rest(tmp_path):
    path = write(tmp_path, "data_dir: corpus\nepochs: 5\nfiles: [a.txt, b.txt]\n")
    assert load(Options, path) == Options(data_dir="corpus", epochs=5, files=("a.txt", "b.txt"))


def test_json_is_read_by_its_ending(tmp_path):
    path = write(tmp_path, '{"data_dir": "x",\n\t"lr": 5e-4, "sizes": {"width": 2}}', "options.json")
    assert load(Options, path) == Options(data_dir="x", lr=5e-4, sizes=Sizes(width=2.0))


@pytest.mark.parametrize("text", ["5e-4", '"5e-4"', "0.0005", "5.0e-04"])
def test_a_float_may_be_written_as_people_write_it(tmp_path, text):
    assert load(Options, write(tmp_path, f"data_dir: x\nlr: {text}\ndropout: {text}")).lr == 5e-4


def test_floats_inside_lists_mappings_and_groups_may_be_written_so_too(tmp_path):
    path = write(tmp_path, "data_dir: x\nbetas: [9e-1, 1]\nweights: {a: 1e3}\nsizes: {width: 2e0}\n")
    options = load(Options, path)
    assert options.betas == (0.9, 1.0) and options.weights == {"a": 1000.0} and options.sizes.width == 2.0


def test_an_unknown_key_is_refused_with_its_line_and_the_nearest_name(tmp_path):
    message = complaint(tmp_path, "data_dir: x\n\nepoch: 3\n")
    assert message == "options.yaml:3: epoch: no such option; did you mean epochs?"


def test_a_flag_that_turns_a_switch_off_is_no_key(tmp_path):
    assert complaint(tmp_path, "data_dir: x\nno_use_crf: true\n").endswith("no such option; write use_crf: false")


def test_an_unknown_key_like_no_other_is_refused_with_all_names(tmp_path):
    assert "no such option; known: betas, data_dir" in complaint(tmp_path, "data_dir: x\nqqq: 3\n")


def test_an_unknown_key_in_a_group_is_refused(tmp_path):
    assert "options.yaml:2: sizes" in complaint(tmp_path, "data_dir: x\nsizes: {widht: 3}\n")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("lr: fast", "lr: should be a valid number, got 'fast'"),
        ("dropout: much", "dropout: should be a valid number, got 'much'"),
        ("epochs: 2.5", "epochs: should be a valid integer, got 2.5"),
        ("epochs: '3'", "epochs: should be a valid integer, got '3'"),
        ("use_crf: 1", "use_crf: should be a valid boolean, got 1"),
        ("data_dir: 3", "data_dir: should be a valid string, got 3"),
        ("loss: kll", "loss: should be 'kl' or 'mse', got 'kll'"),
        ("files: a.txt", "files: should be a valid array, got 'a.txt'"),
        ("files: [a.txt, 3]", "files.1: should be a valid string, got 3"),
        ("weights: {a: b}", "weights.a: should be a valid number, got 'b'"),
        ("sizes: {width: b}", "sizes.width: should be a valid number, got 'b'"),
        ("lr:", "lr: should be a valid number, got None"),
    ],
)
def test_a_value_of_the_wrong_type_is_refused_with_its_place(tmp_path, text, said):
    assert complaint(tmp_path, f"# a comment\n{text}\n") == f"options.yaml:2: {said}"


def test_a_key_given_twice_is_refused(tmp_path):
    assert complaint(tmp_path, "lr: 1\nlr: 2") == "options.yaml:2: lr: given twice; keep one"
    assert complaint(tmp_path, '{"lr": 1, "lr": 2}', "options.json") == "options.json: lr: given twice; keep one"


def test_required_values_that_are_missing_are_named(tmp_path):
    assert complaint(tmp_path, "lr: 1") == "options.yaml: required and not given: data_dir"


def test_what_the_options_refuse_is_told_with_the_file(tmp_path):
    assert complaint(tmp_path, "data_dir: x\nlr: -1") == "options.yaml: lr must be positive, got -1.0"


@pytest.mark.parametrize(
    ("text", "name", "said"),
    [
        ("a: [1\nb: 2", "options.yaml", "options.yaml:2: not YAML: "),
        ("a: !!python/object:os.system 1", "options.yaml", "options.yaml:1: not YAML: "),
        ("a: \x07", "options.yaml", "options.yaml: not YAML: "),
        ("- a\n- b", "options.yaml", "options.yaml: must be a mapping from option to value, got '- a"),
        ("[1]", "options.json", "options.json: must be a mapping from option to value, got '[1]'"),
        ('{"a": 1\n"b": 2}', "options.json", "options.json:2: not JSON: "),
    ],
)
def test_a_file_that_is_no_mapping_is_refused(tmp_path, text, name, said):
    assert complaint(tmp_path, text, name).startswith(said)


def test_a_file_that_is_not_there_or_not_text_is_refused(tmp_path):
    with pytest.raises(ConfigError, match=r"nowhere\.yaml: cannot be read: No such file"):
        load(Options, tmp_path / "nowhere.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"data_dir: caf\xe9")
    with pytest.raises(ConfigError, match=r"latin\.yaml: must be UTF-8"):
        load(Options, tmp_path / "latin.yaml")


def test_the_error_is_a_users_mistake():
    assert issubclass(ConfigError, UserError)


def test_values_are_read_without_the_checks_on_all_of_them(tmp_path):
    # Flags may still come and mend what the file alone would not pass.
    assert read_values(Options, write(tmp_path, "lr: -1")) == {"lr": -1.0}
    assert read_values(Options, write(tmp_path, "")) == {}


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]))
OPTIONS = st.builds(
    Options,
    data_dir=TEXT,
    lr=st.floats(min_value=0, exclude_min=True),
    epochs=st.integers(),
    loss=st.sampled_from(["kl", "mse"]),
    files=st.lists(TEXT).map(tuple),
    dropout=st.none() | st.floats(allow_nan=False),
    use_crf=st.booleans(),
    weights=st.none() | st.dictionaries(TEXT, st.floats(allow_nan=False)),
    sizes=st.builds(Sizes, width=st.floats(allow_nan=False)),
)


@given(options=OPTIONS)
def test_what_is_dumped_is_read_back(tmp_path_factory, options):
    path = tmp_path_factory.mktemp("options") / "options.yaml"
    path.write_text(dump(options), encoding="utf-8", newline="")
    assert load(Options, path) == options


def test_texts_that_look_like_something_else_are_read_back(tmp_path):
    for text in [
        "\x85",
        "a\u2028b",
        "\u2029",
        "\ufeffé",
        "é",
        "no",
        "5e-4",
        "2024-01-01",
        "-DOCSTART-",
        "null",
        "~",
        "1_000",
        "0x1f",
        "a: b",
        "# c",
        "",
    ]:
        options = Options(data_dir=text, files=(text,))
        assert load(Options, write(tmp_path, dump(options))) == options


def test_infinity_is_read_back(tmp_path):
    assert math.isinf(load(Options, write(tmp_path, dump(Options(data_dir="x", lr=math.inf)))).lr)


def test_a_dump_carries_the_help_of_each_field():
    lines = dump(Options(data_dir="x")).splitlines()
    assert lines[:4] == [
        "# Where the data is.",
        "data_dir: x",
        "# How far a step goes. Smaller is slower.",
        "lr: 0.001",
    ]


def test_the_docs_of_fields_are_found_in_bases_too():
    assert field_docs(Options)["data_dir"] == "Where the data is."
    assert "files" not in field_docs(Options)


def test_a_class_made_at_run_time_has_no_docs():
    assert "width" not in field_docs(type("Made", (Sizes,), {}))


ALL = [procedure for command in ("train", "inference", "eval") for procedure in procedures(command).values()]


@pytest.mark.parametrize("procedure", ALL, ids=lambda procedure: f"{procedure.command} {procedure.name}")
def test_the_options_of_every_procedure_forbid_unknown_keys_and_explain_each_field(procedure):
    cls = procedure.load_options()
    assert cls.__pydantic_config__["extra"] == "forbid"
    assert {field.name for field in fields(cls)} <= set(field_docs(cls))


def test_an_options_file_is_json_too(tmp_path):
    path = write(tmp_path, json.dumps({"data_dir": "x", "files": ["a"]}), "options.yaml")
    assert load(Options, path).files == ("a",)
