from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest

from nlparch.export.graphs import word_graph
from nlparch.runtime.forms import FormVectors
from nlparch.runtime.sessions import Graph


@pytest.fixture
def new_forms(new_tagger: Any, tmp_path: Path) -> Any:
    """Makes a cache of so many forms, and counts the forms that its graph is asked about."""
    model = new_tagger()
    onnx.save_model(word_graph(model), tmp_path / "words.onnx")

    def make(max_forms: int = 100) -> Any:
        graph = Graph(tmp_path / "words.onnx")
        forms = FormVectors(model.features, graph, width=model.embedder.words.out_width, max_forms=max_forms)
        forms.asked = []
        encode = forms._encode
        forms._encode = lambda words: forms.asked.append(list(words)) or encode(words)
        return forms

    return make


def gather(forms: Any, *sentences: list[str]) -> np.ndarray:
    return np.asarray(forms.gather(sentences, np.array([len(words) for words in sentences])))


def test_a_form_is_encoded_once(new_forms: Any) -> None:
    forms = new_forms()
    first = gather(forms, ["Ann", "flew", "Ann"], ["to"])
    assert forms.asked == [["Ann", "flew", "to"]]
    again = gather(forms, ["to", "Ann"])
    assert len(forms.asked) == 1
    assert (again[0, 1] == first[0, 0]).all() and (again[0, 0] == first[1, 0]).all()
    assert (first[0, 0] == first[0, 2]).all() and not (first[0, 0] == first[0, 1]).all()


def test_padding_is_zero(new_forms: Any) -> None:
    vectors = gather(new_forms(), ["Ann", "flew"], ["to"])
    assert vectors.shape[:2] == (2, 2) and (vectors[1, 1] == 0).all() and vectors[0].any(1).all()


def test_the_cache_is_bounded_and_forgets_without_harm(new_forms: Any) -> None:
    forms, roomy = new_forms(4), new_forms()
    for words in (["Ann", "flew", "to"], ["Oslo", "and", "Ann"], ["a", "b", "c", "d", "e", "f", "a"], ["Ann"]):
        np.testing.assert_allclose(gather(forms, words), gather(roomy, words), atol=1e-6)
        assert len(forms) <= 4


def test_words_learnt_beforehand_are_not_asked_about_again(new_forms: Any) -> None:
    forms = new_forms()
    forms.learn([["Ann", "flew"], ["Ann", "to"]])
    assert forms.asked == [["Ann", "flew", "to"]]
    gather(forms, ["to", "flew"])
    assert len(forms.asked) == 1
    full = new_forms(2)
    full.learn([["a", "b", "c"]])  # no room for all of them
    assert full.asked == [] and len(full) == 0


def test_threads_share_a_cache(new_forms: Any) -> None:
    forms = new_forms(8)
    lists = [[f"w{number}" for number in range(begin, begin + 5)] for begin in range(12)]
    expected = [gather(new_forms(), words) for words in lists]
    with ThreadPoolExecutor(4) as pool:
        for found, right in zip(pool.map(lambda words: gather(forms, words), lists * 8), expected * 8, strict=True):
            np.testing.assert_allclose(found, right, atol=1e-6)


def test_long_words_are_not_kept(new_forms: Any) -> None:
    forms = new_forms()
    forms.learn([["x" * 65, "Ann"]])
    assert forms.asked == [["Ann"]]
    found = gather(forms, ["x" * 65, "Ann", "to"])
    assert len(forms) == 1
    np.testing.assert_allclose(found[0, 1], gather(forms, ["Ann"])[0, 0], atol=1e-6)
    np.testing.assert_allclose(found[0, 0], gather(forms, ["x" * 65])[0, 0], atol=1e-6)
