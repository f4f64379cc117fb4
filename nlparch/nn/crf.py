"""A linear-chain conditional random field, and the best path that a tag scheme allows.

Masks are right padding: True on words, then False. A row of pure padding is allowed. Emissions on padding may hold
anything, NaN included. Everything is computed in float32 at least, whatever autocast does around it.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from nlparch.data.labels import LegalMoves

IGNORED = -100
# Added to what must not be chosen. Finite, so that no sum is NaN; small enough that float32 still tells paths apart.
FORBIDDEN = -1e4
# Lowest log marginal: float32 sums know nothing below it, and a squared error against -1e4 would drown all others.
LOWEST_LOG_MARGINAL = -20.0

_Step: TypeAlias = Callable[[Tensor], Tensor]


class LinearChainCRF(nn.Module):
    """Scores whole paths of labels (Lafferty et al., 2001).

    The tag scheme acts in `decode` and `marginals` only: gold or teacher paths that break it keep a finite likelihood.

    Args:
        n_labels: labels of the head below.
        legal: moves that the tag scheme allows; None allows all.
    """

    def __init__(self, *, n_labels: int, legal: LegalMoves | None = None) -> None:
        super().__init__()
        # Kept as numpy: a buffer would be saved with the weights, or be lost where a model is built on the meta device.
        self.legal = legal
        self.start = nn.Parameter(torch.empty(n_labels))
        self.transitions = nn.Parameter(torch.empty(n_labels, n_labels))
        self.end = nn.Parameter(torch.empty(n_labels))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws all scores anew from U(-0.1, 0.1)."""
        for scores in self.parameters():
            nn.init.uniform_(scores, -0.1, 0.1)

    def negative_log_likelihood(self, emissions: Tensor, labels: Tensor, mask: Tensor) -> Tensor:
        """-log of the probability of all paths that agree with the labels; words without a label may take any.

        Args:
            emissions: Shape: (batch, words, labels)
            labels: -100 where unknown. Shape: (batch, words)
            mask: True on words. Shape: (batch, words)

        Returns:
            One value a row, 0 where the row has no label at all. Shape: (batch,)
        """
        emissions = _clean(emissions, mask)
        # A shift of all labels of a word cancels out; without it long sentences lose digits.
        emissions = emissions - emissions.detach().amax(-1, keepdim=True)
        others = torch.arange(emissions.shape[-1], device=labels.device) != labels.unsqueeze(-1)
        agreeing = emissions.masked_fill(others & (labels != IGNORED).unsqueeze(-1), FORBIDDEN)
        if mask.shape[1] == 1:
            # A word of padding more, so that the transitions have a gradient, 0: distributed training insists on one.
            emissions, agreeing, mask = (F.pad(t, (0, 0) * (t.ndim - 2) + (0, 1)) for t in (emissions, agreeing, mask))
        # One recursion for both sums: at these sizes a step costs its overhead, not its arithmetic.
        both = torch.cat([emissions, agreeing])
        log_all, log_agreeing = self._log_sums(both, mask.repeat(2, 1)).chunk(2)
        return (log_all - log_agreeing).masked_fill(~mask[:, 0], 0.0)

    def decode(self, emissions: Tensor, mask: Tensor) -> Tensor:
        """The best path that the tag scheme allows.

        Args:
            emissions: Shape: (batch, words, labels)
            mask: True on words. Shape: (batch, words)

        Returns:
            Labels, -100 on padding. Shape: (batch, words)
        """
        return _best_path(_clean(emissions, mask), mask, *self.legal_scores())

    def marginals(self, emissions: Tensor, mask: Tensor) -> Tensor:
        """Log probabilities of each word's labels, summed over the paths that the tag scheme allows.

        Args:
            emissions: Shape: (batch, words, labels)
            mask: True on words. Shape: (batch, words)

        Returns:
            Values from -20 to 0, finite on padding too. Shape: (batch, words, labels)
        """
        # The sums grow with the sentence: after some thousand words float32 would have no digits left for a label.
        start, transitions, end = (scores.double() for scores in self.legal_scores())
        clean = _clean(emissions, mask)
        before = _forward_scores(clean.double(), start, _log_sum(transitions))
        after = _backward_scores(clean.double(), mask, _log_sum(transitions.T), end)
        return (before + after).log_softmax(-1).clamp(min=LOWEST_LOG_MARGINAL).to(clean.dtype)

    def _log_sums(self, emissions: Tensor, mask: Tensor) -> Tensor:
        """Log of the summed scores of all paths. Shape: (batch,)"""
        # Autocast would take the products in half precision, which knows no small difference from 1.
        with torch.autocast(emissions.device.type, enabled=False):
            scores = _forward_scores(emissions, self.start, _log_product(self.transitions))
            return (_last_word(scores, mask) + self.end).logsumexp(-1)

    def legal_scores(self) -> tuple[Tensor, Tensor, Tensor]:
        """Scores of starts, moves and ends, lowered beyond reach where the tag scheme forbids them.

        Shapes: (labels,), (labels, labels), (labels,)
        """
        scores = self.start, self.transitions, self.end
        if self.legal is None:
            return scores
        start, moves, end = (
            score + penalty for score, penalty in zip(scores, _penalties(self.legal, self.start), strict=True)
        )
        return start, moves, end


def best_legal_path(log_probs: Tensor, mask: Tensor, legal: LegalMoves) -> Tensor:
    """The most probable path that a tag scheme allows, where no CRF scores the moves.

    Args:
        log_probs: Shape: (batch, words, labels)
        mask: True on words. Shape: (batch, words)
        legal: moves that the tag scheme allows.

    Returns:
        Labels, -100 on padding. Shape: (batch, words)
    """
    log_probs = _clean(log_probs, mask)
    return _best_path(log_probs, mask, *_penalties(legal, log_probs))


def _clean(emissions: Tensor, mask: Tensor) -> Tensor:
    emissions = emissions.to(torch.promote_types(emissions.dtype, torch.float32))
    return emissions.masked_fill(~mask.unsqueeze(-1), 0.0)


def _penalties(legal: LegalMoves, like: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    def penalty(allowed: np.ndarray) -> Tensor:
        return torch.as_tensor(np.where(allowed, 0.0, FORBIDDEN), dtype=like.dtype, device=like.device)

    return penalty(legal.start), penalty(legal.moves), penalty(legal.end)


def _forward_scores(emissions: Tensor, start: Tensor, step: _Step) -> Tensor:
    """Log of the summed scores of all paths up to each word and label. Shape: (batch, words, labels)"""
    # Steps run on into padding, where nobody reads them: cheaper than holding finished rows still.
    first, *rest = emissions.unbind(1)
    scores = [start + first]
    for emission in rest:
        scores.append(step(scores[-1]) + emission)
    return torch.stack(scores, 1)


def _backward_scores(emissions: Tensor, mask: Tensor, step: _Step, end: Tensor) -> Tensor:
    """Log of the summed scores of all paths from each word and label on. Shape: (batch, words, labels)"""
    scores = [end.expand_as(emissions[:, 0])]
    for word in range(emissions.shape[1] - 1, 0, -1):
        scores.append(torch.where(mask[:, word, None], step(emissions[:, word] + scores[-1]), end))
    return torch.stack(scores[::-1], 1)


def _log_sum(moves: Tensor) -> _Step:
    """One step of the sums over paths: log(exp(scores) @ exp(moves)), whatever the scores and moves.

    Shapes: (from labels, to labels); the step: (batch, from labels), (batch, to labels)
    """
    return lambda scores: (scores.unsqueeze(2) + moves).logsumexp(1)


def _log_product(moves: Tensor) -> _Step:
    """The same as a matrix product of shifted exponentials; for training.

    With 75 labels that takes less than a tenth of the time, forth and back. What lies some 87 (in float32) below the
    best score and the best move counts as if it lay just there: training never brings scores so far apart, but a
    scheme's forbidden moves are.
    """
    highest_to = moves.detach().amax(0)
    factors = (moves - highest_to).exp()

    def step(scores: Tensor) -> Tensor:
        highest = scores.detach().amax(-1, keepdim=True)
        sums = (scores - highest).exp() @ factors
        return sums.clamp(min=torch.finfo(sums.dtype).tiny).log() + (highest + highest_to)

    return step


def _best_path(emissions: Tensor, mask: Tensor, start: Tensor, transitions: Tensor, end: Tensor) -> Tensor:
    """Viterbi. Shape: (batch, words)"""
    first, *rest = emissions.unbind(1)
    scores, origins = [start + first], []
    for emission in rest:
        best, origin = (scores[-1].unsqueeze(2) + transitions).max(1)
        # Only differences count; what all labels share would grow with the sentence and eat up the digits.
        scores.append(best + emission - best.amax(1, keepdim=True))
        origins.append(origin)
    label = (_last_word(torch.stack(scores, 1), mask) + end).argmax(-1)
    path = [label]
    for origin, going_on in zip(reversed(origins), mask.unbind(1)[:0:-1], strict=True):
        # On padding the last word's label is carried back unchanged.
        label = torch.where(going_on, origin.gather(1, label.unsqueeze(1)).squeeze(1), label)
        path.append(label)
    return torch.stack(path[::-1], 1).masked_fill(~mask, IGNORED)


def _last_word(scores: Tensor, mask: Tensor) -> Tensor:
    """Scores at each row's last word; at its first where it has none. Shape: (batch, labels)"""
    last = (mask.sum(1) - 1).clamp(min=0)
    return scores[torch.arange(len(scores), device=scores.device), last]
