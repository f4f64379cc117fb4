import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nlparch.distill.calibration import fit_temperature, negative_log_likelihood


def draw(n: int, temperature: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits of a teacher that is right as often as its logits over `temperature` say."""
    random = np.random.default_rng(seed)
    logits = 3 * random.standard_normal((n, 5))
    noise = random.gumbel(size=logits.shape)
    return logits.astype(np.float32), (logits / temperature + noise).argmax(-1)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_is_found_by_which_a_teacher_is_as_sure_as_right(temperature: float) -> None:
    assert fit_temperature(*draw(20_000, temperature)) == pytest.approx(temperature, rel=0.05)


@given(st.integers(0, 1000), st.sampled_from([0.3, 1.0, 4.0]))
def test_no_other_temperature_is_better(seed: int, temperature: float) -> None:
    logits, labels = draw(40, temperature, seed)
    found = fit_temperature(logits, labels)
    best = negative_log_likelihood(logits, labels, temperature=found)
    for other in np.geomspace(0.05, 20, 60):
        assert negative_log_likelihood(logits, labels, temperature=other) >= best - 1e-4


def test_the_likelihood_is_that_of_the_labels() -> None:
    logits, labels = draw(30, 1.0)
    probabilities = np.exp(logits / 2) / np.exp(logits / 2).sum(-1, keepdims=True)
    expected = -np.mean([np.log(row[label]) for row, label in zip(probabilities, labels, strict=True)])
    assert negative_log_likelihood(logits, labels, temperature=2.0) == pytest.approx(expected, rel=1e-5)


def test_a_teacher_that_is_never_wrong_has_the_lowest_temperature() -> None:
    logits, _ = draw(50, 1.0)
    assert fit_temperature(logits, logits.argmax(-1)) == pytest.approx(0.05, rel=0.05)
