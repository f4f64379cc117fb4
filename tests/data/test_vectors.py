from pathlib import Path

import numpy as np
import pytest

from nlparch.data.vectors import read_vectors
from nlparch.errors import DataError


def write(folder: Path, text: str) -> Path:
    path = folder / "vectors.txt"
    path.write_bytes(text.encode("utf-8"))
    return path


def every(word: str) -> str:
    return word


def test_glove_files_have_no_header(tmp_path: Path) -> None:
    found = read_vectors(write(tmp_path, "the 0.5 -1e-2\nof 3 4\n"), width=2, wanted=every)
    assert {word: vector.tolist() for word, vector in found.items()} == {
        "the": [0.5, pytest.approx(-0.01)],
        "of": [3.0, 4.0],
    }
    assert all(vector.dtype == np.float32 for vector in found.values())


@pytest.mark.parametrize("end", ["\n", " \n", "\r\n"])
def test_the_header_of_word2vec_and_the_spaces_at_its_line_ends_are_passed_over(tmp_path: Path, end: str) -> None:
    text = end.join(["2 3", "the 1 2 3", "of 4 5 6", ""])
    assert list(read_vectors(write(tmp_path, text), width=3, wanted=every)) == ["the", "of"]


def test_a_header_can_look_like_a_vector_of_one_number(tmp_path: Path) -> None:
    found = read_vectors(write(tmp_path, "2 1\nthe 5\n7 6\n"), width=1, wanted=every)
    assert {word: vector.tolist() for word, vector in found.items()} == {"the": [5.0], "7": [6.0]}


def test_words_may_hold_spaces_and_odd_characters(tmp_path: Path) -> None:
    text = ". . . 1 2\nat name@domain.com 3 4\nnew\u00a0york 5 6\n\u2028 7 8\n東京 9 10\n"
    found = read_vectors(write(tmp_path, text), width=2, wanted=every)
    assert list(found) == [". . .", "at name@domain.com", "new\u00a0york", "\u2028", "東京"]


def test_numbers_are_words_too(tmp_path: Path) -> None:
    found = read_vectors(write(tmp_path, "the 1 2\n1999 3 4\n-5 6 7\n"), width=2, wanted=every)
    assert found["1999"].tolist() == [3, 4] and found["-5"].tolist() == [6, 7]


def test_blank_lines_are_passed_over(tmp_path: Path) -> None:
    assert list(read_vectors(write(tmp_path, "the 1 2\n\nof 3 4\n \n"), width=2, wanted=every)) == ["the", "of"]


def test_only_wanted_words_are_kept_under_the_name_they_are_wanted_by(tmp_path: Path) -> None:
    path = write(tmp_path, "The 1 1\nTHE 2 2\ncat 3 3\nthe 4 4\n")
    found = read_vectors(path, width=2, wanted=lambda word: "the" if word.lower() == "the" else None)
    assert {word: vector.tolist() for word, vector in found.items()} == {"the": [1.0, 1.0]}


@pytest.mark.parametrize(
    ("text", "width", "complaint"),
    [
        ("the 1 2 3\n", 2, ":1: vectors must have 2 numbers, got 3; set word_width in --config_file"),
        ("the 1 2\nof 1\n", 2, ":2: vectors must have 2 numbers, got 1; set word_width"),
        ("2 300\nthe 1 2\n", 300, ":2: vectors must have 300 numbers, got 2"),
        ("the 1 x\n", 2, ":1: not a vector: "),
        ("the 1 nan\n", 2, ":1: numbers of a vector must be finite"),
        ("the 1 1e99\n", 2, ":1: numbers of a vector must be finite"),
    ],
)
def test_a_wrong_line_is_told_with_its_place(tmp_path: Path, text: str, width: int, complaint: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(DataError) as caught:
        read_vectors(path, width=width, wanted=every)
    assert str(caught.value).startswith(f"{path}{complaint}") and "\n" not in str(caught.value)


def test_files_that_cannot_be_read_are_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none.txt: cannot be read"):
        read_vectors(tmp_path / "none.txt", width=2, wanted=every)
    (tmp_path / "latin.txt").write_bytes(b"the 1 2\ncaf\xe9 3 4\n")
    with pytest.raises(DataError, match="latin.txt:2: text must be UTF-8"):
        read_vectors(tmp_path / "latin.txt", width=2, wanted=every)
