import json
from pathlib import Path

import datasets
import pytest

from nlparch.data.corpora import Corpus, load_corpus
from nlparch.errors import DataError, UserError

TRAIN = "Ann B-PER\nLee I-PER\nleft O\n\nto O\nRome B-LOC\n\nOslo B-LOC\n"


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / f"{name}.txt").write_text(text, encoding="utf-8")
    return folder


def read(folder: Path, **options: object) -> Corpus:
    return load_corpus(str(folder), **options)  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path_factory.mktemp("cache"))


def test_a_folder_of_column_files_becomes_words_and_tags(tmp_path: Path) -> None:
    corpus = read(write(tmp_path, train=TRAIN, dev="Rome B-LOC\n", test="Ann B-PER\n"))
    assert list(corpus.splits) == ["train", "dev", "test"]
    assert corpus.splits["train"].column_names == ["words", "tags"]
    assert corpus.splits["train"][0] == {"words": ["Ann", "Lee", "left"], "tags": ["B-PER", "I-PER", "O"]}
    assert (corpus.labels.tags, corpus.labels.scheme) == (("B-LOC", "B-PER", "I-PER", "O"), "IOB2")
    assert corpus.notes == [] and corpus.tag_counts["train"]["O"] == 2


def test_missing_dev_and_test_are_noted(tmp_path: Path) -> None:
    corpus = read(write(tmp_path, train=TRAIN))
    assert list(corpus.splits) == ["train"]
    assert corpus.notes == ["dev: none; no score on it", "test: none; no score on it"]


def test_files_may_have_other_names_and_columns(tmp_path: Path) -> None:
    write(tmp_path, a="1 Ann PER x\n", b="skip O x\nBob PER x\n")
    corpus = read(tmp_path, train_filename="a.txt", dev_filename="", test_filename="", word_col=1, tag_col=2)
    assert corpus.splits["train"][0] == {"words": ["Ann"], "tags": ["PER"]}
    corpus = read(tmp_path, train_filename="b.txt", tag_col=-2, ignore_token="skip")
    assert corpus.splits["train"]["words"][0] == ["Bob"]
    assert f"{tmp_path / 'b.txt'}: 1 rows of the ignored token passed over" in corpus.notes


def test_dev_is_split_off_train_at_random_with_the_seed(tmp_path: Path) -> None:
    write(tmp_path, train="".join(f"w{number} O\n\n" for number in range(50)), test="x O\n")
    first, again, other = (read(tmp_path, dev_fraction=0.2, seed=seed) for seed in (1, 1, 2))
    assert list(first.splits) == ["train", "dev", "test"]
    assert [len(rows) for rows in first.splits.values()] == [40, 10, 1]
    assert first.splits["dev"]["words"][:] == again.splits["dev"]["words"][:] != other.splits["dev"]["words"][:]
    both = [word for name in ("train", "dev") for (word,) in first.splits[name]["words"]]
    assert sorted(both) == sorted(f"w{number}" for number in range(50))
    assert "dev: 10 of train's 50 sentences, drawn at random with seed 1" in first.notes


def test_dev_is_drawn_from_sentences_with_tags(tmp_path: Path) -> None:
    rows = [{"words": [f"w{n}"], "tags": ["O"] if n < 20 else None} for n in range(40)]
    (tmp_path / "train.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    corpus = read(tmp_path, train_filename="train.jsonl", dev_fraction=0.5)
    assert [len(split) for split in corpus.splits.values()] == [30, 10] and None not in corpus.splits["dev"]["tags"][:]


def test_a_dev_file_comes_before_dev_fraction(tmp_path: Path) -> None:
    corpus = read(write(tmp_path, train=TRAIN, dev="Rome B-LOC\n"), dev_fraction=0.3)
    assert len(corpus.splits["dev"]) == 1 and "dev: there already; --dev_fraction 0.3 not used" in corpus.notes


@pytest.mark.parametrize("fraction", [-0.1, 1.0, 0.99])
def test_impossible_fractions_are_refused(tmp_path: Path, fraction: float) -> None:
    with pytest.raises(UserError, match="--dev_fraction"):
        read(write(tmp_path, train=TRAIN), dev_fraction=fraction)


def test_all_splits_are_written_in_one_scheme_and_repairs_counted(tmp_path: Path) -> None:
    write(tmp_path, train="a I-X\nb I-X\nc B-X\nd O\n", dev="a B-X\nb O\nc I-X\n", test="a S-X\n")
    corpus = read(tmp_path)
    assert corpus.splits["train"]["tags"][0] == ["B-X", "I-X", "B-X", "O"]
    assert corpus.splits["dev"]["tags"][0] == ["B-X", "O", "B-X"]
    assert corpus.splits["test"]["tags"][0] == ["B-X"]
    assert corpus.notes == [
        "train: tags turned from IOB1 into IOB2",
        "dev: 1 words' tags broke the rules of IOB2 and were repaired",
        "test: tags turned from BIOES into IOB2",
    ]


def test_a_scheme_can_be_asked_for(tmp_path: Path) -> None:
    corpus = read(write(tmp_path, train="a B-X\nb I-X\nc B-X\n"), scheme="BIOES")
    assert corpus.splits["train"]["tags"][0] == ["B-X", "E-X", "S-X"]
    assert corpus.labels.scheme == "BIOES"
    assert read(write(tmp_path, train="a B-X\nb E-X\n")).splits["train"]["tags"][0] == ["B-X", "E-X"]


def test_a_teachers_tags_set_labels_and_scheme(tmp_path: Path) -> None:
    known = ["O", "S-X", "B-X", "I-X", "E-X"]
    corpus = read(write(tmp_path, train="a B-X\nb O\nc B-Y\n"), known_tags=known)
    assert corpus.labels.tags == tuple(known) and corpus.labels.scheme == "BIOES"
    assert corpus.splits["train"]["tags"][0] == ["S-X", "O", "S-Y"]
    assert "train: 1 words carry tags that the model lacks, kept: S-Y 1" in corpus.notes


def test_plain_tags_stay_plain(tmp_path: Path) -> None:
    corpus = read(write(tmp_path, train="a NOUN\nb VERB\n"))
    assert corpus.labels.scheme == "plain" and corpus.splits["train"]["tags"][0] == ["NOUN", "VERB"]
    with pytest.raises(UserError, match="--scheme IOB2 needs tags like B-PER, got 'NOUN'"):
        read(tmp_path, scheme="IOB2")


def test_one_tag_without_a_prefix_makes_all_plain_and_is_told(tmp_path: Path) -> None:
    corpus = read(write(tmp_path, train="a B-X\nb B_X\n"))
    assert corpus.labels.scheme == "plain"
    assert (
        "tags are read as plain, without spans: 1 of them lack a prefix such as B- ('B_X' on 1 words)" in corpus.notes
    )


def test_tags_that_train_lacks_are_kept_and_told(tmp_path: Path) -> None:
    corpus = read(write(tmp_path, train=TRAIN, dev="a B-ORG\nb ODD\nc I-X\n"))
    assert corpus.splits["dev"]["tags"][0] == ["B-ORG", "ODD", "B-X"]
    assert "B-ORG" not in corpus.labels.ids
    message = "dev: 3 words carry tags that train lacks, kept, and scored as errors: B-ORG 1, B-X 1, ODD 1"
    assert message in corpus.notes


def test_train_may_be_missing_only_where_it_is_not_needed(tmp_path: Path) -> None:
    write(tmp_path, test=TRAIN)
    with pytest.raises(DataError, match="train.txt must be there.* got test.txt; name the file with --train_filename"):
        read(tmp_path)
    corpus = read(tmp_path, allow_no_train=True)
    assert list(corpus.splits) == ["test"] and len(corpus.labels) == 4
    with pytest.raises(DataError, match="x.txt: there is no such file; mend --test_filename"):
        read(tmp_path, test_filename="x.txt", allow_no_train=True)
    (tmp_path / "test.txt").unlink()
    with pytest.raises(DataError, match="train.txt or dev.txt or test.txt"):
        read(tmp_path, allow_no_train=True)


def test_places_that_hold_no_corpus_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="got a path where nothing is"):
        read(tmp_path / "absent")
    with pytest.raises(DataError, match="got a file; give its folder"):
        read(write(tmp_path, train=TRAIN) / "train.txt")

    def offline(*_: object) -> None:
        raise ConnectionError("no\nnetwork")

    monkeypatch.setattr(datasets, "load_dataset", offline)
    with pytest.raises(DataError, match="owner/name: neither a folder here nor .*: no network"):
        load_corpus("owner/name")


def hub_set() -> datasets.DatasetDict:
    classes = datasets.List(datasets.ClassLabel(names=["O", "B-X"]))
    strings = datasets.List(datasets.Value("string"))
    features = datasets.Features({"tokens": strings, "pos_tags": strings, "ner_tags": classes})
    rows = {"tokens": [["a", "b"], [], ["c"]], "pos_tags": [["N", "V"], [], ["N"]], "ner_tags": [[0, 1], [], None]}
    table = datasets.Dataset.from_dict(rows, features=features)
    return datasets.DatasetDict({"train": table, "validation": table})


def test_hub_sets_are_recognised(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[object, ...]] = []

    def load(*arguments: object) -> datasets.DatasetDict:
        asked.append(arguments)
        return hub_set()

    monkeypatch.setattr(datasets, "load_dataset", load)
    corpus = load_corpus("owner/name:en")
    assert asked == [("owner/name", "en")]
    assert corpus.splits["dev"][:] == {"words": [["a", "b"]], "tags": [["O", "B-X"]]}
    assert "dev: 1 sentences without tags dropped" in corpus.notes
    assert (
        "owner/name:en (dev): tags are read from ner_tags, not pos_tags; --tags_column says otherwise" in corpus.notes
    )
    assert "owner/name:en (train): 1 rows without words passed over" in corpus.notes


def test_saved_sets_are_read_by_the_columns_given(tmp_path: Path) -> None:
    hub_set().save_to_disk(tmp_path / "saved")
    corpus = read(tmp_path / "saved", tags_column="pos_tags", words_column="tokens")
    assert corpus.labels.tags == ("N", "V")
    with pytest.raises(DataError, match="tags must be in a column named x, got the columns tokens, pos_tags, ner_tags"):
        read(tmp_path / "saved", tags_column="x")


def test_tables_in_files_are_read(tmp_path: Path) -> None:
    lines = [{"tokens": ["a", "b"], "tags": ["O", "B-X"]}, {"tokens": ["c"], "tags": ["O"]}]
    (tmp_path / "t.jsonl").write_text("\n".join(map(json.dumps, lines)))
    corpus = read(tmp_path, train_filename="t.jsonl")
    assert corpus.splits["train"][1] == {"words": ["c"], "tags": ["O"]}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"words": ["a", "b"], "tags": ["O"]}', "got 2 words and 1 tags"),
        ('{"words": ["a", ""], "tags": ["O", "O"]}', "words must be a list of texts, none of them empty"),
        ('{"words": ["a"], "tags": [3]}', "tags must be strings or named classes"),
        ('{"words": ["a"]}', "tags must be in a column"),
        ('{"words": ["a"], "tags": null}', "some sentences must have tags"),
        ("{", "t.jsonl: cannot be read"),
        ("", "t.jsonl: "),
    ],
)
def test_bad_tables_are_refused(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "t.jsonl").write_text(text)
    with pytest.raises(DataError, match=complaint):
        read(tmp_path, train_filename="t.jsonl")


def test_defects_of_column_files_are_told_with_their_line(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"train.txt:2: every row"):
        read(write(tmp_path, train="a O\nb\n"))


def test_a_part_of_train_leaves_dev_and_test_whole_and_decides_the_labels(tmp_path: Path) -> None:
    train = "".join(f"w{number} B-X{number}\n\n" for number in range(20))
    write(tmp_path, train=train, dev="".join(f"d{number} O\n\n" for number in range(5)), test="x O\n")
    part = read(tmp_path, train_examples=3)
    assert [len(rows) for rows in part.splits.values()] == [3, 5, 1]
    assert len(part.labels.tags) == 3 and "train: 3 of 20 sentences kept" in " ".join(part.notes)
    assert read(tmp_path, train_fraction=0.15).splits["train"]["words"][:] == part.splits["train"]["words"][:]
    assert (
        read(tmp_path, train_examples=3, subset_seed=1).splits["train"]["words"][:] != part.splits["train"]["words"][:]
    )


def test_words_that_may_be_read_as_tags_are_told(tmp_path: Path) -> None:
    rows = "".join(f"word{number} {'B-PER' if number % 3 else 'O'}\n" for number in range(40)) + "word7 O\n"
    write(tmp_path, train=rows)
    assert not any("different tags" in note for note in read(tmp_path).notes)
    told = "train: 40 different tags, such as 'word7', but 2 different words"
    assert any(told in note for note in read(tmp_path, word_col=1, tag_col=0).notes)


def test_a_file_is_no_data_set_though_it_looks_like_the_id_of_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "corpus").mkdir()
    write(tmp_path / "corpus", train=TRAIN)
    with pytest.raises(DataError, match="got a file; give its folder, and its name with --train_filename"):
        read(Path("corpus/train.txt"))
