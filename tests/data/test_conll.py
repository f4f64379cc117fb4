import gzip
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlparch.data.conll import ReadCounts, Sentence, read_file, read_lines, read_sentences, write_sentences
from nlparch.errors import DataError

Pairs = list[tuple[list[str], list[str] | None]]


def read(text: str, *, word_col: int = 0, tag_col: int | None = -1, ignore_token: str = "") -> Pairs:
    lines = io.StringIO(text, newline="\n")
    sentences = read_sentences(lines, name="f", word_col=word_col, tag_col=tag_col, ignore_token=ignore_token)
    return [(sentence.words, sentence.tags) for sentence in sentences]


def count(text: str, **options: object) -> ReadCounts:
    counts = ReadCounts()
    list(read_sentences(io.StringIO(text, newline="\n"), name="f", counts=counts, **options))  # type: ignore[arg-type]
    return counts


ONE: Pairs = [(["a", "b"], ["O", "B-X"]), (["c"], ["O"])]


@pytest.mark.parametrize(
    "text",
    [
        "a\tO\nb\tB-X\n\nc\tO\n",
        "a O\nb B-X\n\nc O",
        "a   O  \n b B-X\n\n\n\nc O\n\n",
        "a\tO\r\nb\tB-X\r\n\r\nc\tO\r\n",
        "\ufeffa\tO\nb\tB-X\n \t \nc\tO",
        "-DOCSTART- -X- O\n\na\tO\nb\tB-X\n-DOCSTART-\tO\nc\tO",
        "# id = 1\n# newdoc\na\tO\nb\tB-X\n\n# text = c\nc\tO\n",
        "a\tO\t\nb\tB-X\t\n\nc\tO\t\n",
    ],
)
def test_variants_of_the_same_file_read_the_same(text: str) -> None:
    assert read(text, tag_col=1) == ONE


def test_columns_are_counted_from_either_end() -> None:
    text = "1 a NN O\n2 b NN B-X\n\n1 c NN O\n"
    assert read(text, word_col=1) == read(text, word_col=-3, tag_col=3) == ONE
    assert read(text, word_col=1, tag_col=2)[0] == (["a", "b"], ["NN", "NN"])


def test_odd_unicode_is_part_of_words() -> None:
    words = ["a\u00a0b", "\u0085", "x\u2028y", "\ufeff", "\u200b", "\x0c", "\x1c", "New York"]
    assert read("a\tO\n" + "".join(f"{word}\tO\n" for word in words))[0][0][1:] == words
    assert read("a O\n\u00a0 O\nx\u2028y O\n")[0][0] == ["a", "\u00a0", "x\u2028y"]


def test_hash_signs_are_words_where_they_make_rows() -> None:
    assert read("#\tO\n#tag\tB-X\n\n#\tO\n") == [(["#", "#tag"], ["O", "B-X"]), (["#"], ["O"])]
    assert read("#1\tO\na\tO\n") == [(["#1", "a"], ["O", "O"])]
    assert read("#a\n\n#b\n", tag_col=None) == [(["#a"], None), (["#b"], None)]
    assert read("a\tO\n#\tO\n")[0][0] == ["a", "#"]


def test_what_is_passed_over_is_counted() -> None:
    text = "-DOCSTART- O\n\n# x = y\n# z\na\tO\n\nb\tO\nskip\tO\n"
    counts = count(text, ignore_token="skip")
    assert counts == ReadCounts(sentences=2, words=2, comments=2, document_marks=1, ignored_rows=1)
    assert counts.notes() == [
        "2 comment lines passed over",
        "1 -DOCSTART- lines passed over",
        "1 rows of the ignored token passed over",
    ]
    assert count("a\tO\n").notes() == []


def test_conllu_ranges_and_empty_nodes_are_passed_over() -> None:
    text = "# text = x\n1-2\tdon't\t_\n1\tdo\tAUX\n2\tn't\tPART\n2.1\tgone\tX\n"
    assert read(text, word_col=1) == [(["do", "n't"], ["AUX", "PART"])]
    assert count(text, word_col=1).range_rows == 2
    assert read("w\tx\tO\n1-2\ty\tO\n")[0][0] == ["w", "1-2"]


def test_files_without_tags_are_read_without_tags() -> None:
    assert read("a\nb\n\nc\n", tag_col=None) == [(["a", "b"], None), (["c"], None)]


def test_sentences_know_their_first_line() -> None:
    lines = io.StringIO("# x = 1\n\na O\nb O\n\n\n#\nc O\n")
    assert [sentence.line for sentence in read_sentences(lines, name="f")] == [3, 8]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a\tO\nb\n", r"f:2: every row .* line 1, 2 divided by tabs, got 1 in 'b'"),
        ("a\tO\nb c\n", "f:2: .*got 1"),
        ("a O\nb c O\n", "f:2: .*2 divided by spaces, got 3"),
        ("a O\n# b\nc O\n\nd O\n# e f g\n", "f:6: .*got 4"),
        ("a\tO\n\tO\n", "f:2: a word must not be empty"),
        ("a\tO\n \tO\n", "f:2: a word must not be empty"),
        ("a\tO\nb\t\n", "f:2: a tag must not be empty"),
        ("\n\na\nb\n", "f:3: words and tags must be in different columns"),
    ],
)
def test_defects_are_told_with_their_line(text: str, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint) as caught:
        read(text)
    assert "\n" not in str(caught.value)


def test_a_column_that_is_not_there_is_refused() -> None:
    with pytest.raises(DataError, match="--tag_col must name one of the 2 columns, got 2"):
        read("a O\n", tag_col=2)
    with pytest.raises(DataError, match="--word_col must name"):
        read("a O\n", word_col=-3)


def test_files_that_cannot_be_used_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    with pytest.raises(DataError, match="x.txt: cannot be read: No such file"):
        list(read_file(path))
    with pytest.raises(DataError, match="cannot be read"):
        list(read_file(tmp_path))
    for empty in ("", "\n\n", "-DOCSTART- O\n", "# x = y\n"):
        path.write_text(empty)
        with pytest.raises(DataError, match="x.txt: a column file must hold"):
            list(read_file(path))
    path.write_bytes("a\tO\ncaf\xe9\tO\n".encode("latin-1"))
    with pytest.raises(DataError, match=r"x.txt:2: text must be UTF-8, got byte 0xe9"):
        list(read_file(path))
    path.write_text("a\tO\n", encoding="utf-16")
    for content, remedy in (
        ("Ann O".encode("utf-16"), "`iconv -f UTF-16 -t UTF-8`"),
        (gzip.compress(b"Ann O"), "`gunzip` it first"),
    ):
        (tmp_path / "odd.txt").write_bytes(content)
        with pytest.raises(DataError, match=f"odd.txt:1: text must be UTF-8, .*{remedy}"):
            list(read_file(tmp_path / "odd.txt"))
    with pytest.raises(DataError, match=r"x.txt:1: text must be UTF-8"):
        list(read_file(path))


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_bytes("\ufeff\u00e9\u0085\tO\r\n\r\nb\tB-X".encode())
    assert list(read_file(path)) == [Sentence(["\u00e9\u0085"], ["O"], 1), Sentence(["b"], ["B-X"], 3)]
    assert list(read_lines(path))[1:] == ["\r\n", "b\tB-X"]


def test_reading_is_lazy() -> None:
    def lines() -> Iterator[str]:
        yield from ("a O\n", "\n", "b O\n", "\n")
        raise AssertionError("read too far")

    sentences = read_sentences(lines(), name="f")
    assert [next(sentences).words, next(sentences).words] == [["a"], ["b"]]


words = st.text(st.characters(exclude_characters="\t\n\r", exclude_categories=["Cs"]), min_size=1, max_size=4).filter(
    lambda word: word == word.strip(" ") and not word.startswith("\ufeff")
)


@given(st.lists(st.lists(st.tuples(words, st.sampled_from(["O", "B-X"])), min_size=1, max_size=4), max_size=4))
def test_what_is_written_is_read_back(sentences: list[list[tuple[str, str]]]) -> None:
    expected = [([word for word, _ in rows], [tag for _, tag in rows]) for rows in sentences]
    file = io.StringIO(newline="\n")
    write_sentences(file, expected)
    assert read(file.getvalue()) == expected


def test_words_and_tags_of_different_numbers_are_not_written() -> None:
    with pytest.raises(ValueError):
        write_sentences(io.StringIO(), [(["a"], ["O", "O"])])
