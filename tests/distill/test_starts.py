from pathlib import Path

import numpy as np
import torch

from nlparch.distill.starts import SPREAD, fit_buckets, reduce_states
from nlparch.distill.teachers import teacher_word_states


class Reader:
    """A teacher that counts how often it reads."""

    device = torch.device("cpu")

    def __init__(self, scale: float = 1.0) -> None:
        self.config = type("Config", (), {"id2label": {0: "O"}})
        self.scale = scale
        self.n_reads = 0

    def word_states(self, words, *, precision, track=iter):
        self.n_reads += 1
        return np.array([[len(word), self.scale] for word in words], dtype=np.float32)

    def reads_as(self):
        return {}

    def state_dict(self):
        return {"scale": torch.tensor(self.scale)}


def test_states_are_scaled_together_and_keep_their_distances():
    states = np.random.default_rng(0).standard_normal((50, 8)).astype(np.float32) * [9, 1, 1, 1, 1, 1, 1, 1]
    vectors = reduce_states(states, width=8, seed=0)
    centred = states - states.mean(0)
    assert vectors.shape == (50, 8)
    assert np.isclose(vectors.std(), SPREAD, atol=1e-3)
    ratio = np.linalg.norm(vectors[0] - vectors[1]) / np.linalg.norm(vectors[2] - vectors[3])
    assert np.isclose(
        ratio, np.linalg.norm(centred[0] - centred[1]) / np.linalg.norm(centred[2] - centred[3]), rtol=1e-3
    )


def test_a_narrow_teacher_leaves_the_rest_to_chance_and_the_seed_decides_it():
    states = np.random.default_rng(1).standard_normal((20, 3))
    vectors = reduce_states(states, width=5, seed=7)
    assert vectors.shape == (20, 5)
    assert (vectors[:, 3:] != 0).all()
    assert np.array_equal(vectors, reduce_states(states, width=5, seed=7))
    assert not np.array_equal(vectors, reduce_states(states, width=5, seed=8))


def test_fewer_words_than_components_and_none_at_all_are_fine():
    assert reduce_states(np.ones((2, 6)), width=4, seed=0).shape == (2, 4)
    assert reduce_states(np.zeros((0, 6)), width=4, seed=0).shape == (0, 4)


def test_fitted_buckets_are_the_ridge_regression_of_the_words():
    random = np.random.default_rng(3)
    ids = random.integers(0, 9, (30, 2)) * 7
    vectors = random.standard_normal((30, 4))
    buckets, found = fit_buckets(ids, vectors)
    assert buckets.tolist() == sorted(set(ids.ravel().tolist()))
    sums = np.stack([(ids == bucket).sum(1) for bucket in buckets], 1)
    weights = np.diag(30 / np.arange(1, 31))
    expected = np.linalg.solve(sums.T @ weights @ sums + 0.1 * np.eye(len(buckets)), sums.T @ weights @ vectors)
    assert np.allclose(found, expected, atol=1e-2)


def test_frequent_words_come_nearest_to_their_vectors():
    random = np.random.default_rng(4)
    ids, vectors = random.integers(0, 300, (1000, 2)), random.standard_normal((1000, 8))
    buckets, found = fit_buckets(ids, vectors)
    sums = found[np.searchsorted(buckets, ids)].sum(1)
    errors = np.square(sums - vectors).mean(1)
    assert errors[:50].mean() < 0.1 < 0.4 < errors[500:].mean()


def test_single_words_are_read_once_for_each_teacher_and_vocabulary(tmp_path: Path):
    reader = Reader()
    first = teacher_word_states(reader, ["a", "bcd"], precision="fp32", cache_dir=tmp_path)
    again = teacher_word_states(reader, ["a", "bcd"], precision="fp32", cache_dir=tmp_path)
    assert reader.n_reads == 1
    assert np.array_equal(first, again)
    assert first.tolist() == [[1, 1], [3, 1]]
    teacher_word_states(reader, ["a", "bc"], precision="fp32", cache_dir=tmp_path)
    assert reader.n_reads == 2
    other = Reader(2.0)
    teacher_word_states(other, ["a", "bcd"], precision="fp32", cache_dir=tmp_path)
    assert other.n_reads == 1
