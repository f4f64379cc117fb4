from types import SimpleNamespace

import datasets
import pytest

from nlparch.data.corpora import Corpus
from nlparch.data.labels import LabelSet
from nlparch.data.text_labels import TextLabels
from nlparch.data.texts import TextCorpus
from nlparch.errors import UserError
from nlparch.procedures import runs
from nlparch.procedures.augment import augment_sentences, augment_texts

SENTENCES = [["Ann", "sat", "in", "Oslo", "."], ["Bo", "ran"], [], ["x"]]
TAGS = [["B-PER", "O", "O", "B-LOC", "O"], ["B-PER", "O"], [], None]
TEXTS = ["Ann sat in Oslo.", "Bo ran.", " "]


def options(**given):
    return SimpleNamespace(**({"augment": 20, "augment_kinds": ("mask", "swap", "ngram"), "seed": 1} | given))


def tagged(tmp_path, similar=None, **given):
    splits = {
        "train": datasets.Dataset.from_dict({"words": SENTENCES, "tags": TAGS}),
        "test": datasets.Dataset.from_dict({"words": [["Bo", "[MASK]"], ["Ann"]], "tags": [["O", "O"], ["O"]]}),
    }
    run = runs.Run(tmp_path)
    corpus = Corpus(splits, LabelSet.from_tags(["B-PER", "B-LOC", "O"]), [], {})
    made = augment_sentences(options(**given), run, corpus, splits["train"], mask_word="[MASK]", similar_words=similar)
    return list(made), run.notes


def of_texts(tmp_path, columns=None, similar=None, **given):
    train = columns or {"text": TEXTS, "label": ["a", "b", "a"]}
    splits = {"train": datasets.Dataset.from_dict(train)}
    splits["dev"] = datasets.Dataset.from_dict({"text": ["Bo"], "label": ["b"]} if columns is None else columns)
    run = runs.Run(tmp_path)
    corpus = TextCorpus(splits, TextLabels(("a", "b"), "one_label"), [], {})
    texts = list(train["text"]) if columns is None else list(zip(train["text"], train["text_pair"], strict=True))
    about = dict(mask_word="<mask>", splitter="words", similar_words=similar)
    made = augment_texts(options(**given), run, corpus, splits["train"], texts, **about)
    return list(made), run.notes


def test_new_sentences_are_new_and_all_others_are_counted(tmp_path):
    made, (note,) = tagged(tmp_path)
    assert len({tuple(words) for words in made}) == len(made) > 10
    assert not [words for words in made if words in SENTENCES or words in (["Bo", "[MASK]"], ["Ann"])]
    counts = [int(part.split()[0]) for part in note.removeprefix("augmented: ").split("; ")]
    assert counts[0] == len(made) and sum(counts) == 4 * 20 and "20 without words dropped" in note
    for what in (
        "new sentences (mask, swap, ngram)",
        "repeated",
        "that are training rows",
        "that stand in dev or test",
    ):
        assert what in note


def test_mentions_are_kept_whole_and_words_without_tags_are_masked_too(tmp_path):
    made, _ = tagged(tmp_path, augment_kinds=("mask",))
    assert ["[MASK]"] in made and ["Ann", "[MASK]", "in", "Oslo", "."] in made
    assert not [words for words in made if words[0] == "[MASK]" and len(words) > 1]
    made, _ = tagged(tmp_path, augment_kinds=("mention",))
    assert made == [["Bo", "sat", "in", "Oslo", "."], ["Ann", "ran"]]


def test_another_seed_makes_other_sentences_and_the_same_the_same(tmp_path):
    one, again, other = (tagged(tmp_path, seed=seed, augment=3)[0] for seed in (1, 1, 2))
    assert one == again != other


def test_new_texts_are_new_and_keep_what_stands_between_words(tmp_path):
    made, (note,) = of_texts(tmp_path, augment=60)
    assert len(set(made)) == len(made) and not set(made) & {*TEXTS, "Bo"}
    assert "Ann sat <mask> Oslo." in made
    assert any(" " in text and text in TEXTS[0] for text in made)
    assert f"augmented: {len(made)} new texts" in note and "60 without words dropped" in note
    assert "that stand in dev or test dropped" in note


def test_pairs_stay_pairs(tmp_path):
    columns = {"text": ["a b c"], "text_pair": ["d e f"], "label": ["a"]}
    made, _ = of_texts(tmp_path, columns, augment_kinds=("ngram",))
    assert ("a b", "d e f") in made and ("a b c", "d e") in made
    assert not [pair for pair in made if pair == ("a b c", "d e f")]


@pytest.mark.parametrize("n", [1, 4])
def test_so_many_are_made_of_each_row(tmp_path, n):
    made, _ = of_texts(tmp_path, augment=n, augment_kinds=("mask",))
    assert 1 <= len(made) <= 2 * n


@pytest.mark.parametrize("make", [tagged, of_texts])
def test_similar_words_are_the_teachers(tmp_path, make):
    asked = []

    def similar(words):
        asked.extend(words)
        return {"sat": ["stood"]}

    made, notes = make(tmp_path, similar=similar, augment_kinds=("similar",))
    assert len(made) == 1 and "stood" in made[0]
    assert "sat" in asked and len(set(asked)) == len(asked)
    assert ("Oslo" in asked) == (make is of_texts), "mentions are not asked about"
    assert f"similar words: the teacher knows some for 1 of {len(asked)} words" in notes


@pytest.mark.parametrize("make", [tagged, of_texts])
def test_teachers_that_know_no_similar_words_do_the_rest(tmp_path, make):
    made, notes = make(tmp_path, augment_kinds=("similar", "ngram"))
    assert made and "augmented without similar words, which only a transformer as teacher knows: ngram alone" in notes
    assert notes[-1].endswith("dropped") and "(ngram)" in notes[-1]
    with pytest.raises(UserError, match="--augment_kinds similar needs a transformer as teacher; name other kinds"):
        make(tmp_path, augment_kinds=("similar",))


def test_mentions_that_alone_are_left_to_replace_must_be_there(tmp_path, monkeypatch):
    monkeypatch.setitem(globals(), "TAGS", [["O"] * len(words) for words in SENTENCES])
    with pytest.raises(UserError, match="replaces tagged mentions, and there are none"):
        tagged(tmp_path, augment_kinds=("similar", "mention"))
