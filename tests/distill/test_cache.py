import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nlparch.distill.cache import OutputStore, default_cache_dir, plan_batches, store_key, words_digest

lengths_of_corpora = st.lists(st.integers(0, 9), min_size=1, max_size=12).filter(any)


def outputs_for(lengths: list[int], n_labels: int = 3) -> list[np.ndarray]:
    random = np.random.default_rng(sum(lengths))
    return [random.normal(size=(length, n_labels)).astype(np.float32) for length in lengths]


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
        logits = store.open()
        stop = data.draw(st.integers(store.n_done, store.n_batches)) if n_passes < 4 else store.n_batches
        for number in range(store.n_done, stop):
            store.write(logits, number, [wanted[index] for index in store.batch(number)])
            if stop == store.n_batches or data.draw(st.booleans()):
                store.commit(logits, number + 1)
        if stop < store.n_batches:
            # What is written and not committed is worth nothing: a kill may have torn it.
            first = store.batch(store.n_done)[0]
            start = sum(lengths[:first])
            logits[start : start + 1] = 99
    found = open_store(folder, lengths).read()
    assert len(found) == len(lengths)
    for index, values in enumerate(wanted):
        assert np.array_equal(found[index], values.astype(np.float16))


def test_a_store_takes_two_bytes_a_label_and_word_and_at_most_eight_a_word_beside(tmp_path: Path) -> None:
    lengths = [5] * 400 + [0] * 10
    store = OutputStore(tmp_path, lengths=np.array(lengths), n_labels=7, words_per_batch=100)
    store.commit(store.open(), store.n_batches)
    n_bytes = sum(file.stat().st_size for file in tmp_path.iterdir())
    assert n_bytes <= sum(lengths) * (2 * 7 + 8)
    assert isinstance(store.read().logits, np.memmap) and not store.read().logits.flags.writeable


def test_words_the_teacher_never_saw_are_counted(tmp_path: Path) -> None:
    store = open_store(tmp_path, [2, 3])
    logits = store.open()
    logits[:] = 0.5
    logits[[1, 4]] = np.nan
    store.commit(logits, store.n_batches)
    assert store.read().n_words_without() == 2


def test_a_store_whose_making_was_cut_off_is_made_anew(tmp_path: Path) -> None:
    open_store(tmp_path, [3, 4])
    (tmp_path / "progress.json").unlink()
    (tmp_path / "plan.npy").write_bytes(b"torn")
    (tmp_path / "progress.123.tmp").write_text('{"batches"')
    store = open_store(tmp_path, [3, 4])
    assert (store.n_done, store.n_batches) == (0, 1)


def test_progress_says_how_far_a_pass_is(tmp_path: Path) -> None:
    store = open_store(tmp_path, [8, 8, 8])
    store.commit(store.open(), 2)
    assert json.loads((tmp_path / "progress.json").read_text()) == {"batches": 2, "of": 3}


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
