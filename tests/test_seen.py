import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlparch.data.labels import spans
from nlparch.metrics import score_tags
from nlparch.seen import Training, count_seen, seen_scores

WORDS = ("Oslo", "OSLO", "Rome", "Ann", "ß", "SS")
TAGS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")


@st.composite
def corpus(draw, tags, n_readings):
    """Sentences with several readings of each."""
    n_words = draw(st.lists(st.integers(1, 5), min_size=1, max_size=5))
    words = [[draw(st.sampled_from(WORDS)) for _ in range(n)] for n in n_words]
    return words, [[[draw(st.sampled_from(tags)) for _ in range(n)] for n in n_words] for _ in range(n_readings)]


def names(words, tags):
    """Sentence, place, type and folded words of each entity, the slow way."""
    found = []
    for row, (some, given_tags) in enumerate(zip(words, tags, strict=True)):
        for type_, start, end in spans(given_tags):
            found.append((row, start, end, type_, " ".join(some[start:end]).casefold()))
    return found


@given(corpus(TAGS, 1), corpus(TAGS, 2))
def test_names_are_told_apart_by_whether_training_holds_them(train, test):
    (train_words, (train_gold,)), (words, (gold, predicted)) = train, test
    known = {name[3:] for name in names(train_words, train_gold)}
    training = Training.of(train_words, train_gold, scheme="IOB2")
    found = seen_scores(count_seen(words, gold, predicted, training, scheme="IOB2"), scheme="IOB2")
    for kind, is_seen in (("seen", True), ("unseen", False)):
        wanted = [name for name in names(words, gold) if (name[3:] in known) == is_seen]
        given_ = [name for name in names(words, predicted) if (name[3:] in known) == is_seen]
        n_right = len(set(wanted) & set(given_))
        assert found[kind]["support"] == len(wanted)
        if not wanted and not given_:
            assert found[kind]["f1"] is found[kind]["recall"] is found[kind]["precision"] is None
            continue
        precision, recall = n_right / max(1, len(given_)), n_right / max(1, len(wanted))
        f1 = 2 * precision * recall / (precision + recall) if n_right else 0.0
        assert (found[kind]["precision"], found[kind]["recall"]) == (precision, recall)
        assert found[kind]["f1"] == pytest.approx(f1)


@given(corpus(("A", "B"), 1), corpus(("A", "B"), 2))
def test_words_with_plain_tags_are_seen_with_any_tag(train, test):
    (train_words, (train_gold,)), (words, (gold, predicted)) = train, test
    known = {word.casefold() for sentence in train_words for word in sentence}
    training = Training.of(train_words, train_gold, scheme="plain")
    found = seen_scores(count_seen(words, gold, predicted, training, scheme="plain"), scheme="plain")
    places = [(r, i) for r, sentence in enumerate(words) for i in range(len(sentence))]
    for kind, is_seen in (("seen", True), ("unseen", False)):
        own = [(r, i) for r, i in places if (words[r][i].casefold() in known) == is_seen]
        right = sum(gold[r][i] == predicted[r][i] for r, i in own)
        assert found[kind] == {"accuracy": right / len(own) if own else None, "support": len(own)}


def test_case_does_not_make_a_name_unseen_but_its_type_does():
    training = Training.of([["London", "fell"]], [["B-LOC", "O"]], scheme="IOB2")
    words, gold = [["LONDON"], ["London"]], [["B-LOC"], ["B-PER"]]
    found = seen_scores(count_seen(words, gold, gold, training, scheme="IOB2"), scheme="IOB2")
    assert (found["seen"]["support"], found["unseen"]["support"]) == (1, 1)


def test_sentences_without_gold_are_no_training():
    training = Training.of([["Oslo"], ["Rome"]], [None, ["B-LOC"]], scheme="IOB2")
    assert training.entities == {("LOC", ("rome",))} and training.words == {"rome"}


def test_seen_and_unseen_together_are_all():
    words, gold, predicted = [["Ann", "in", "Rome"]], [["B-PER", "O", "B-LOC"]], [["B-PER", "O", "B-PER"]]
    counts = count_seen(words, gold, predicted, Training.of(words, gold, scheme="IOB2"), scheme="IOB2")
    together = 2 * counts.right.sum() / (counts.gold + counts.found).sum()
    assert together == score_tags(gold, predicted, scheme="IOB2")["f1"]
