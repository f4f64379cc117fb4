import subprocess
import sys

import yaml

from nlparch.report import score_table, write_card, write_report

SCORES = {
    "precision": 0.8, "recall": 0.5, "f1": 0.6, "f1_strict": None, "accuracy": 0.9, "n": 12345,
    "per_type": {"PER": {"precision": 0.8, "recall": 0.5, "f1": 0.6, "support": 1500}},
    "raw_text": {"precision": 0.7, "recall": 0.4, "f1": 0.55},
}  # fmt: skip
TEACHER = SCORES | {"f1": 0.75, "per_type": {"LOC": {"precision": 0.0, "recall": 0.0, "f1": 0.0, "support": 0}}}
METRICS = {
    "procedure": "tagger_kd",
    "n_parameters": 2000000,
    "best_epoch": 7.0,
    "best_step": 1386,
    "seed": 42,
    "train_seconds": 123.44,
    "test": SCORES,
    "teacher": {"n_parameters": 20000000, "test": TEACHER},
    "agreement": {"test": 0.97},
    "words_without_teacher": 26,
}
PLAIN = {
    "procedure": "tagger",
    "dev": {
        "accuracy": 0.9, "n": 10, "macro_f1": None, "raw_text": {"accuracy": 0.8},
        "per_tag": {"``": {"precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 3}},
    },
}  # fmt: skip


def cells(text):
    """The rows of all tables, without the padding."""
    lines = [line for line in text.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_student_and_teacher_stand_side_by_side_with_the_share_kept():
    rows = cells(write_report(METRICS, title="tagger_kd: run"))
    assert rows[0] == ["split", "score", "student", "teacher", "share of teacher"]
    assert ["test", "F1", "0.6000", "0.7500", "80.0%"] in rows
    assert ["test", "agreement with the teacher", "0.9700", "", ""] in rows
    assert ["", "parameters", "2,000,000", "20,000,000", "10.0%"] in rows


def test_undefined_scores_print_as_a_dash():
    assert ["test", "F1, strict reading", "-", "-", "-"] in cells(write_report(METRICS, title="run"))
    assert ["dev", "macro F1", "-"] in cells(score_table(PLAIN))


def test_a_teacher_without_any_score_leaves_no_share():
    metrics = METRICS | {"teacher": {"n_parameters": 10, "test": SCORES | {"f1": 0.0}}}
    assert ["test", "F1", "0.6000", "0.0000", "-"] in cells(score_table(metrics))


def test_a_teacher_without_scores_from_raw_text_shows_a_dash():
    teacher = {name: value for name, value in TEACHER.items() if name != "raw_text"}
    metrics = METRICS | {"teacher": {"n_parameters": 10, "test": teacher}}
    assert ["test", "F1 from raw text (character spans)", "0.5500", "-", "-"] in cells(score_table(metrics))


def test_types_are_listed_with_those_of_the_teacher_alone():
    rows = cells(write_report(METRICS, title="run"))
    assert ["type", "support", "precision", "recall", "F1", "teacher F1"] in rows
    assert ["PER", "1,500", "0.8000", "0.5000", "0.6000", "-"] in rows
    assert ["LOC", "0", "-", "-", "-", "0.0000"] in rows


def test_a_run_without_a_teacher_has_one_column_of_scores():
    rows = cells(score_table({name: METRICS[name] for name in ("n_parameters", "test")}))
    assert rows[0] == ["split", "score", "model"]
    assert ["test", "F1", "0.6000"] in rows
    assert rows[-1] == ["", "parameters", "2,000,000"]


def test_plain_tags_are_listed_with_their_marks_escaped():
    text = write_report(PLAIN, title="run")
    assert "## dev, tag by tag" in text
    assert ["\\`\\`", "3", "1.0000", "1.0000", "1.0000"] in cells(text)
    assert ["dev", "accuracy from raw text (character spans)", "0.8000"] in cells(text)


def test_no_mark_of_a_word_is_taken_for_markdown():
    scores = {name: PLAIN["dev"]["per_tag"]["``"] for name in ("__init__", "snake_case", "~~", "&amp;", "AT&T")}
    rows = cells(write_report(PLAIN | {"dev": PLAIN["dev"] | {"per_tag": scores}}, title="run"))
    assert {row[0] for row in rows} >= {"\\_\\_init\\_\\_", "snake_case", "\\~\\~", "\\&amp;", "AT&T"}


def test_a_column_that_nothing_stands_in_is_left_out():
    scores = SCORES | {"f1_interval": [0.5, 0.7]}
    rows = cells(write_report({"n_parameters": 1, "test": scores}, title="run"))
    assert ["split", "score", "model", "value", "95% interval"] in rows


def test_a_short_table_has_the_scores_that_matter_most():
    names = [row[1] for row in cells(score_table(METRICS, short=True))[2:]]
    assert names == ["F1", "F1 from raw text (character spans)", "agreement with the teacher", "parameters"]
    names = [row[1] for row in cells(score_table(PLAIN, short=True))[2:]]
    assert names == ["accuracy", "macro F1", "accuracy from raw text (character spans)"]


def test_the_columns_of_a_table_are_aligned():
    assert len({len(line) for line in score_table(METRICS).splitlines()}) == 1


def test_a_report_tells_how_the_model_was_trained():
    text = write_report(METRICS, title="tagger_kd: run")
    assert text.startswith("# tagger_kd: run\n")
    for fact in ("seed: 42", "step 1386, epoch 7.0", "123.4 s", "training words without teacher outputs: 26"):
        assert fact in text


def test_notes_and_options_stand_in_the_report():
    options = {"data_dir": "corpus", "unlabeled_filename": ("a.txt", "b.txt"), "splitter": None}
    text = write_report(METRICS, title="run", notes=["3 comment lines\npassed over"], options=options)
    assert "- 3 comment lines passed over\n" in text
    block = text.split("```yaml\n")[1].split("```")[0]
    assert yaml.safe_load(block) == options | {"unlabeled_filename": ["a.txt", "b.txt"]}


def test_a_run_without_dev_and_test_still_has_a_report():
    text = write_report({"procedure": "tagger", "n_parameters": 5, "best_step": None}, title="run")
    assert ["", "parameters", "5"] in cells(text)
    assert "Nothing." in text
    assert "best model" not in text


def test_a_card_begins_with_its_front_matter():
    card = write_card(METRICS, name="run", labels=["B-PER", "O", "``"], kind="NeuralTagger", splitter="words")
    assert yaml.safe_load(card.split("---\n")[1]) == {"library_name": "nlparch", "pipeline_tag": "token-classification"}
    assert "`B-PER`, `O`, `` `` ``" in card
    assert "2,000,000 parameters" in card
    assert "the splitter `words`" in card
    assert ["test", "F1", "0.6000", "0.7500", "80.0%"] in cells(card)


def test_a_card_says_what_the_logits_are_divided_by():
    told = write_card(METRICS | {"temperature": 1.2345}, name="run", labels=["O"], kind="TransformerTokenClassifier")
    assert "logits are divided by 1.234, fitted on dev" in told
    assert "calibrated" not in write_card(METRICS | {"temperature": 1.0}, name="run", labels=["O"], kind="NeuralTagger")
    assert "calibrated" not in write_card(METRICS, name="run", labels=["O"], kind="NeuralTagger")


def test_a_card_says_how_each_kind_of_model_is_loaded():
    small = write_card(METRICS, name="run", labels=["O"], kind="NeuralTagger")
    assert 'NeuralTagger.from_pretrained("run")' in small
    assert "nlp-inference tagger --model_dir run" in small
    large = write_card(METRICS, name="run", labels=["O"], kind="TransformerTokenClassifier")
    assert 'TransformerTokenClassifier.from_pretrained("run")' in large
    assert "nlp-inference transformer_token --model_dir run" in large
    assert "AutoModelForTokenClassification" in large


def test_the_report_needs_no_torch():
    code = "import sys, nlparch.report, nlparch.raw_text; print({'torch', 'transformers'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert result.stdout == "set()\n"
