import pytest
from text import Options, keys
from text_recipes import ABLATION_CORPORA, ABLATIONS, STUDENTS


def test_the_table_has_peers_teacher_and_students_of_each_seed():
    found = list(keys(Options(seeds=2, first_seed=3), ["trec6"]))
    assert found[:2] == [("trec6", "svm", 0), ("trec6", "teacher", 0)]
    assert {recipe for _, recipe, _ in found[2:]} == set(STUDENTS) - {"classifier_kd_pseudo"}, "no raw text like it"
    assert {seed for *_, seed in found[2:]} == {3, 4}


@pytest.mark.parametrize("chosen", [(), ("classifier_kd+bag",)])
def test_ablations_are_run_in_place_of_the_table(chosen):
    found = list(keys(Options(seeds=1, ablations=True, recipes=chosen), list(ABLATION_CORPORA)))
    assert found == [(corpus, recipe, 1) for corpus in ABLATION_CORPORA for recipe in chosen or ABLATIONS]
    bases = {base for base, _ in ABLATIONS.values()}
    assert bases <= {*STUDENTS, *ABLATIONS}, "what levers are compared with is run as well"
