"""What `benchmarks/tagging.py` runs: parts of the page, and the search for defaults."""

import json

import pytest
import tagging
from cells import read_cells
from tagging import Options, keys, log_run, log_search


@pytest.fixture
def search(tmp_path, monkeypatch):
    monkeypatch.setattr(tagging, "SEARCH", tmp_path / "search.jsonl")
    monkeypatch.setattr(tagging, "SEARCH_RUNS", 2)
    return tagging.SEARCH


RUN = {
    "command": "nlp-train tagger --seed 3",
    "dev": {"f1": 0.5, "per_type": {}},
    "test": {"f1": 0.4},
    "n_parameters": 7,
}


def test_the_search_logs_dev_and_not_test(search):
    log_search(RUN, "btc", "tagger", 3)
    (line,) = read_cells(search)
    assert (line["corpus"], line["variant"], line["seed"], line["dev"]) == ("btc", "tagger", 3, {"f1": 0.5})
    assert "test" not in line


def test_the_search_ends_after_its_runs(search):
    for seed in (1, 2):
        log_search(RUN, "btc", "tagger", seed)
    with pytest.raises(SystemExit, match="has had its 2 runs"):
        log_search(RUN, "btc", "tagger", 3)


def test_a_variant_is_run_with_its_test_unread_and_once(search, monkeypatch, tmp_path):
    asked = []

    def run_student(self, key, folder, *flags, lock):
        asked.append((key, flags))
        return RUN

    monkeypatch.setattr(tagging.Harness, "run_student", run_student)
    for _ in range(2):
        tagging.run_search(Options(only=("btc",), recipes=("tagger",), seeds=2, work=tmp_path))
    assert asked == [(("btc", "tagger", seed), ("--test_filename", "")) for seed in (1, 2)]


def test_a_run_made_by_hand_is_logged_under_its_name(search, tmp_path):
    folder = tmp_path / "btc-narrow-5"
    folder.mkdir()
    (folder / "options.yaml").write_text("data_dir: /data/tagging/btc\nseed: 5\n")
    (folder / "metrics.json").write_text(json.dumps({"procedure": "tagger", "dev": {"f1": 0.5}}))
    log_run(folder)
    (line,) = read_cells(search)
    assert (line["corpus"], line["variant"], line["seed"]) == ("btc", "narrow", 5)


def test_parts_have_their_corpora_recipes_and_seeds():
    ablations = list(keys(Options(seeds=2), "ablations"))
    assert {corpus for corpus, _, _ in ablations} == {"btc", "uner_ewt"}
    assert {seed for _, _, seed in ablations} == {1, 2}
    assert {corpus for corpus, _, _ in keys(Options(), "little_gold")} == {"btc-300"}
    table = list(keys(Options(only=("snips,btc",), first_seed=3, seeds=1), "table"))
    assert {corpus for corpus, _, _ in table} == {"snips", "btc"}
    assert ("btc", "crf", 0) in table and ("btc", "tagger_kd", 3) in table
    # There is no raw text like the requests of snips.
    assert not any("pseudo" in recipe for corpus, recipe, _ in table if corpus == "snips")
    assert list(keys(Options(only=("btc",), recipes=("crf",)), "table")) == [("btc", "crf", 0)]
