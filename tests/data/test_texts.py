"""Corpora of labelled texts: every format, and every way to be defective."""

import json
from pathlib import Path
from typing import Any

import datasets
import pytest

from nlparch.data.text_labels import TextLabels
from nlparch.data.text_tables import TextColumns, texts_of
from nlparch.data.texts import TextCorpus, load_text_corpus, read_text_file
from nlparch.errors import DataError, UserError

TRAIN = "text,label\ngood film,pos\nbad film,neg\n"


def read(folder: Path, **options: Any) -> TextCorpus:
    return load_text_corpus(folder, **options)


def write(folder: Path, **files: str | bytes) -> Path:
    """Files by name, the last underscore being the dot."""
    for name, content in files.items():
        path = folder / ".".join(name.rsplit("_", 1))
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return folder


def test_a_csv_file_gives_texts_and_labels(tmp_path: Path) -> None:
    corpus = read(write(tmp_path, train_csv=TRAIN, dev_csv="text,label\nfine,pos\n"))
    assert corpus.splits["train"][:] == {"text": ["good film", "bad film"], "label": ["pos", "neg"]}
    assert corpus.labels == TextLabels(("neg", "pos"), "one_label") and corpus.main_score == "accuracy"
    assert corpus.label_counts["train"] == {"pos": 1, "neg": 1}
    assert corpus.notes == [
        "task: one_label, by the look of the labels; --task says otherwise",
        "test: none; no score on it",
    ]


def test_quoted_fields_line_breaks_crlf_and_byte_order_marks_are_read(tmp_path: Path) -> None:
    content = '\ufefftext, label \r\n"two\nlines, ""quoted""", a \r\n\r\nplain "quotes" inside,b\r\n'
    corpus = read(write(tmp_path, train_csv=content))
    assert corpus.splits["train"][:] == {
        "text": ['two\nlines, "quoted"', 'plain "quotes" inside'],
        "label": ["a", "b"],
    }
    assert f"{tmp_path}/train.csv: 1 empty lines passed over" in corpus.notes


def test_quotes_of_a_tsv_file_may_stand_for_themselves(tmp_path: Path) -> None:
    corpus = read(write(tmp_path, train_tsv='text\tlabel\n"quoted" word\ta\n"open\tb\n'))
    assert corpus.splits["train"]["text"][:] == ['"quoted" word', '"open']
    assert "quotes are read as they stand" in corpus.notes[0]
    corpus = read(write(tmp_path, train_tsv='text\tlabel\n"awful , he said\ta\ngreat\tb\nwell done"\ta\n'))
    assert corpus.splits["train"]["text"][:] == ['"awful , he said', "great", 'well done"']
    assert "quotes are read as they stand" in corpus.notes[0]
    corpus = read(write(tmp_path, train_tsv='text\tlabel\n"two\nlines"\ta\n"x"\tb\n'))
    assert corpus.splits["train"]["text"][:] == ["two\nlines", "x"]
    (tmp_path / "one.tsv").write_text('text\n"two\nlines"\n"say ""hi"""\n')
    rows = read_text_file(tmp_path / "one.tsv", TextColumns(None, None, None, [], needs_labels=False)).rows
    assert rows.texts == ["two\nlines", 'say "hi"']


def test_very_long_fields_are_read(tmp_path: Path) -> None:
    corpus = read(write(tmp_path, train_csv=f"text,label\n{'x ' * 200_000},a\ny,b\n"))
    assert len(corpus.splits["train"]["text"][0]) == 400_000


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("text,label\na,b,c\n", r"train.csv:2: every row must have as many fields as the header, 2, got 3"),
        ('text,label\n"a\nb",x\nc\n', r"train.csv:4: every row must have as many fields as the header, 2, got 1"),
        ('text,label\na,b\n"c,d\n', r"train.csv:3: a quoted field must end at its closing quote"),
        ("words,label\na,b\n", r"train.csv: text must be in a column named text or .* --text_column"),
        ("text,tag\na,b\n", r"train.csv: label must be in a column named label or .* --label_column"),
        ("text,text\na,b\n", r"train.csv:1: columns must differ in name, got twice: text"),
        ("text,label\n", r"train.csv: holds no row"),
        ("", r"train.csv: holds no row"),
        (b"text,label\n\xe9,b\n", r"train.csv:2: text must be UTF-8"),
        ("text,label\na,x\n", r"train must have two labels at least, got x"),
        ("text,label\na,\nb,\n", r"some texts must have labels, got none"),
        ("text,label\n ,x\n,y\n", r"some text must not be empty, got 2 empty ones"),
    ],
)
def test_defects_of_csv_files_are_refused_with_their_place(
    tmp_path: Path, content: str | bytes, complaint: str
) -> None:
    with pytest.raises(DataError, match=complaint):
        read(write(tmp_path, train_csv=content))


def lines(*rows: dict[str, Any]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def test_labels_are_strings_whatever_the_file_says(tmp_path: Path) -> None:
    rows = ({"text": "a", "label": 1}, {"text": "b", "label": "2"}, {"text": "c", "label": True})
    corpus = read(write(tmp_path, train_jsonl=lines(*rows)))
    assert corpus.splits["train"]["label"][:] == ["1", "2", "true"]
    corpus = read(write(tmp_path, a_csv="text,label\na,1\nb,2\n"), train_filename="a.csv")
    assert corpus.splits["train"]["label"][:] == ["1", "2"]


def test_a_list_of_labels_makes_several_labels(tmp_path: Path) -> None:
    rows = ({"text": "a", "labels": ["y", "x", "y"]}, {"text": "b", "labels": []}, {"text": "c", "labels": None})
    corpus = read(write(tmp_path, train_jsonl=lines(*rows)))
    assert corpus.labels == TextLabels(("x", "y"), "multi_label") and corpus.main_score == "macro_f1"
    assert corpus.splits["train"]["labels"][:] == [["y", "x"], [], None]


def test_a_field_of_csv_may_hold_several_labels(tmp_path: Path) -> None:
    corpus = read(write(tmp_path, train_csv="text,labels\na,x; y\nb,\n"), label_separator=";")
    assert corpus.splits["train"]["labels"][:] == [["x", "y"], []]
    with pytest.raises(DataError, match="train.csv:2: the labels of a text must be a list, .* --label_separator"):
        read(tmp_path, task="multi_label")


def test_fractions_make_a_regression(tmp_path: Path) -> None:
    corpus = read(write(tmp_path, train_csv="text1,text2,score\na,b,3.5\nc,d,2\n"))
    assert corpus.labels.task == "regression" and corpus.labels.names == ("score",)
    assert corpus.main_score == "pearson_spearman"
    assert corpus.splits["train"][:] == {"text": ["a", "c"], "text_pair": ["b", "d"], "label": [3.5, 2.0]}
    assert read(tmp_path, task="one_label").labels.names == ("2", "3.5")
    whole = read(write(tmp_path, train_csv="text,label\na,3\nb,2\n"))
    assert whole.labels.task == "one_label"
    assert read(tmp_path, task="regression").splits["train"]["label"][:] == [3.0, 2.0]


@pytest.mark.parametrize(
    ("row", "options", "complaint"),
    [
        ({"text": "b", "label": ["x"]}, {"task": "one_label"}, "train.jsonl:2: a text must have one label, got a list"),
        ({"text": "b", "label": "x"}, {"task": "regression"}, "train.jsonl:2: the label of a regression must be a num"),
        ({"text": "b", "label": 1.5}, {"task": "one_label"}, "train.jsonl:2: a label must be a name or a whole number"),
        ({"text": "b", "label": "x"}, {"task": "multi_label"}, "train.jsonl:1: the labels of a text must be a list"),
        ({"text": 3, "label": "x"}, {}, "train.jsonl:2: text must be a text, got 3"),
    ],
)
def test_gold_that_does_not_fit_the_task_is_refused_with_its_place(
    tmp_path: Path, row: dict[str, Any], options: Any, complaint: str
) -> None:
    first = {"text": "a", "label": 1 if options.get("task") == "regression" else "x"}
    with pytest.raises(DataError, match=complaint):
        read(write(tmp_path, train_jsonl=lines(first, row)), **options)


@pytest.mark.parametrize(("content", "complaint"), [("{", "train.jsonl:1: must be a JSON object"), ("[1]", "got")])
def test_what_is_not_json_is_refused(tmp_path: Path, content: str, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        read(write(tmp_path, train_jsonl=content))


def test_a_json_file_is_a_list_or_json_lines(tmp_path: Path) -> None:
    rows = [{"text": "a", "label": "x"}, {"text": "b", "label": "y"}]
    whole = read(write(tmp_path, train_json=json.dumps(rows, indent=1)))
    assert read(write(tmp_path, train_json=lines(*rows))).splits["train"][:] == whole.splits["train"][:]
    with pytest.raises(DataError, match="train.json: must be a list of JSON objects"):
        read(write(tmp_path, train_json="[{]"))


def table(labels: list[Any], feature: Any) -> datasets.Dataset:
    features = datasets.Features({"sentence": datasets.Value("string"), "label": feature})
    texts = [f"text {number}" for number in range(len(labels))]
    return datasets.Dataset.from_dict({"sentence": texts, "label": labels}, features=features)


def test_parquet_and_saved_and_hub_sets_name_their_classes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    classes = datasets.ClassLabel(names=["neg", "pos"])
    rows = table([1, 0, 1], classes)
    rows.to_parquet(tmp_path / "train.parquet")
    assert read(tmp_path).splits["train"]["label"][:] == ["pos", "neg", "pos"]
    sets = datasets.DatasetDict({"train": rows, "validation": rows, "test": table([-1, -1], classes)})
    sets.save_to_disk(tmp_path / "saved")
    saved = read(tmp_path / "saved")
    assert saved.splits["dev"]["label"][:] == ["pos", "neg", "pos"] and "test" not in saved.splits
    assert "test: none of its 2 texts has a label" in saved.notes
    several = datasets.DatasetDict({"train": table([[0, 1], []], datasets.List(classes))})
    monkeypatch.setattr(datasets, "load_dataset", lambda *_: several)
    assert load_text_corpus("owner/name").splits["train"]["labels"][:] == [["neg", "pos"], []]


def test_columns_are_found_by_their_usual_names_or_given(tmp_path: Path) -> None:
    content = "id,premise,hypothesis,other,label,class\n1,a,b,c,x,y\n2,d,e,f,y,x\n"
    corpus = read(write(tmp_path, train_csv=content))
    assert corpus.splits["train"][0] == {"text": "a", "text_pair": "b", "label": "x"}
    assert "label is read from label, not class; --label_column says otherwise" in corpus.notes[0]
    given = read(tmp_path, text_column="other", text_pair_column="id", label_column="class")
    assert given.splits["train"][0] == {"text": "c", "text_pair": "1", "label": "y"}
    assert texts_of(given.splits["train"]) == [("c", "1"), ("f", "2")]
    alone = read(tmp_path, text_pair_column="")
    assert texts_of(alone.splits["train"]) == ["a", "d"]
    with pytest.raises(DataError, match="text_pair must be in a column named nowhere"):
        read(tmp_path, text_pair_column="nowhere")


def test_empty_texts_are_dropped_in_train_and_kept_elsewhere(tmp_path: Path) -> None:
    write(tmp_path, train_csv="text,label\n ,pos\na,pos\nb,neg\n", dev_csv='text,label\n"",neg\nc,pos\n')
    corpus = read(tmp_path)
    assert corpus.splits["train"]["text"][:] == ["a", "b"] and corpus.splits["dev"]["text"][:] == ["", "c"]
    assert {"train: 1 empty texts dropped", "dev: 1 empty texts kept, and scored"} <= set(corpus.notes)


def test_texts_without_labels_stay_in_train_and_leave_dev(tmp_path: Path) -> None:
    content = "text,label\na,pos\nb,neg\nc,\n"
    corpus = read(write(tmp_path, train_csv=content, dev_csv=content, test_csv="text\nx\n"))
    assert corpus.splits["train"]["label"][:] == ["pos", "neg", None]
    assert corpus.splits["dev"]["label"][:] == ["pos", "neg"] and list(corpus.splits) == ["train", "dev"]
    assert "dev: 1 texts without labels dropped" in corpus.notes
    assert "test: none of its 1 texts has a label" in corpus.notes


def test_labels_that_train_lacks_are_kept_and_told(tmp_path: Path) -> None:
    corpus = read(write(tmp_path, train_csv=TRAIN, dev_csv="text,label\na,odd\nb,pos\n"))
    assert corpus.splits["dev"]["label"][:] == ["odd", "pos"] and corpus.labels.names == ("neg", "pos")
    assert "dev: 1 uses of labels that train lacks, kept, and scored as errors: 'odd' 1" in corpus.notes
    known = TextLabels(("pos", "other"), "one_label")
    corpus = read(tmp_path, known_labels=known)
    assert corpus.labels == known
    assert "train: 1 uses of labels that the teacher lacks, kept: 'neg' 1" in corpus.notes
    with pytest.raises(UserError, match="--task must be that of the model, one_label, got regression"):
        read(tmp_path, known_labels=known, task="regression")


def test_texts_of_several_splits_are_counted_and_may_be_dropped(tmp_path: Path) -> None:
    write(tmp_path, train_csv="text,label\na,x\na,y\nb,x\nc,y\n", dev_csv="text,label\na,x\n")
    write(tmp_path, test_csv="text,label\na,x\nb,y\n")
    corpus = read(tmp_path)
    assert {
        "test: 1 texts also stand in dev",
        "train: 2 texts also stand in dev, kept; --drop_seen drops them",
        "train: 3 texts also stand in test, kept; --drop_seen drops them",
        "train: texts that stand there more than once: 1, 1 with other labels",
    } <= set(corpus.notes)
    write(tmp_path, train_csv="text,label\na,x\na,y\nb,x\nc,y\nd,x\n")
    corpus = read(tmp_path, drop_seen=True)
    assert corpus.splits["train"]["text"][:] == ["c", "d"] and len(corpus.splits["test"]) == 2
    assert "train: 2 texts also stand in dev, dropped" in corpus.notes


def test_parts_of_train_are_kept_or_set_aside(tmp_path: Path) -> None:
    write(tmp_path, train_csv="text,label\n" + "".join(f"t{n},{n % 2}\n" for n in range(40)))
    corpus = read(tmp_path, dev_fraction=0.25, train_examples=10)
    assert [len(rows) for rows in corpus.splits.values()] == [10, 10]
    assert "dev: 10 of train's 40 texts, drawn at random with seed 42" in corpus.notes
    assert "train: 10 of 30 texts kept, drawn at random with seed 0; the others dropped" in corpus.notes
    assert len(read(tmp_path, train_fraction=0.5).splits["train"]) == 20
    other = read(tmp_path, dev_fraction=0.25, train_examples=10, seed=1, subset_seed=1)
    assert other.splits["dev"]["text"][:] != corpus.splits["dev"]["text"][:]
    with pytest.raises(UserError, match="--dev_fraction must be at least 0"):
        read(tmp_path, dev_fraction=1.0)
    with pytest.raises(UserError, match="--train_examples must be at most the 40 texts of train, got 41"):
        read(tmp_path, train_examples=41)


def test_dev_is_drawn_from_what_has_labels(tmp_path: Path) -> None:
    write(tmp_path, train_csv="text,label\n" + "".join(f"t{n},{'ab'[n % 2] if n < 20 else ''}\n" for n in range(40)))
    corpus = read(tmp_path, dev_fraction=0.5)
    assert [len(rows) for rows in corpus.splits.values()] == [30, 10] and None not in corpus.splits["dev"]["label"][:]
    assert "dev: 10 of train's 20 labelled texts, drawn at random with seed 42" in corpus.notes
    write(tmp_path, train_csv="text,label\na,\nb,\n")
    with pytest.raises(UserError, match="--dev_fraction must leave labelled texts to train on, got 0.5 of 0 texts"):
        read(tmp_path, dev_fraction=0.5, known_labels=corpus.labels)


def test_files_that_are_missing_or_ambiguous_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="train .* must be there.* got nothing"):
        read(tmp_path)
    write(tmp_path, test_csv=TRAIN, odd_xls="x")
    assert list(read(tmp_path, allow_no_train=True).splits) == ["test"]
    with pytest.raises(DataError, match="no.csv: there is no such file; mend --dev_filename"):
        read(tmp_path, train_filename="test.csv", dev_filename="no.csv")
    with pytest.raises(DataError, match=r"odd.xls: a table must be one of .csv, .tsv"):
        read(tmp_path, train_filename="odd.xls")
    write(tmp_path, train_csv=TRAIN, train_tsv=TRAIN)
    with pytest.raises(DataError, match="one file must be train, got train.csv, train.tsv"):
        read(tmp_path)


def test_pairs_with_one_text_empty_are_kept_and_counted(tmp_path: Path) -> None:
    train = '{"text": "a", "text_pair": null, "label": "x"}\n{"text": " ", "text_pair": "d", "label": "y"}\n'
    train += '{"text": "e", "text_pair": "f", "label": "y"}\n{"text": "", "text_pair": null, "label": "y"}\n'
    corpus = read(write(tmp_path, train_jsonl=train))
    assert len(corpus.splits["train"]) == 3
    assert "train: 2 pairs with one text empty, kept" in corpus.notes and "train: 1 empty texts dropped" in corpus.notes


def test_all_files_hold_pairs_or_none_does(tmp_path: Path) -> None:
    pairs = "text,text_pair,label\na,b,x\nc,d,y\n"
    with pytest.raises(DataError, match="got train pairs, dev single texts; name the second column"):
        read(write(tmp_path, train_csv=pairs, dev_csv="text,label\na,x\n"))
    assert "text_pair" not in read(tmp_path, text_pair_column="").splits["train"].column_names


@pytest.mark.parametrize("number", ["Infinity", "1e300", "1" + "0" * 400])
def test_numbers_that_no_loss_can_hold_are_refused(tmp_path: Path, number: str) -> None:
    write(tmp_path, train_jsonl=f'{{"text": "a", "label": 1.5}}\n{{"text": "b", "label": {number}}}\n')
    with pytest.raises(DataError, match=r"train.jsonl:2: the label of a regression must be a number up to 1e\+18"):
        read(tmp_path)


def test_a_word_among_numbers_is_told_with_its_row(tmp_path: Path) -> None:
    content = "text,label\n" + "".join(f"t{n},{n / 8}\n" for n in range(20)) + "odd,nan\n"
    with pytest.raises(DataError, match=r"train.csv:22: the label must be a number, as 20 others are, got 'nan'"):
        read(write(tmp_path, train_csv=content))
    assert read(tmp_path, task="one_label").labels.task == "one_label"
    assert read(write(tmp_path, train_csv="text,label\na,1.5\nb,x\n")).labels.task == "one_label", "half of them"


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({"text_pair_column": "text"}, "texts are in the column 'text'; --text_pair_column must name another"),
        ({"label_column": "text"}, "texts are in the column 'text'; --label_column must name another"),
    ],
)
def test_one_column_is_not_read_as_two(tmp_path: Path, given: Any, complaint: str) -> None:
    with pytest.raises(DataError, match=complaint):
        read(write(tmp_path, train_csv="text,label\na,x\nb,y\n"), **given)


def test_other_dividers_are_suggested(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is it divided by ';'"):
        read(write(tmp_path, train_csv="text;label\na;x\nb, c;y\n"))


@pytest.mark.parametrize("row", ['{"text": "a \\ud800", "label": "x"}', '{"text": "a", "label": "\\ud800x"}'])
def test_halves_of_characters_are_refused(tmp_path: Path, row: str) -> None:
    with pytest.raises(DataError, match=r"train.jsonl:1: text must have whole characters, got half of one"):
        read(write(tmp_path, train_jsonl=row + "\n"))


@pytest.mark.parametrize("name", ["train_json", "train_jsonl"])
def test_json_that_is_too_deep_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="recursion"):
        read(write(tmp_path, **{name: "[" * 100_000}))


def test_a_dev_whose_labels_are_all_unknown_is_refused(tmp_path: Path) -> None:
    write(tmp_path, train_csv=TRAIN, dev_csv="text,label\na,Neg\nb,Pos\n")
    with pytest.raises(DataError, match="dev: some label must be one that the model can give, got 'Neg' 1, 'Pos' 1"):
        read(tmp_path)


def test_one_row_unlike_the_others_is_no_other_task_where_the_teacher_says_which(tmp_path: Path) -> None:
    rows = "".join(f"a{row},{row % 4}.5\n" for row in range(19))
    write(tmp_path, train_csv=f"text,label\n{rows}b,none\n")
    known = TextLabels(("0.5", "1.5", "2.5", "3.5", "none"), "one_label")
    assert read(tmp_path, known_labels=known).splits["train"]["label"][-1] == "none"
    write(tmp_path, train_csv="text,label\n" + rows.replace(".5", "") + "b,n/a\n")
    with pytest.raises(DataError, match=r"train.csv:21: the label of a regression must be a number.* got 'n/a'"):
        read(tmp_path, known_labels=TextLabels(("score",), "regression"))


def test_gold_that_looks_otherwise_than_the_known_labels_is_refused_or_told(tmp_path: Path) -> None:
    lists = '{"text": "a", "labels": ["x"]}\n'
    with pytest.raises(DataError, match="lists of labels, and the teacher is of one_label; take one of multi_label"):
        read(write(tmp_path, train_jsonl=lists), known_labels=TextLabels(("x", "y"), "one_label"))
    names = write(tmp_path, train_jsonl='{"text": "a", "label": "x"}\n{"text": "b", "label": "y"}\n')
    with pytest.raises(DataError, match="one label each, and the teacher is of multi_label; .* --label_separator"):
        read(names, known_labels=TextLabels(("x", "y"), "multi_label"))
    with pytest.raises(DataError, match="one label each, and the teacher is of regression; take one of one_label"):
        read(names, known_labels=TextLabels(("score",), "regression"))
    numbers = write(tmp_path, train_jsonl='{"text": "a", "label": 0.5}\n{"text": "b", "label": "1.5"}\n')
    with pytest.raises(DataError, match="numbers with fractions, and the teacher is of one_label"):
        read(numbers, known_labels=TextLabels(("x", "y"), "one_label"))
    write(tmp_path, train_jsonl='{"text": "a", "label": 1.0}\n{"text": "b", "label": 2.0}\n')
    assert read(tmp_path, known_labels=TextLabels(("1", "2"), "one_label")).splits["train"]["label"][0] == "1"
    notes = read(tmp_path, known_labels=TextLabels(("score",), "regression")).notes
    assert "task: regression, that of the teacher" in notes
