import contextlib
import copy
import itertools
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from nlparch.data.sentences import TextFile
from nlparch.distill.teachers import teacher_outputs, teacher_text_outputs, weights_digest
from nlparch.errors import UserError
from nlparch.models.tagger import NeuralTagger
from nlparch.models.transformer_token import TransformerTokenClassifier

SIZE = 24  # words a batch


class Fake:
    """A teacher whose outputs depend on what else is in the batch, as those of a real one in bf16 do."""

    device = torch.device("cpu")
    config = SimpleNamespace(id2label={0: "O", 1: "B-X", 2: "I-X"})

    def __init__(self) -> None:
        self.n_read = 0

    def encode_inputs(self, sentences: Sequence[Sequence[str]]) -> Any:
        return {"sentences": sentences}

    def encoded_logits(self, batch: Any, *, precision: str) -> torch.Tensor:
        self.n_read += 1
        total = sum(len(word) for words in batch["sentences"] for word in words)
        outputs = np.full((len(batch["sentences"]), 12, 3), 99.0)
        for row, words in enumerate(batch["sentences"]):
            outputs[row, : len(words)] = [[len(word), total, row / 7] for word in words]
        return torch.from_numpy(outputs)

    def reads_as(self) -> dict[str, Any]:
        return {}

    def state_dict(self) -> dict[str, torch.Tensor]:
        return {"weight": torch.ones(3)}


def corpus(n: int = 30) -> list[list[str]]:
    random = np.random.default_rng(0)
    return [["x" * int(size) for size in random.integers(1, 9, random.integers(0, 12))] for _ in range(n)]


class Cut(Exception):
    pass


def cut_at(stop: int) -> Callable[[Iterable[int]], Iterator[int]]:
    def track(numbers: Iterable[int]) -> Iterator[int]:
        for number in numbers:
            if number == stop:
                raise Cut
            yield number

    return track


def read(teacher: Any, cache: Path, sentences: Any = None, **options: Any) -> Any:
    options = {"precision": "fp32", "words_per_batch": SIZE} | options
    return teacher_outputs(teacher, corpus() if sentences is None else sentences, cache_dir=cache, **options)


def stores(cache: Path) -> set[str]:
    return {folder.name for folder in cache.iterdir()} if cache.exists() else set()


def test_each_sentence_gets_what_the_teacher_said_of_it(tmp_path: Path) -> None:
    outputs = read(Fake(), tmp_path)
    assert len(outputs) == 30
    for words, values in zip(corpus(), outputs, strict=True):
        assert values[:, 0].tolist() == [len(word) for word in words]


@pytest.mark.parametrize("commit_each", [True, False])
def test_a_pass_cut_off_at_any_batch_ends_with_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, commit_each: bool
) -> None:
    monkeypatch.setattr("nlparch.distill.teachers._SECONDS_BETWEEN_COMMITS", 0.0 if commit_each else 1e9)
    teacher = Fake()
    whole = np.array(read(teacher, tmp_path / "whole").logits)
    n_batches = teacher.n_read
    assert n_batches > 5
    for stop in range(n_batches):
        again = Fake()
        cache = tmp_path / str(stop)
        with pytest.raises(Cut):
            read(again, cache, track=cut_at(stop))
        found = read(again, cache).logits
        assert found.tobytes() == whole.tobytes()
        # The batch that was read last is written while the next one is read.
        assert again.n_read == n_batches + (min(stop, 1) if commit_each else stop)


def test_a_pass_cut_off_more_than_once_ends_with_the_same_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nlparch.distill.teachers._SECONDS_BETWEEN_COMMITS", 0.0)
    whole = np.array(read(Fake(), tmp_path / "whole").logits)
    for stop in (1, 3, 4):
        with contextlib.suppress(Cut):
            read(Fake(), tmp_path / "cut", track=cut_at(stop))
    assert read(Fake(), tmp_path / "cut").logits.tobytes() == whole.tobytes()


def test_a_process_whose_starter_is_gone_does_not_wait_for_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOCAL_RANK", "1")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    parents = itertools.chain([7, 7, 7], itertools.repeat(1))
    monkeypatch.setattr("os.getppid", lambda: next(parents))
    with pytest.raises(UserError, match="the process that started this one is gone; start them all again"):
        read(Fake(), tmp_path)


class Narrow(Fake):
    """One that has no room for more than three sentences."""

    room = 3

    def encoded_logits(self, batch: Any, *, precision: str) -> torch.Tensor:
        sentences = batch["sentences"]
        if len(sentences) > self.room:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return super().encoded_logits(batch, precision=precision)[:, : max(map(len, sentences))]


def test_what_a_gpu_has_no_room_for_is_read_in_parts(tmp_path: Path) -> None:
    teacher = Narrow()
    for words, values in zip(corpus(), read(teacher, tmp_path, words_per_batch=100), strict=True):
        assert values[:, 0].tolist() == [len(word) for word in words]
    teacher.room = 0
    with pytest.raises(UserError, match="no room for the teacher and one sentence or text; try --no_cuda"):
        read(teacher, tmp_path / "again", words_per_batch=100)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("kind", ["tagger", "transformer"])
@pytest.mark.parametrize("size", [SIZE, None])
def test_a_gpu_says_what_the_cpu_says(
    tmp_path: Path, rows: Any, new_tagger: Any, new_transformer: Any, kind: str, size: int | None
) -> None:
    teacher = new_transformer() if kind == "transformer" else new_tagger(use_crf=True)
    words = [words for words, _ in rows] * 40
    wanted = read(teacher, tmp_path / "cpu", words)
    found = read(teacher.to("cuda"), tmp_path / "gpu", words, words_per_batch=size)
    assert len(found) == len(wanted) == len(words)
    for ours, theirs in zip(found, wanted, strict=True):
        assert np.allclose(ours, theirs, atol=0.02, equal_nan=True)


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
@pytest.mark.parametrize("kind", ["tagger", "transformer"])
def test_outputs_of_a_resumed_pass_of_a_real_teacher_are_the_same_bytes(
    tmp_path: Path,
    rows: Any,
    new_tagger: Any,
    new_transformer: Any,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    precision: str,
) -> None:
    monkeypatch.setattr("nlparch.distill.teachers._SECONDS_BETWEEN_COMMITS", 0.0)
    teacher = new_transformer() if kind == "transformer" else new_tagger(use_crf=True)
    words = [words for words, _ in rows]
    whole = read(teacher, tmp_path / "whole", words, precision=precision)
    with pytest.raises(Cut):
        read(teacher, tmp_path / "cut", words, precision=precision, track=cut_at(2))
    assert read(teacher, tmp_path / "cut", words, precision=precision).logits.tobytes() == whole.logits.tobytes()
    assert np.isfinite(whole.logits).all()


def test_a_second_run_makes_no_teacher_pass_and_says_so(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    teacher = Fake()
    first = read(teacher, tmp_path)
    n_read = teacher.n_read
    with caplog.at_level("INFO", logger="nlparch"):
        again = read(teacher, tmp_path)
    assert teacher.n_read == n_read
    assert "all 30 rows reused, no teacher pass" in caplog.text
    assert again.logits.tobytes() == first.logits.tobytes() and isinstance(again.logits, np.memmap)


def test_the_key_covers_all_that_decides_the_outputs(tmp_path: Path, new_transformer: Any, new_tagger: Any) -> None:
    words = [["Ann", "Lee", "flew"], ["Oslo"]]
    teacher = new_transformer()

    def n_stores(teacher: Any = teacher, words: Any = words, **options: Any) -> int:
        read(teacher, tmp_path, words, **options)
        return len(stores(tmp_path))

    assert n_stores() == n_stores() == 1
    assert n_stores(words=[["Ann", "Lee"], ["flew", "Oslo"]]) == 2
    assert n_stores(precision="bf16") == 3
    assert n_stores(words_per_batch=2) == 4
    changed = copy.deepcopy(teacher)
    with torch.no_grad():
        changed.classifier.bias[0] += 1e-3
    assert n_stores(changed) == 5
    assert n_stores(new_transformer().read_with(teacher.tokenizer, max_length=8)) == 6
    other = copy.deepcopy(teacher.tokenizer)
    other.backend_tokenizer.normalizer = type(other.backend_tokenizer.normalizer)(lowercase=True)
    assert n_stores(new_transformer().read_with(other)) == 7
    order = new_transformer()
    order.config.id2label = dict(enumerate(reversed(list(order.config.id2label.values()))))
    assert n_stores(order) == 8
    assert n_stores(new_tagger()) == 9
    assert n_stores(new_tagger(use_crf=True)) == 10
    # And nothing else.
    teacher.save_pretrained(tmp_path.parent / "saved")
    assert n_stores(TransformerTokenClassifier.from_pretrained(tmp_path.parent / "saved")) == 10
    new_tagger().save_pretrained(tmp_path.parent / "small")
    assert n_stores(NeuralTagger.from_pretrained(tmp_path.parent / "small")) == 10
    teacher.tokenizer(["Ann"], padding="max_length", max_length=9, truncation=True)
    teacher.distillation = None
    assert n_stores(teacher.train()) == 10


def test_a_model_s_number_of_heads_is_part_of_the_key(tmp_path: Path, new_transformer: Any) -> None:
    """Two checkpoints of equal weights are two teachers where their configurations differ."""
    for n_heads in (1, 2):
        read(new_transformer(num_attention_heads=n_heads), tmp_path, [["Ann"]])
    assert len(stores(tmp_path)) == 2


def test_digests_of_weights_see_names_types_shapes_and_values() -> None:
    base = {"a": torch.arange(4.0), "b": torch.zeros(2)}
    others: list[dict[str, torch.Tensor]] = [
        {"c": base["a"], "b": base["b"]},
        {"a": base["a"].half(), "b": base["b"]},
        {"a": base["a"].view(2, 2), "b": base["b"]},
        {"a": base["a"] + torch.tensor([0, 0, 0, 1e-6]), "b": base["b"]},
        {"a": base["a"]},
    ]
    assert len({weights_digest(weights) for weights in [base, *others]}) == 6
    assert weights_digest({"b": base["b"], "a": base["a"].clone()}) == weights_digest(base)
    assert weights_digest({"a": torch.tensor(3)}) != weights_digest({"a": torch.tensor(4)}), "scalars have a value too"


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("kind", ["tagger", "transformer"])
def test_a_teacher_reads_in_eval_mode_without_gradients_and_is_put_back(
    tmp_path: Path, new_transformer: Any, new_tagger: Any, kind: str, training: bool
) -> None:
    teacher = new_transformer() if kind == "transformer" else new_tagger(word_dropout=0.5)
    calm = read(teacher, tmp_path / "calm", [["Ann", "Lee", "flew"]]).logits
    seen = []
    teacher.train(training)
    for module in teacher.modules():
        module.register_forward_pre_hook(
            lambda module, _: seen.append((module.training, torch.is_inference_mode_enabled()))
        )
    found = read(teacher, tmp_path / "found", [["Ann", "Lee", "flew"]]).logits
    assert set(seen) == {(False, True)}
    assert all(module.training is training for module in teacher.modules())
    assert found.tobytes() == calm.tobytes()
    assert all(parameter.grad is None and parameter.requires_grad for parameter in teacher.parameters())


# In processes of their own

SCRIPT = """
import sys, time
sys.path.insert(0, {here!r})
import test_teachers
import nlparch.distill.teachers
nlparch.distill.teachers._SECONDS_BETWEEN_COMMITS = 0.0

class Slow(test_teachers.Fake):
    def encoded_logits(self, batch, *, precision):
        time.sleep(0.05)
        return super().encoded_logits(batch, precision=precision)

def say(numbers):
    for number in numbers:
        print(number, flush=True)
        yield number

print("ready", flush=True)
sys.stdin.readline()
teacher = Slow()
test_teachers.read(teacher, {cache!r}, track=say)
print("done", teacher.n_read, flush=True)
"""


def start(cache: Path, rank: int = 0, n_processes: int = 1) -> "subprocess.Popen[str]":
    """A process that makes a pass once it is told to: alone, or one of those that torchrun started."""
    code = SCRIPT.format(here=str(Path(__file__).parent), cache=cache).replace("PosixPath", "test_teachers.Path")
    environment = os.environ | {"LOCAL_RANK": str(rank), "LOCAL_WORLD_SIZE": str(n_processes)}
    pipes: Any = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    return subprocess.Popen([sys.executable, "-c", code], env=environment, text=True, **pipes)


def go(process: "subprocess.Popen[str]") -> None:
    assert process.stdin is not None
    process.stdin.write("\n")
    process.stdin.flush()


def test_passes_killed_and_at_once_end_with_the_same_bytes(tmp_path: Path) -> None:
    """One process is killed in its pass; then two want the rest of it, and the one that comes later reuses it."""
    teacher = Fake()
    whole = np.array(read(teacher, tmp_path / "whole").logits)
    cache = tmp_path / "shared"
    killed, one, other = (start(cache) for _ in range(3))
    for process in (killed, one, other):
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    go(killed)
    while killed.stdout is not None and killed.stdout.readline() != "3\n":
        pass
    killed.kill()
    killed.communicate()
    for process in (one, other):
        go(process)
    said = [process.communicate()[0].split() for process in (one, other)]
    assert [words[-2] for words in said] == ["done", "done"]
    numbers = [int(words[-1]) for words in said]
    assert min(numbers) == 0 and max(numbers) <= teacher.n_read - 2
    (folder,) = (folder for folder in cache.iterdir())
    assert (folder / "done").read_bytes() == b"\1" * teacher.n_read
    assert read(Fake(), cache).logits.tobytes() == whole.tobytes()


@pytest.mark.parametrize("killed", [0, 1])
def test_two_processes_share_a_pass_that_goes_on_whichever_was_killed(tmp_path: Path, killed: int) -> None:
    teacher = Fake()
    whole = np.array(read(teacher, tmp_path / "whole").logits)
    cache = tmp_path / "shared"
    first, second = ([start(cache, rank, 2) for rank in (0, 1)] for _ in range(2))
    for process in (*first, *second):
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    for process in first:
        go(process)
    stdout = first[killed].stdout
    assert stdout is not None
    n_before = [int(stdout.readline()) for _ in range(3)]
    assert all(number % 2 == killed for number in n_before)
    first[killed].kill()
    first[1 - killed].kill()  # as torchrun does with the others
    for process in first:
        process.communicate()
    for process in second:
        go(process)
    said = [process.communicate()[0].split() for process in second]
    assert [words[-2] for words in said] == ["done", "done"]
    assert sum(int(words[-1]) for words in said) < teacher.n_read
    assert all(int(number) % 2 == rank for rank, words in enumerate(said) for number in words[:-2])
    assert read(Fake(), cache).logits.tobytes() == whole.tobytes()


@pytest.mark.parametrize("value", [float("inf"), float("nan")])
def test_outputs_that_are_no_numbers_are_refused(tmp_path: Path, new_transformer: Any, value: float) -> None:
    teacher = new_transformer()
    with torch.no_grad():
        teacher.classifier.bias[0] = value
    with pytest.raises(UserError, match=r"fp32 is too narrow for them, .* fp32 \(--precision or --teacher_precision\)"):
        read(teacher, tmp_path, [["Ann", "Lee"]])
    with pytest.raises(UserError, match="must be finite"):
        teacher.word_logits([["Ann", "Lee"]])


TEXTS = ["Ann Lee flew to Oslo .", "", ("Who is", "Bo ?"), "In Lima ,\nit rained .", ("", ""), "Bern", "x\x1fy"] * 4


def test_a_text_has_one_row_of_outputs_in_its_place(new_text_transformer: Any, decided: Any, tmp_path: Path) -> None:
    teacher = decided(new_text_transformer())
    for texts in (TEXTS, TextFile.write(TEXTS)):
        outputs = teacher_text_outputs(teacher, texts, precision="fp32", cache_dir=tmp_path, words_per_batch=12)
        assert len(outputs) == len(TEXTS) and outputs[3].shape == (1, 3) and not outputs.n_words_without()
        found = np.concatenate([outputs[row] for row in range(len(outputs))])
        assert found == pytest.approx(teacher.text_logits(TEXTS), abs=2e-2)
    assert len(stores(tmp_path)) == 1
    for other in (TEXTS[:-1], [*TEXTS[:-1], "x\ny"], [*TEXTS[:-1], ("x", "y")]):
        teacher_text_outputs(teacher, other, precision="fp32", cache_dir=tmp_path)
    assert len(stores(tmp_path)) == 4, "other texts, another store"


def test_a_pass_over_texts_that_was_cut_off_goes_on(
    new_text_transformer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nlparch.distill.teachers._SECONDS_BETWEEN_COMMITS", 0.0)
    teacher, numbers = new_text_transformer(), []

    def follow(missing: Iterable[int]) -> Iterator[int]:
        for number in missing:
            numbers.append(number)
            yield number

    options: dict[str, Any] = {"precision": "bf16", "words_per_batch": 12}
    whole = teacher_text_outputs(teacher, TEXTS, cache_dir=tmp_path / "whole", **options)
    with pytest.raises(Cut):
        teacher_text_outputs(teacher, TEXTS, cache_dir=tmp_path / "cut", track=cut_at(3), **options)
    again = teacher_text_outputs(teacher, TEXTS, cache_dir=tmp_path / "cut", track=follow, **options)
    assert again.logits.tobytes() == whole.logits.tobytes() and numbers[0] == 2
