import resource
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlparch.distill.cache import (
    JoinedOutputs,
    OutputStore,
    StoreWriter,
    TeacherOutputs,
    default_cache_dir,
    plan_batches,
    store_key,
    words_digest,
)
from nlparch.errors import UserError

lengths_of_corpora = st.lists(st.integers(0, 9), min_size=1, max_size=12).filter(any)


def outputs_for(lengths: list[int], n_labels: int = 3) -> list[np.ndarray]:
    random = np.random.default_rng(sum(lengths))
    return [random.normal(size=(length, n_labels)).astype(np.float32) for length in lengths]


def fill(store: OutputStore, lengths: list[int], value: float, n_labels: int = 3) -> None:
    with StoreWriter(store) as writer:
        for number in range(store.n_batches):
            longest = max(lengths[index] for index in store.batch(number))
            writer.write(number, np.full((len(store.batch(number)), longest, n_labels), value))
        writer.commit()


def padded(outputs: list[np.ndarray]) -> np.ndarray:
    batch = np.full((len(outputs), max(map(len, outputs)) + 1, 3), 7.0, dtype=np.float32)
    for row, values in enumerate(outputs):
        batch[row, : len(values)] = values
    return batch


def open_store(folder: Path, lengths: list[int], words_per_batch: int = 8) -> OutputStore:
    return OutputStore(folder, lengths=np.array(lengths), n_labels=3, words_per_batch=words_per_batch)


@given(lengths_of_corpora, st.integers(1, 20))
def test_batches_hold_each_sentence_once_longest_first_and_keep_their_size(lengths: list[int], size: int) -> None:
    order, ends = plan_batches(np.array(lengths), words_per_batch=size)
    assert sorted(order) == [index for index, length in enumerate(lengths) if length]
    batches = [batch.tolist() for batch in np.split(order, ends)[:-1]]
    assert sum(batches, []) == order.tolist() and all(batches)
    assert [lengths[index] for index in order] == sorted(filter(None, lengths), reverse=True)
    for batch, after in zip(batches, [*batches[1:], None], strict=True):
        n_words = len(batch) * lengths[batch[0]]
        assert n_words <= size or len(batch) == 1
        assert after is None or n_words + lengths[batch[0]] > size, "one sentence more would have fitted"


@settings(max_examples=25)
@given(lengths_of_corpora, st.data())
def test_a_pass_cut_off_anywhere_goes_on_where_it_was_safe(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], data: st.DataObject
) -> None:
    folder = tmp_path_factory.mktemp("store")
    wanted = outputs_for(lengths)
    n_passes = 0
    while not (store := open_store(folder, lengths)).complete:
        n_passes += 1
        numbers = data.draw(st.permutations(store.missing().tolist()))
        stop = data.draw(st.integers(0, len(numbers))) if n_passes < 4 else len(numbers)
        with StoreWriter(store) as writer:
            for number in numbers[:stop]:
                writer.write(number, padded([wanted[index] for index in store.batch(number)]))
                if stop == len(numbers) or data.draw(st.booleans()):
                    writer.commit()
            if len(store.missing()):
                # What is written and not committed is worth nothing: a kill may have torn it.
                number = int(store.missing()[0])
                writer.write(number, padded([wanted[index] * 0 + 99 for index in store.batch(number)]))
    found = open_store(folder, lengths).read()
    assert len(found) == len(lengths)
    for index, values in enumerate(wanted):
        assert np.array_equal(found[index], values.astype(np.float16))


def test_a_store_takes_two_bytes_a_label_and_word_and_at_most_eight_a_word_beside(tmp_path: Path) -> None:
    lengths = [5] * 400 + [0] * 10
    store = OutputStore(tmp_path, lengths=np.array(lengths), n_labels=7, words_per_batch=100)
    fill(store, lengths, 0.0, n_labels=7)
    n_bytes = sum(file.stat().st_size for file in tmp_path.iterdir())
    assert n_bytes <= sum(lengths) * (2 * 7 + 8)
    assert isinstance(store.read().logits, np.memmap) and not store.read().logits.flags.writeable


def test_words_the_teacher_never_saw_are_counted(tmp_path: Path) -> None:
    store = open_store(tmp_path, [2, 3])
    fill(store, [2, 3], 0.5)
    with StoreWriter(store) as writer:  # the longer sentence comes first
        writer.write(0, padded([np.array([[1.0] * 3, [1.0] * 3, [np.nan] * 3]), np.array([[1.0] * 3, [np.nan] * 3])]))
    found = store.read()
    assert found.n_words_without() == 2
    assert TeacherOutputs(np.array(found.logits), found.begins, found.n_rows).n_words_without() == 2


def test_a_store_whose_making_was_cut_off_is_made_anew(tmp_path: Path) -> None:
    open_store(tmp_path, [3, 4])
    (tmp_path / "done").unlink()
    (tmp_path / "plan.npy").write_bytes(b"torn")
    (tmp_path / "done.123.tmp").write_bytes(b"torn")
    store = open_store(tmp_path, [3, 4])
    assert store.missing().tolist() == [0] and store.n_batches == 1


def test_two_writers_share_a_store(tmp_path: Path) -> None:
    lengths = [8, 8, 8, 8]
    wanted = outputs_for(lengths)
    stores = [open_store(tmp_path, lengths) for _ in range(2)]
    with StoreWriter(stores[0]) as one, StoreWriter(stores[1]) as other:
        for number, writer in enumerate([one, other, other, one]):
            writer.write(number, padded([wanted[index] for index in stores[0].batch(number)]))
        assert stores[1].missing().tolist() == [0, 1, 2, 3]
        other.commit()
        assert stores[0].missing().tolist() == [0, 3]
        one.commit()
    assert stores[1].complete
    for values, found in zip(wanted, stores[0].read(), strict=True):
        assert np.array_equal(found, values.astype(np.float16))


def test_a_full_disk_is_told_in_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = open_store(tmp_path, [3])

    def pwrite(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.pwrite", pwrite)
    with pytest.raises(UserError, match=r"cannot be written \(No space left on device\); make room"):
        fill(store, [3], 0.0)


def test_a_disk_too_full_to_begin_is_told_likewise(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def save(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("numpy.save", save)
    with pytest.raises(UserError, match=r"cannot be written \(No space left on device\); make room"):
        open_store(tmp_path, [3])


def test_outputs_beyond_the_stored_format_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="below 65,504"):
        fill(open_store(tmp_path, [3]), [3], 70_000.0)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="resident memory is read from /proc")
def test_what_was_read_of_a_store_is_not_kept_in_memory(tmp_path: Path) -> None:
    def resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

    lengths = [1000] * 2000
    store = OutputStore(tmp_path, lengths=np.array(lengths), n_labels=16, words_per_batch=100_000)
    fill(store, lengths, 1.0, n_labels=16)
    outputs, before = store.read(), resident()
    assert sum(int(outputs[index].sum()) for index in range(2000)) == 32_000_000
    assert outputs.n_words_without() == 0 and resident() - before < 32_000_000, "the store has 64 MB"


@given(lengths_of_corpora, st.integers(1, 20), st.integers(1, 5))
def test_rows_stand_in_the_order_in_which_they_are_read(
    tmp_path_factory: pytest.TempPathFactory, lengths: list[int], size: int, together: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nlparch.distill.cache.SENTENCES_SORTED_TOGETHER", together)
        store = open_store(tmp_path_factory.mktemp("store"), lengths, size)
    end = 0
    for number in range(store.n_batches):
        first, n_rows = store.place(number)
        assert first == end and n_rows.tolist() == [lengths[index] for index in store.batch(number)]
        end += int(n_rows.sum())
    assert end == sum(lengths)


def test_sentences_are_planned_part_by_part_each_by_length(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that what is read together lies together on the disk."""
    monkeypatch.setattr("nlparch.distill.cache.SENTENCES_SORTED_TOGETHER", 4)
    order, ends = plan_batches(np.array([1, 3, 0, 2, 1, 2, 4, 0, 1]), words_per_batch=100)
    assert order.tolist() == [1, 3, 0, 6, 5, 4, 8] and ends.tolist() == [3, 6, 7]


def test_digests_tell_words_and_sentences_apart() -> None:
    corpora: list[list[list[str]]] = [
        [["a", "b"]], [["b", "a"]], [["a"], ["b"]], [["ab"]], [["a b"]], [["a", "b"], []], [[], ["a", "b"]], [[]], [],
        [["a\x1fb"]], [["a\x1b2b"]], [["a\x1eb"]], [["a\x1e", "b"]], [["a", "\x1eb"]], [["\ud800"]], [["A", "b"]],
    ]  # fmt: skip
    assert len({words_digest(corpus) for corpus in corpora}) == len(corpora)
    assert words_digest([["a", "b"]]) == words_digest([("a", "b")])


def test_keys_do_not_depend_on_the_order_of_their_parts() -> None:
    assert (
        store_key(a=1, b={"x": 1, "y": 2}) == store_key(b={"y": 2, "x": 1}, a=1) != store_key(a=1, b={"x": 2, "y": 1})
    )


def test_the_cache_is_in_the_user_s_cache_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_cache_dir() == tmp_path / "nlparch"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert default_cache_dir() == tmp_path / "home" / ".cache" / "nlparch"


def test_joined_outputs_are_those_of_each_corpus_in_turn() -> None:
    parts = [
        TeacherOutputs(np.full((n, 2), number, np.float16), np.array(begins, dtype=int), np.array(n_rows))
        for number, (n, begins, n_rows) in enumerate([(3, [0, 1], [1, 2]), (0, [], []), (2, [0], [2])])
    ]
    parts[2].logits[0] = np.nan
    joined = JoinedOutputs(*parts)
    assert len(joined) == 3 and joined.n_words_without() == 1
    assert [joined[index].shape for index in range(3)] == [(1, 2), (2, 2), (2, 2)]
    assert joined[1].tolist() == [[0, 0], [0, 0]] and joined[2][1].tolist() == [2, 2]
