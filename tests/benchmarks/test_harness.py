"""The harness: what is run, what is not run again, which teacher teaches."""

import json
import re
from dataclasses import replace

import harness
import pytest
import tagging_recipes
import text_recipes
import yaml
from cells import read_cells
from harness import Family, Harness, Places, chosen_rate, read_run, split_names, student_keys
from recipes import DEFAULTS, Corpus, Lever, Recipe, defaults_of, find_recipe, lever, raw_files, split_flags

from nlparch.cli import parse
from nlparch.models.tagger import NeuralTaggerConfig
from nlparch.procedure import find_procedure

LEVERS = {
    "crf": lever("--no_use_crf"),
    "slow": lever("--lr", "1e-4"),
    "slower": lever("--lr", "1e-5"),
    "long": lever("--epochs", "20"),
    "narrow": lever(word_width=50),
    "more": Lever(raw={"news": ("blogs.txt",)}),
}
NEWS = Corpus(folder="news", target=0.95, raw=("wire.txt", "corpus:mail/train.txt"))
OF_RATE = {"5e-5": 0.8, "1e-4": 0.9, "2e-4": 0.7}


@pytest.fixture
def runs(monkeypatch):
    """The commands that were run, each of which leaves a score that its learning rate decides."""
    commands = []

    def run(command, **_):
        words = command[3:]
        commands.append(words)
        options = {name.removeprefix("--"): values for name, values in split_flags(words) if values}
        folder = harness.Path(options["output_dir"][0])
        folder.mkdir(parents=True, exist_ok=True)
        told = {name: yaml.safe_load(re.sub(r"^(\d)e-", r"\1.0e-", one)) for name, (one, *_) in options.items()}
        (folder / "options.yaml").write_text(yaml.safe_dump(told))
        f1 = OF_RATE.get(options.get("lr", ["-"])[0], 0.5)
        metrics = {"procedure": words[0], "n_parameters": 10, "dev": {"f1": f1}, "test": {"f1": f1 / 2}}
        (folder / "metrics.json").write_text(json.dumps(metrics))

    monkeypatch.setattr(harness.subprocess, "run", run)
    # The commit is asked of git by the same function.
    monkeypatch.setattr(harness, "provenance", lambda: {"commit": "abc", "machine": "m", "versions": {}})
    return commands


@pytest.fixture
def family(tmp_path):
    peers = {"crf": lambda corpus, folder, scratch: {"dev": {"f1": 0.4}, "test": {"f1": 0.3}}}
    results = tmp_path / "results.jsonl"
    return Family(results=results, teacher="transformer_token", corpora={"news": NEWS}, levers=LEVERS, peers=peers)


@pytest.fixture
def places(tmp_path):
    return Places(data=tmp_path / "data", raw=tmp_path / "raw", checkpoint="minilm", work=tmp_path / "work")


def test_a_finished_cell_is_not_run_again(runs, family, places):
    for _ in range(2):
        Harness(family, places).run_all([("news", "tagger", 1), ("news", "crf", 0)])
    assert [words[0] for words in runs] == ["tagger"]
    assert [(cell["recipe"], cell["seed"]) for cell in read_cells(family.results)] == [("tagger", 1), ("crf", 0)]


def test_the_teacher_is_the_best_on_dev_over_the_rates_and_gets_its_cell_before_its_student(runs, family, places):
    Harness(family, places).run_all([("news", "tagger_kd", 1)])
    teacher, student = read_cells(family.results)
    assert teacher["dev_of_rates"] == OF_RATE
    assert "--teacher_model_path teachers/news-1e-4" in student["command"]
    assert [words[0] for words in runs] == ["transformer_token"] * 3 + ["tagger_kd"]


def test_a_teacher_whose_folder_is_gone_is_trained_again_at_its_chosen_rate_alone(runs, family, places, capsys):
    Harness(family, places).run_all([("news", "teacher", 0)])
    elsewhere = replace(places, work=places.work / "new")
    runs.clear()
    Harness(family, elsewhere).run_all([("news", "tagger_kd", 1)])
    assert [(words[0], dict(split_flags(words)).get("--lr")) for words in runs] == [
        ("transformer_token", ["1e-4"]),
        ("tagger_kd", None),
    ]
    assert "trained again, at its chosen rate 1e-4 alone" in capsys.readouterr().out


def test_a_rate_is_read_from_cells_old_and_new():
    assert chosen_rate({"corpus": "btc", "dev_of_rates": {"btc-5e-5": 0.7, "btc-1e-4": 0.6}}) == "5e-5"
    assert chosen_rate({"corpus": "btc", "dev_of_rates": {"5e-5": 0.7, "1e-4": 0.8}}) == "1e-4"


def test_a_teacher_that_was_trained_by_hand_is_taken_with_the_options_it_had(runs, family, places):
    folder = places.work / "teachers" / "news-1e-4"
    folder.mkdir(parents=True)
    (folder / "options.yaml").write_text("data_dir: /far/away/news\nlr: 0.0001\nepochs: 3.0\nlowercase: true\n")
    metrics = {"procedure": "transformer_token", "dev": {"f1": 0.99}, "test": {"f1": 0.2}}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    Harness(family, places).run_all([("news", "teacher", 0)])
    assert len(runs) == 2
    command = read_cells(family.results)[0]["command"]
    parts = {"nlp-train transformer_token", "data_dir away/news", "lr 0.0001", "epochs 3.0", "lowercase"}
    assert set(command.split(" --")) >= parts


def student_folder(places, recipe):
    return places.work / f"news-{recipe}-1-defaults-{defaults_of(recipe)}"


def test_a_run_by_older_defaults_is_not_taken_for_a_new_one(runs, family, places, monkeypatch):
    Harness(family, places).run_all([("news", "tagger", 1)])
    monkeypatch.setitem(DEFAULTS, "tagger", DEFAULTS["tagger"] + 1)
    Harness(family, places).run_all([("news", "tagger", 1)])
    assert len(runs) == 2
    assert [cell["defaults"] for cell in read_cells(family.results)] == [DEFAULTS["tagger"] - 1, DEFAULTS["tagger"]]


def test_a_student_in_a_folder_of_a_run_by_other_options_is_refused(runs, family, places):
    folder = student_folder(places, "tagger+slow")
    folder.mkdir(parents=True)
    (folder / "options.yaml").write_text("lr: 0.002\nseed: 1\ndata_dir: /far/away/news\n")
    with pytest.raises(SystemExit, match="holds a run by lr 0.002, not 0.0001; remove it"):
        Harness(family, places).run_all([("news", "tagger+slow", 1)])
    (folder / "options.yaml").write_text("lr: 0.0001\nseed: 1\ndata_dir: /far/away/news\n")
    Harness(family, places).run_all([("news", "tagger+slow", 1)])
    assert runs[0][-1] == "--resume"


def test_a_command_is_told_without_its_defaults_and_with_the_end_of_its_paths(tmp_path):
    (tmp_path / "options.yaml").write_text("data_dir: /far/away/news\nlr: 0.002\nlowercase: false\noutput_dir: x\n")
    command = harness.told_command("tagger", tmp_path / "options.yaml")
    assert set(command.split(" --")) >= {"nlp-train tagger", "data_dir away/news", "lr 0.002", "no_lowercase"}
    assert "output_dir" not in command and "dropout" not in command


def test_an_interrupted_run_is_resumed(runs, family, places):
    folder = student_folder(places, "tagger")
    folder.mkdir(parents=True)
    (folder / "options.yaml").write_text("")
    Harness(family, places).run_all([("news", "tagger", 1)])
    assert runs[0][-1] == "--resume"


def test_levers_give_flags_of_which_the_last_counts_and_a_config_file(runs, family, places):
    Harness(family, places).run_all([("news", "tagger+slow+narrow+slower", 1)])
    flags = dict(split_flags(runs[0]))
    assert flags["--lr"] == ["1e-5"]
    assert yaml.safe_load(harness.Path(flags["--config_file"][0]).read_text()) == {"word_width": 50}
    assert read_cells(family.results)[0]["config"] == {"word_width": 50}


def test_raw_text_is_read_by_pseudo_recipes_from_both_folders(places):
    recipe = find_recipe("tagger_kd_pseudo+more", LEVERS)
    files = raw_files(recipe.raw("news", NEWS), raw=places.raw, data=places.data)
    assert files == [places.raw / "wire.txt", places.data / "mail/train.txt", places.raw / "blogs.txt"]
    assert find_recipe("tagger_kd", LEVERS).raw("news", NEWS) == []
    assert find_recipe("tagger_kd_pseudo", LEVERS).flags == []
    assert find_recipe("tagger_kd_pseudo+long", LEVERS).flags == ["--epochs", "20"]


def test_a_corpus_tells_how_much_of_it_is_kept():
    assert replace(NEWS, flags=("--tag_col", "1", "--train_examples", "300")).n_examples == 300
    assert NEWS.n_examples == 0


def test_an_unknown_lever_is_named_beside_those_there_are():
    with pytest.raises(ValueError, match="no lever 'hope'.*crf, long"):
        find_recipe("tagger+hope", LEVERS)


def test_cells_of_pseudo_recipes_need_raw_text(family, capsys):
    bare = replace(family, corpora={"news": replace(NEWS, raw=())})
    keys = list(student_keys(bare, "news", ["teacher", "tagger", "tagger_kd_pseudo"], [1, 2]))
    assert keys == [("news", "teacher", 0), ("news", "tagger", 1), ("news", "tagger", 2)]
    assert "no raw text" in capsys.readouterr().out


def test_names_are_apart_by_commas_or_spaces_and_known():
    assert split_names(("a,b", "c"), known="abcd") == ["a", "b", "c"]
    assert split_names((), known="ab") == ["a", "b"]
    with pytest.raises(SystemExit, match="no 'x'; there are a, b"):
        split_names(("x",), known="ab")


def test_cells_are_told_what_a_run_measured(tmp_path):
    (tmp_path / "options.yaml").write_text("seed: 7\n")
    metrics = {"procedure": "tagger", "dev": {"f1": 1.0}, "differences": {"test": {}}, "best_step": 3}
    (tmp_path / "metrics.json").write_text(json.dumps(metrics))
    run = read_run(tmp_path)
    assert run["differences"] == {"test": {}}
    assert "best_step" not in run


TAGGING = (*tagging_recipes.STUDENTS, *tagging_recipes.ABLATIONS, *tagging_recipes.VARIANTS)
RECIPES = [find_recipe(name, tagging_recipes.LEVERS) for name in TAGGING]
RECIPES += [Recipe(name, "tagger_kd_pseudo", (some,)) for name, some in tagging_recipes.LEVERS.items()]
RECIPES += [find_recipe(name, text_recipes.LEVERS) for name in (*text_recipes.STUDENTS, *text_recipes.ABLATIONS)]
RECIPES += [Recipe(name, "classifier_kd_pseudo", (some,)) for name, some in text_recipes.LEVERS.items()]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: f"{recipe.procedure}-{recipe.name}")
def test_recipes_are_options_of_their_procedures(recipe, tmp_path):
    words = ["--data_dir", "x", "--output_dir", str(tmp_path), *recipe.flags]
    words += ["--teacher_model_path", "x"] if recipe.needs_teacher else []
    words += ["--unlabeled_filename", "x"] if recipe.procedure.endswith("_pseudo") else []
    parse(find_procedure("train", recipe.procedure).load_options(), words, program="nlp-train")


def test_config_keys_of_levers_are_settings_of_the_tagger():
    keys = {key for some in tagging_recipes.LEVERS.values() for key in some.config}
    assert keys <= set(NeuralTaggerConfig().to_dict())
