"""Cells: written once, claimed by one process at a time."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cells import add_cell, claim, find_cell, provenance, read_cells

CELL = {"corpus": "news", "recipe": "tagger", "seed": 1, "defaults": 1}
KEY = ("news", "tagger", 1)


def test_a_finished_cell_is_refused_to_be_written_again(tmp_path):
    file = tmp_path / "cells.jsonl"
    add_cell(file, CELL)
    with pytest.raises(ValueError, match="not written again.*news"):
        add_cell(file, CELL)
    assert read_cells(file) == [CELL]


def test_a_cell_of_older_defaults_is_kept_and_counts_as_not_run(tmp_path):
    file = tmp_path / "cells.jsonl"
    add_cell(file, {"corpus": "news", "recipe": "tagger", "seed": 1})
    assert find_cell(file, KEY) is not None
    assert find_cell(file, KEY, since=2) is None
    add_cell(file, CELL | {"defaults": 2})
    assert find_cell(file, KEY, since=2) == CELL | {"defaults": 2}
    assert len(read_cells(file)) == 2


def test_what_is_claimed_is_not_claimed_again_until_it_is_free(tmp_path):
    file = tmp_path / "cells.jsonl"
    with claim(file, "a cell") as first:
        with claim(file, "a cell") as second, claim(file, "another") as other:
            assert first is not None
            assert second is None
            assert other is not None
    with claim(file, "a cell") as later:
        assert later is not None


def test_the_claim_of_a_killed_process_is_free(tmp_path):
    code = "import sys, time; from pathlib import Path; from cells import claim\n"
    code += "with claim(Path(sys.argv[1]), 'a cell'): print('claimed', flush=True); time.sleep(60)"
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2] / "benchmarks")}
    command = [sys.executable, "-c", code, str(tmp_path / "cells.jsonl")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout.readline() == "claimed\n"
        with claim(tmp_path / "cells.jsonl", "a cell") as lock:
            assert lock is None
        process.kill()
    with claim(tmp_path / "cells.jsonl", "a cell") as lock:
        assert lock is not None


def test_a_claim_lasts_as_long_as_a_child_that_inherited_it(tmp_path):
    file = tmp_path / "cells.jsonl"
    with claim(file, "a cell") as lock:
        child = subprocess.Popen(["sleep", "60"], pass_fds=[lock])
    with claim(file, "a cell") as lock:
        assert lock is None
    child.kill()
    child.wait()
    with claim(file, "a cell") as lock:
        assert lock is not None


def test_waiting_for_a_claim_gets_it(tmp_path):
    file = tmp_path / "cells.jsonl"
    with claim(file, "a cell") as lock:
        child = subprocess.Popen(["sleep", "0.5"], pass_fds=[lock])
    began = time.monotonic()
    with claim(file, "a cell", wait=True) as lock:
        assert lock is not None
    assert time.monotonic() - began < 30
    child.wait()


def test_provenance_names_commit_machine_and_versions():
    told = provenance()
    assert {"commit", "machine", "python", "versions"} == set(told)
    assert "torch" in told["versions"]
