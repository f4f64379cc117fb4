import itertools
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from seqeval.metrics.sequence_labeling import get_entities

from nlparch.data.labels import (
    IGNORED_LABEL,
    LabelSet,
    Scheme,
    convert,
    detect_scheme,
    load_label_map,
    match_labels,
    spans,
)
from nlparch.errors import UserError

TAGS = ["O", *(f"{kind}-{type_}" for kind in "BIES" for type_ in ("X", "Y", "Z-z"))]
any_tags = st.lists(st.sampled_from(TAGS), max_size=12)
any_spans = st.lists(st.tuples(st.sampled_from(["X", "Y"]), st.integers(1, 3), st.integers(0, 1)), max_size=5)


def write_iob2(parts: list[tuple[str, int, int]]) -> list[str]:
    tags: list[str] = []
    for type_, length, gap in parts:
        tags += [f"B-{type_}"] + [f"I-{type_}"] * (length - 1) + ["O"] * gap
    return tags


@given(any_tags)
def test_spans_agree_with_seqeval(tags: list[str]) -> None:
    assert spans(tags) == [(type_, first, last + 1) for type_, first, last in get_entities(tags)]


def test_bilou_is_read_as_bioes() -> None:
    assert spans(["U-X", "B-X", "L-X", "O"]) == spans(["S-X", "B-X", "E-X", "O"]) == [("X", 0, 1), ("X", 1, 3)]
    assert detect_scheme([["U-X", "B-X", "L-X"]]) == "BIOES"
    assert convert(["U-X", "B-X", "L-X"], source="BIOES", target="BIOES") == (["S-X", "B-X", "E-X"], 0)


def test_plain_tags_hold_no_spans() -> None:
    assert spans(["PROPN", "INTJ", "B", "I"]) == []


@pytest.mark.parametrize(
    ("sentences", "scheme"),
    [
        ([["B-X", "I-X", "O"]], "IOB2"),
        ([["I-X", "I-X", "B-X", "O"]], "IOB1"),
        ([["I-X", "O"], ["B-X"]], "IOB2"),
        ([["I-X", "B-Y"]], "IOB2"),
        ([["B-X", "E-X", "O", "S-Y"]], "BIOES"),
        ([["NOUN", "O"]], "plain"),
        ([["B-X", "I-X"], ["B_X"]], "plain"),
        ([["O", "O"]], "IOB2"),
        ([], "IOB2"),
    ],
)
def test_scheme_is_detected(sentences: list[list[str]], scheme: Scheme) -> None:
    assert detect_scheme(sentences) == scheme


@given(any_tags, st.sampled_from(["IOB1", "IOB2", "BIOES"]), st.sampled_from(["IOB1", "IOB2", "BIOES"]))
def test_converting_keeps_the_spans(tags: list[str], source: Scheme, target: Scheme) -> None:
    converted, _ = convert(tags, source=source, target=target)
    assert spans(converted) == spans(tags)
    assert convert(converted, source=target, target=target) == (converted, 0)


@given(any_spans)
def test_there_and_back_changes_nothing(parts: list[tuple[str, int, int]]) -> None:
    tags = write_iob2(parts)
    for scheme in ("IOB1", "BIOES"):
        there, repaired = convert(tags, source="IOB2", target=scheme)
        assert repaired == 0
        assert convert(there, source=scheme, target="IOB2") == (tags, 0)


@given(any_tags)
def test_a_sentence_is_repaired_exactly_where_its_moves_are_illegal(tags: list[str]) -> None:
    for scheme, kinds in (("IOB2", "BI"), ("BIOES", "BIES")):
        label_set = LabelSet.from_tags(TAGS[:1] + [tag for tag in TAGS[1:] if tag[0] in kinds], scheme)  # type: ignore[arg-type]
        own = [tag for tag in tags if tag in label_set.ids]
        labels, legal = label_set.encode(own), label_set.legal()
        is_legal = not own or (
            legal.start[labels[0]]
            and legal.end[labels[-1]]
            and all(legal.moves[a, b] for a, b in itertools.pairwise(labels))
        )
        assert is_legal == (convert(own, source=scheme, target=scheme)[1] == 0)  # type: ignore[arg-type]


def test_repairs_are_counted_word_by_word() -> None:
    assert convert(["I-X", "I-X", "O", "I-Y"], source="IOB2", target="IOB2") == (["B-X", "I-X", "O", "B-Y"], 2)
    assert convert(["I-X", "I-X", "B-X"], source="IOB1", target="IOB2") == (["B-X", "I-X", "B-X"], 0)
    assert convert(["B-X", "I-X", "O"], source="BIOES", target="BIOES") == (["B-X", "E-X", "O"], 1)


def test_plain_and_stray_tags_stay_as_they_are() -> None:
    assert convert(["NOUN", "I-X"], source="plain", target="IOB2") == (["NOUN", "I-X"], 0)
    assert convert(["ODD", "I-X"], source="IOB1", target="IOB2") == (["ODD", "B-X"], 0)


def test_labels_are_sorted_and_unknown_tags_ignored() -> None:
    labels = LabelSet.from_tags(["O", "I-X", "B-X", "O"])
    assert (labels.tags, labels.scheme, labels.outside, len(labels)) == (("B-X", "I-X", "O"), "IOB2", 2, 3)
    assert labels.encode(["O", "B-Y", "B-X"]) == [2, IGNORED_LABEL, 0]
    assert LabelSet.from_tags(["NOUN", "VERB"]).outside is None
    with pytest.raises(ValueError, match="differ"):
        LabelSet(("O", "O"), "IOB2")


def test_every_move_is_legal_between_plain_tags() -> None:
    legal = LabelSet.from_tags(["NOUN", "VERB"]).legal()
    assert legal.start.all() and legal.moves.all() and legal.end.all()


def test_iob2_moves() -> None:
    legal = LabelSet(("O", "B-X", "I-X", "B-Y", "I-Y"), "IOB2").legal()
    assert legal.start.tolist() == [True, True, False, True, False]
    assert legal.end.all()
    assert [row.nonzero()[0].tolist() for row in legal.moves] == [
        [0, 1, 3],
        [0, 1, 2, 3],
        [0, 1, 2, 3],
        [0, 1, 3, 4],
        [0, 1, 3, 4],
    ]


def test_iob1_moves() -> None:
    legal = LabelSet(("O", "B-X", "I-X", "I-Y"), "IOB1").legal()
    assert legal.start.tolist() == [True, False, True, True]
    assert [row.nonzero()[0].tolist() for row in legal.moves] == [[0, 2, 3], [0, 1, 2, 3], [0, 1, 2, 3], [0, 2, 3]]


@given(st.sets(st.sampled_from([tag for tag in TAGS if tag != "O"])), st.sampled_from(["IOB2", "BIOES"]))
def test_every_label_can_be_reached_and_left_whatever_the_set_lacks(tags: set[str], scheme: Scheme) -> None:
    legal = LabelSet.from_tags({"O", *tags}, scheme).legal()
    reached = legal.start.copy()
    leaving = legal.end.copy()
    for _ in range(len(tags) + 1):
        reached |= legal.moves[reached].any(0)
        leaving |= legal.moves[:, leaving].any(1)
    assert reached.all() and leaving.all()


def test_same_labels_in_the_same_order_cost_nothing() -> None:
    match = match_labels(["A", "B"], ["B", "A"])
    logits = np.zeros((3, 2), np.float32)
    assert match.note is None and match.apply(logits) is logits
    with pytest.raises(ValueError, match="2 labels"):
        match.apply(np.zeros((3, 4), np.float32))


def test_another_order_is_permuted() -> None:
    match = match_labels(["O", "B", "A"], ["A", "B", "O"])
    assert match.tags == ("A", "B", "O") and match.note
    assert match.apply(np.array([[0.0, 1.0, 2.0]])).tolist() == [[2.0, 1.0, 0.0]]


def test_fewer_gold_labels_give_the_student_the_teachers_list() -> None:
    match = match_labels(["O", "B", "A"], ["A", "O"])
    assert match.tags == ("O", "B", "A") and match.note and "gold lacks B" in match.note
    assert match_labels(["O", "A"], []).tags == ("O", "A")


def test_gold_labels_that_the_teacher_lacks_are_refused() -> None:
    with pytest.raises(UserError, match=r"lacks C .and has A.*--label_map"):
        match_labels(["A", "B"], ["B", "C"])


def test_a_map_renames_merges_and_drops() -> None:
    match = match_labels(["PER", "LOC", "GPE", "DATE"], ["P", "LOC"], {"PER": "P", "GPE": "LOC", "DATE": None})
    assert match.tags == ("LOC", "P") and match.columns == ((1, 2), (0,))
    logits = np.random.default_rng(0).normal(size=(4, 5, 4)).astype(np.float32)
    mapped = match.apply(logits)
    assert mapped.dtype == np.float32
    np.testing.assert_allclose(np.exp(mapped[..., 0]), np.exp(logits[..., 1]) + np.exp(logits[..., 2]), rtol=1e-5)


def test_words_without_logits_stay_without() -> None:
    match = match_labels(["A", "B", "C"], ["A", "D"], {"B": "D", "C": "D"})
    logits = np.array([[np.nan] * 3, [0.0] * 3], np.float16)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mapped = match.apply(logits)
    assert mapped.dtype == np.float16
    assert np.isnan(mapped[0]).all() and mapped[1, 1] == pytest.approx(np.log(2), abs=1e-3)


def test_a_map_of_labels_the_teacher_lacks_is_refused() -> None:
    with pytest.raises(UserError, match="got Z; the teacher has A"):
        match_labels(["A"], ["A"], {"Z": "A"})
    with pytest.raises(UserError, match="drops them all"):
        match_labels(["A"], [], {"A": None})


def test_a_loaded_student_keeps_its_order() -> None:
    assert match_labels(["A", "B"], ["A"], gold_order=["B", "A"]).tags == ("B", "A")
    assert match_labels(["A", "B"], ["A"], gold_order=["A", "B"]).note is None
    with pytest.raises(UserError, match="fixed"):
        match_labels(["A", "B", "C"], ["A"], gold_order=["B", "A"])


def test_label_maps_are_read_as_written(tmp_path: Path) -> None:
    path = tmp_path / "map.yaml"
    path.write_text("B-NO: NO\nGPE: null\nX: ~\n1: 'on'\n")
    assert load_label_map(path) == {"B-NO": "NO", "GPE": None, "X": None, "1": "on"}
    path.write_text('{"A": "B", "C": null}')
    assert load_label_map(path) == {"A": "B", "C": None}


@pytest.mark.parametrize("text", ["", "- a\n", "A: [B]\n", "A: B\nA: C\n", "A: {\n"])
def test_bad_label_maps_are_refused_with_their_place(tmp_path: Path, text: str) -> None:
    path = tmp_path / "map.yaml"
    path.write_text(text)
    with pytest.raises(UserError, match="map.yaml"):
        load_label_map(path)
    with pytest.raises(UserError, match="absent.yaml"):
        load_label_map(tmp_path / "absent.yaml")
