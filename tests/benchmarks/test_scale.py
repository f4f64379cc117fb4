"""What raw text costs, and a teacher's pass."""

import json

import pytest
import scale
import teacher_pass


@pytest.fixture
def results(tmp_path, monkeypatch):
    """Where both scripts write, in place of the repository's lines."""
    file = tmp_path / "results.jsonl"
    monkeypatch.setattr(scale, "RESULTS", file)
    monkeypatch.setattr(teacher_pass, "RESULTS", file)
    return file


def test_generated_sentences_are_read_and_counted(tmp_path, results, capsys):
    scale.main(scale.Options(sentences=300, folder=str(tmp_path)))
    line = json.loads(results.read_text())
    # One in a hundred of them occurs twice and is read once; the corpus's own are read as well.
    assert line["sentences"] > 297 and line["words"] > 297 * 3
    assert line["peak_gigabytes"] > 0.1 and line["seconds"] > 0
    assert 2 * line["labels"] < line["stored_bytes_per_word"] <= 2 * line["labels"] + 8
    assert "3 repeated texts dropped" in capsys.readouterr().out


def test_the_pass_is_measured_beside_the_bare_model(tmp_path, results):
    raw = tmp_path / "raw.txt"
    raw.write_text("".join(f"the {number} old men of Bergen sail\n" for number in range(64)))
    teacher_pass.main(teacher_pass.Options(raw=str(raw), rounds=1, cuda=False, precision="fp32"))
    line = json.loads(results.read_text())
    assert (line["sentences"], line["words"]) == (64, 64 * 7)
    assert line["ratio"] == pytest.approx(line["pass_words_per_second"] / line["bare_words_per_second"])
