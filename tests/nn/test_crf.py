import itertools
import math

import numpy as np
import pytest
import torch
import torchcrf
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from nlparch.data.labels import LabelSet, LegalMoves
from nlparch.nn.crf import LinearChainCRF, best_legal_path

SEEDS = st.integers(0, 10_000)
IOB2 = LabelSet.from_tags(["O", "B-A", "I-A", "B-B", "I-B"])


def random_case(seed: int) -> tuple[LinearChainCRF, Tensor, Tensor, list[int]]:
    """A CRF with random legal moves, emissions (batch, words, labels), a right-padding mask, and lengths from 0."""
    generator = torch.Generator().manual_seed(seed)
    draw = np.random.default_rng(seed)
    n_labels, n_words, batch = draw.integers(1, 4), draw.integers(1, 5), draw.integers(1, 4)
    # Label 0 may stand anywhere, so that some path is always legal.
    legal = LegalMoves(
        start=draw.random(n_labels) < 0.6,
        moves=draw.random((n_labels, n_labels)) < 0.6,
        end=draw.random(n_labels) < 0.6,
    )
    legal.start[0] = legal.moves[0, 0] = legal.end[0] = True
    crf = LinearChainCRF(n_labels=int(n_labels), legal=legal).double()
    for parameter in crf.parameters():
        torch.nn.init.normal_(parameter, generator=generator)
    lengths = draw.integers(0, n_words + 1, size=batch).tolist()
    emissions = 2 * torch.randn(batch, n_words, n_labels, generator=generator, dtype=torch.float64)
    mask = torch.arange(n_words) < torch.tensor(lengths).unsqueeze(1)
    return crf, emissions, mask, lengths


@torch.no_grad()
def all_paths(crf: LinearChainCRF, emissions: Tensor, legal_only: bool) -> dict[tuple[int, ...], float]:
    """Every path over one sentence without padding, and its score."""
    n_words, n_labels = emissions.shape
    scores = {}
    for path in itertools.product(range(n_labels), repeat=n_words):
        moves = list(itertools.pairwise(path))
        legal = crf.legal.start[path[0]] and crf.legal.end[path[-1]] and all(crf.legal.moves[move] for move in moves)
        if legal or not legal_only:
            score = float(crf.start[path[0]] + crf.end[path[-1]] + sum(crf.transitions[move] for move in moves))
            scores[path] = score + sum(float(emissions[word, label]) for word, label in enumerate(path))
    return scores


def log_sum(scores: list[float]) -> float:
    return math.log(sum(math.exp(score) for score in scores))


@settings(deadline=None, max_examples=60)
@given(SEEDS)
def test_likelihood_sums_over_all_paths_that_agree_with_the_known_labels(seed):
    crf, emissions, mask, lengths = random_case(seed)
    labels = torch.randint(0, emissions.shape[2], mask.shape, generator=torch.Generator().manual_seed(seed))
    unknown = torch.rand(mask.shape, generator=torch.Generator().manual_seed(seed)) < 0.4
    labels = labels.masked_fill(unknown, -100)
    losses = crf.negative_log_likelihood(emissions, labels, mask)
    for row, length in enumerate(lengths):
        if length == 0:
            assert losses[row].item() == 0
            continue
        known = labels[row, :length].tolist()
        paths = all_paths(crf, emissions[row, :length], legal_only=False)
        agreeing = [
            score
            for path, score in paths.items()
            if all(want in (-100, label) for want, label in zip(known, path, strict=True))
        ]
        assert losses[row].item() == pytest.approx(log_sum(list(paths.values())) - log_sum(agreeing), abs=1e-9)


@settings(deadline=None, max_examples=60)
@given(SEEDS)
def test_decode_finds_the_best_legal_path(seed):
    crf, emissions, mask, lengths = random_case(seed)
    decoded = crf.decode(emissions, mask)
    assert (decoded[~mask] == -100).all()
    for row, length in enumerate(lengths):
        if length:
            paths = all_paths(crf, emissions[row, :length], legal_only=True)
            assert tuple(decoded[row, :length].tolist()) == max(paths, key=paths.__getitem__)


@settings(deadline=None, max_examples=60)
@given(SEEDS)
def test_marginals_are_sums_over_legal_paths(seed):
    crf, emissions, mask, lengths = random_case(seed)
    marginals = crf.marginals(emissions, mask)
    assert marginals.isfinite().all()
    for row, length in enumerate(lengths):
        if length == 0:
            continue
        paths = all_paths(crf, emissions[row, :length], legal_only=True)
        total = log_sum(list(paths.values()))
        expected = torch.zeros(length, emissions.shape[2], dtype=torch.float64)
        for path, score in paths.items():
            for word, label in enumerate(path):
                expected[word, label] += math.exp(score - total)
        assert torch.allclose(marginals[row, :length].exp(), expected, atol=1e-8)


@settings(deadline=None, max_examples=40)
@given(SEEDS)
def test_likelihood_gradient_and_decoding_match_pytorch_crf(seed):
    crf, emissions, mask, _ = random_case(seed)
    crf.legal = None
    mask[:, 0] = True  # pytorch-crf refuses empty rows
    other = torchcrf.CRF(emissions.shape[2], batch_first=True).double()
    other.load_state_dict({"start_transitions": crf.start, "transitions": crf.transitions, "end_transitions": crf.end})
    labels = torch.randint(0, emissions.shape[2], mask.shape, generator=torch.Generator().manual_seed(seed))
    mine, theirs = emissions.clone().requires_grad_(), emissions.clone().requires_grad_()
    losses = crf.negative_log_likelihood(mine, labels.masked_fill(~mask, -100), mask)
    expected = -other(theirs, labels, mask, reduction="none")
    assert torch.allclose(losses, expected)
    ours = torch.autograd.grad(losses.sum(), [mine, crf.start, crf.transitions, crf.end])
    others = [theirs, other.start_transitions, other.transitions, other.end_transitions]
    # Theirs has no gradient for transitions where all sentences have one word.
    reference = torch.autograd.grad(expected.sum(), others, materialize_grads=True)
    assert all(torch.allclose(a, b) for a, b in zip(ours, reference, strict=True))
    decoded = [row[row != -100].tolist() for row in crf.decode(emissions, mask)]
    assert decoded == other.decode(emissions, mask)


@settings(deadline=None, max_examples=40)
@given(SEEDS)
def test_padding_changes_nothing_whatever_it_holds(seed):
    crf, emissions, mask, lengths = random_case(seed)
    labels = torch.zeros(mask.shape, dtype=torch.long)
    spoilt = emissions.masked_fill(~mask.unsqueeze(-1), math.nan).requires_grad_()
    losses = crf.negative_log_likelihood(spoilt, labels.masked_fill(~mask, 7), mask)
    losses.sum().backward()
    assert (spoilt.grad[~mask] == 0).all()
    assert all(parameter.grad.isfinite().all() for parameter in crf.parameters())
    decoded, marginals = crf.decode(spoilt, mask), crf.marginals(spoilt, mask)
    assert marginals.isfinite().all()
    for row, length in enumerate(lengths):
        if length:
            alone, whole = emissions[row : row + 1, :length], mask[row : row + 1, :length]
            assert torch.allclose(
                crf.negative_log_likelihood(alone, labels[row : row + 1, :length], whole), losses[row]
            )
            assert torch.equal(crf.decode(alone, whole)[0], decoded[row, :length])
            assert torch.allclose(crf.marginals(alone, whole)[0], marginals[row, :length])


def test_rows_of_pure_padding_have_zero_loss_and_no_labels():
    crf = LinearChainCRF(n_labels=5, legal=IOB2.legal())
    emissions = torch.randn(2, 3, 5, requires_grad=True)
    mask = torch.zeros(2, 3, dtype=torch.bool)
    loss = crf.negative_log_likelihood(emissions, torch.full((2, 3), -100), mask)
    loss.sum().backward()
    assert (loss == 0).all()
    assert (emissions.grad == 0).all()
    assert (crf.decode(emissions, mask) == -100).all()


def test_sentences_of_one_word_leave_no_parameter_without_a_gradient():
    crf = LinearChainCRF(n_labels=3)
    mask = torch.ones(2, 1, dtype=torch.bool)
    crf.negative_log_likelihood(torch.randn(2, 1, 3), torch.tensor([[1], [2]]), mask).sum().backward()
    assert (crf.transitions.grad == 0).all()
    assert (crf.start.grad != 0).all()


def test_rows_without_any_label_have_zero_loss_and_no_gradient():
    crf = LinearChainCRF(n_labels=5, legal=None)
    emissions = torch.randn(2, 3, 5, requires_grad=True)
    loss = crf.negative_log_likelihood(emissions, torch.full((2, 3), -100), torch.ones(2, 3, dtype=torch.bool))
    loss.sum().backward()
    assert (loss == 0).all()
    assert emissions.grad.abs().max() < 1e-6


def test_a_gold_path_that_breaks_the_scheme_keeps_a_moderate_likelihood():
    crf = LinearChainCRF(n_labels=5, legal=IOB2.legal())
    emissions, mask = torch.zeros(1, 2, 5), torch.ones(1, 2, dtype=torch.bool)
    labels = torch.tensor([[IOB2.ids["I-A"], IOB2.ids["I-B"]]])
    assert crf.negative_log_likelihood(emissions, labels, mask).item() == pytest.approx(2 * math.log(5), abs=1)


def test_long_sentences_keep_their_digits_in_float32():
    crf = LinearChainCRF(n_labels=5, legal=None)
    emissions = 20 * torch.randn(1, 512, 5) + 100
    labels = emissions.argmax(-1)
    mask = torch.ones(1, 512, dtype=torch.bool)
    value = crf.negative_log_likelihood(emissions, labels, mask)
    exact = crf.double().negative_log_likelihood(emissions.double(), labels, mask)
    assert value.item() == pytest.approx(exact.item(), rel=1e-4)


@pytest.mark.parametrize("spread", [0.1, 20.0])
def test_many_labels_match_pytorch_crf_in_float32(spread):
    torch.manual_seed(0)
    crf, other = LinearChainCRF(n_labels=75), torchcrf.CRF(75, batch_first=True)
    with torch.no_grad():
        for own, theirs in (
            (crf.start, other.start_transitions),
            (crf.transitions, other.transitions),
            (crf.end, other.end_transitions),
        ):
            own.uniform_(-spread, spread)
            theirs.copy_(own)
    emissions = torch.randn(4, 12, 75).mul(spread).requires_grad_()
    labels, mask = torch.randint(75, (4, 12)), torch.ones(4, 12, dtype=torch.bool)
    loss = crf.negative_log_likelihood(emissions, labels, mask).sum()
    expected = -other(emissions, labels, mask)
    assert torch.allclose(loss, expected, rtol=1e-5)
    for mine, theirs in zip(
        torch.autograd.grad(loss, [emissions, crf.transitions]),
        torch.autograd.grad(expected, [emissions, other.transitions]),
        strict=True,
    ):
        assert torch.allclose(mine, theirs, atol=1e-4)


def test_moves_beyond_the_reach_of_floats_keep_losses_and_gradients_finite():
    crf = LinearChainCRF(n_labels=3)
    with torch.no_grad():
        crf.transitions.copy_(torch.tensor([[0.0, -1e4, 300.0], [-1e4, -1e4, -1e4], [-300.0, 0.0, 0.0]]))
    emissions = torch.randn(2, 6, 3, generator=torch.Generator().manual_seed(0)).mul(200).requires_grad_()
    mask = torch.ones(2, 6, dtype=torch.bool)
    loss = crf.negative_log_likelihood(emissions, torch.tensor([[0, 1, 1, 2, 0, 2]] * 2), mask).sum()
    loss.backward()
    assert loss > 0 and loss.isfinite() and emissions.grad.isfinite().all() and crf.transitions.grad.isfinite().all()
    assert crf.marginals(emissions.detach(), mask).isfinite().all()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_leaves_the_likelihood_in_float32(dtype):
    torch.manual_seed(0)
    crf = LinearChainCRF(n_labels=9)
    labels, mask = torch.randint(9, (4, 12)), torch.ones(4, 12, dtype=torch.bool)
    # A model that is sure of gold: half precision would round the little that is left away.
    emissions = (torch.randn(4, 12, 9) + 10 * torch.nn.functional.one_hot(labels, 9)).requires_grad_()
    losses = crf.negative_log_likelihood(emissions, labels, mask)
    with torch.autocast("cpu", dtype=dtype):
        others = crf.negative_log_likelihood(emissions, labels, mask)
    assert torch.equal(losses, others)
    grads = [torch.autograd.grad(some.sum(), emissions)[0] for some in (losses, others)]
    assert torch.equal(*grads)


def test_marginals_of_scores_far_apart_are_exact():
    crf = LinearChainCRF(n_labels=2)
    with torch.no_grad():
        for scores in crf.parameters():
            scores.zero_()
        crf.transitions[0, 1] = -900.0
    emissions = torch.tensor([[[2000.0, 0.0], [0.0, 2000.0]]])
    marginals = crf.marginals(emissions, torch.ones(1, 2, dtype=torch.bool))
    assert torch.allclose(marginals[0].diagonal().exp(), torch.ones(2))


def test_log_marginals_of_impossible_labels_stay_small_enough_for_a_squared_error():
    crf = LinearChainCRF(n_labels=5, legal=IOB2.legal())
    marginals = crf.marginals(torch.randn(1, 3, 5), torch.ones(1, 3, dtype=torch.bool))
    assert marginals[0, 0, IOB2.ids["I-A"]].item() == -20


def test_half_precision_emissions_are_scored_in_float32():
    crf = LinearChainCRF(n_labels=5, legal=IOB2.legal())
    emissions = torch.randn(2, 4, 5).bfloat16()
    mask = torch.ones(2, 4, dtype=torch.bool)
    assert crf.negative_log_likelihood(emissions, torch.zeros(2, 4, dtype=torch.long), mask).dtype == torch.float32
    assert crf.marginals(emissions, mask).dtype == torch.float32


def test_scores_start_small_and_random():
    crf = LinearChainCRF(n_labels=9)
    values = torch.cat([parameter.flatten() for parameter in crf.parameters()])
    assert values.abs().max() <= 0.1
    assert values.std() > 0.03
    assert set(crf.state_dict()) == {"start", "transitions", "end"}


@settings(deadline=None, max_examples=40)
@given(SEEDS)
def test_best_legal_path_is_decoding_without_move_scores(seed):
    crf, emissions, mask, _ = random_case(seed)
    for parameter in crf.parameters():
        torch.nn.init.zeros_(parameter)
    assert torch.equal(best_legal_path(emissions, mask, crf.legal), crf.decode(emissions, mask))


def test_best_legal_path_takes_the_best_labels_where_they_are_legal_already():
    best = [IOB2.ids[tag] for tag in ("B-A", "I-A", "O", "B-B")]
    log_probs = torch.nn.functional.one_hot(torch.tensor([best]), 5).float().log_softmax(-1)
    assert best_legal_path(log_probs, torch.ones(1, 4, dtype=torch.bool), IOB2.legal())[0].tolist() == best


def test_best_legal_path_mends_an_illegal_start():
    scores = torch.full((1, 2, 5), -9.0)
    scores[0, 0, IOB2.ids["I-A"]] = 0
    scores[0, 0, IOB2.ids["B-A"]] = -1
    scores[0, 1, IOB2.ids["I-A"]] = 0
    path = best_legal_path(scores, torch.ones(1, 2, dtype=torch.bool), IOB2.legal())[0].tolist()
    assert path == [IOB2.ids["B-A"], IOB2.ids["I-A"]]
