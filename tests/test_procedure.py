from dataclasses import replace
from importlib.metadata import EntryPoint
from importlib.util import find_spec

import pytest

import nlparch.procedure
from nlparch.errors import UserError
from nlparch.procedure import Procedure, find_procedure, procedures

PLUGIN = Procedure("shout", "tests:Options", "tests:run", "shouts", command="train")
TAKEN = Procedure("tagger", "tests:Options", "tests:run", "another tagger", command="train")
SEVERAL = (PLUGIN, Procedure("tagger", "tests:Options", "tests:run", "another tagger", command="eval"))


@pytest.fixture
def plugin(monkeypatch):
    """Installs an entry point, given as `module:attribute` of this file's stand-in module."""

    def install(value):
        point = EntryPoint("mine", value, "nlparch.procedures")
        monkeypatch.setattr(nlparch.procedure, "entry_points", lambda group: [point] if group == point.group else [])

    # A module that the entry points can name: tests have no importable name of their own.
    for name in ("PLUGIN", "TAKEN", "SEVERAL"):
        monkeypatch.setattr(nlparch.procedure, name, globals()[name], raising=False)
    return install


def test_each_command_has_its_own_procedures():
    of_words = ["transformer_token", "tagger", "tagger_kd", "tagger_kd_pseudo"]
    of_texts = ["transformer_text", "classifier", "classifier_kd", "classifier_kd_pseudo"]
    assert sorted(procedures("train")) == sorted(of_words + of_texts)
    assert sorted(procedures("inference")) == ["classifier", "tagger", "transformer_text", "transformer_token"]
    for command in ("eval", "export", "bench"):
        assert list(procedures(command)) == [command]


def test_an_unknown_name_is_refused_with_the_known_ones_and_the_nearest():
    with pytest.raises(UserError) as caught:
        find_procedure("train", "tager_kd")
    assert str(caught.value) == (
        "no procedure 'tager_kd' for train; known: classifier, classifier_kd, classifier_kd_pseudo, tagger, tagger_kd, "
        "tagger_kd_pseudo, transformer_text, transformer_token; "
        "did you mean tagger_kd?"
    )


def test_a_plugin_adds_a_procedure(plugin):
    plugin("nlparch.procedure:PLUGIN")
    assert find_procedure("train", "shout") is PLUGIN


def test_a_plugin_may_add_several_procedures_to_several_commands(plugin):
    plugin("nlparch.procedure:SEVERAL")
    assert find_procedure("train", "shout") is PLUGIN
    assert find_procedure("eval", "tagger").summary == "another tagger"


def test_a_name_taken_twice_is_refused(plugin):
    plugin("nlparch.procedure:TAKEN")
    with pytest.raises(UserError, match=r"'tagger' twice for train: nlparch\.procedures\.tagger:run and tests:run"):
        procedures("train")


def test_a_plugin_that_does_not_load_is_named(plugin):
    plugin("nlparch.nowhere:PROCEDURE")
    with pytest.raises(UserError, match=r"plugin mine \(nlparch\.nowhere:PROCEDURE\).*ModuleNotFoundError"):
        procedures("train")


def test_options_and_run_are_loaded_by_their_place():
    procedure = Procedure("x", "fractions:Fraction", "fractions:Fraction", "x")
    assert procedure.load_options() is procedure.load_run()


@pytest.mark.parametrize("command", ["train", "inference", "eval"])
def test_every_procedure_of_the_table_has_its_options_and_its_module(command):
    for procedure in procedures(command).values():
        assert procedure.load_options().__doc__
        assert find_spec(procedure.run.partition(":")[0]), procedure.run
        assert "\n" not in procedure.summary


def test_a_package_that_an_extra_installs_is_named():
    lacking = Procedure("x", "json:JSONDecoder", "no_such_package.run:run", "does nothing", extra="server")
    with pytest.raises(UserError, match=r"nlp-train needs no_such_package: pip install 'nlparch\[server\]'"):
        lacking.load_run()
    with pytest.raises(ModuleNotFoundError):
        replace(lacking, extra="").load_run()
