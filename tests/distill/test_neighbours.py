import numpy as np
import pytest

from nlparch.distill.neighbours import N_NEIGHBOURS, find_neighbours

# Two groups, around a mean that all share.
PLACES = {"cat": (9, 9.5), "dog": (9, 9.6), "cow": (9, 9.9), "red": (9.6, 9), "blue": (9.9, 9), "?": (0, 0)}


def states_of(words):
    return np.array([PLACES.get(word.lower(), (0, 0)) for word in words], dtype=np.float16)


def test_nearest_words_come_from_the_corpus_and_from_beyond_it() -> None:
    words = ["cat", "red", *(f"x{n}" for n in range(9))]
    found = find_neighbours(words, ["dog", "blue"], states_of)
    assert set(found) == {"cat", "red"}, "the teacher sees no others"
    assert "dog" in found["cat"] and "cat" not in found["cat"] and not {name for name in found["cat"] if name[0] == "x"}


def test_likeness_leaves_aside_what_all_words_share() -> None:
    animals = [f"animal{n}" for n in range(N_NEIGHBOURS + 1)]
    rng = np.random.default_rng(0)
    places = {"red": (9.6, 9), "blue": (9.9, 9)} | {word: (9, 9.5 + rng.random()) for word in animals}
    found = find_neighbours(list(places), [], lambda words: np.array([places[word] for word in words]))
    assert set(found["animal0"]) == set(animals[1:]) and len(found["animal0"]) == N_NEIGHBOURS
    assert found["red"][0] in places and "blue" in found["red"]


def test_case_does_not_make_a_word_another_one_and_is_kept() -> None:
    found = find_neighbours(["cat", "Cat", "dog", "DOG"], ["DoG", "Cow"], states_of)
    assert found["Cat"] == ["Dog", "Cow"], "the nearest first"
    assert found["cat"] == ["dog", "Cow"] and found["dog"] == ["cat", "Cow"], "spelt as their first"
    assert find_neighbours(["Cat", "COW"], [], states_of)["Cat"] == ["COW"], "the rest of a word stays as it is"


@pytest.mark.parametrize(("words", "others"), [([], ["cat"]), (["zz"], ["cat"]), (["cat"], []), (["zz"], ["?"])])
def test_words_without_neighbours_are_left_out(words: list[str], others: list[str]) -> None:
    assert find_neighbours(words, others, states_of) == {}


def test_words_are_read_in_more_than_one_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["cat", "dog", "cow", "red", "blue"]
    whole = find_neighbours(words, [], states_of)
    monkeypatch.setattr("nlparch.distill.neighbours._WORDS_TOGETHER", 2)
    assert {word: set(names) for word, names in find_neighbours(words, [], states_of).items()} == {
        word: set(names) for word, names in whole.items()
    }
