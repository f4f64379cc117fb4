"""From hidden vectors of words to one vector a text. What the mask leaves out changes nothing; no words give 0."""

from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor, nn

from nlparch.names import suggest

PoolingName = Literal["max", "mean", "attention"]


class MaxPooling(nn.Module):
    """Of each feature the highest value."""

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Pools.

        Args:
            hidden: Shape: (batch, words, width)
            mask: True on words. Shape: (batch, words)

        Returns:
            Shape: (batch, width)
        """
        lowest = torch.finfo(hidden.dtype).min
        highest = hidden.masked_fill(~mask.unsqueeze(-1), lowest).amax(1)
        return highest * mask.any(1, keepdim=True)


class MeanPooling(nn.Module):
    """The mean of the vectors."""

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Pools; see `MaxPooling.forward`."""
        total = hidden.masked_fill(~mask.unsqueeze(-1), 0.0).sum(1)
        return total / mask.sum(1, keepdim=True).clamp(min=1)


class AttentionPooling(nn.Module):
    """A mean weighted by how much each word tells (Yang et al., 2016, equations 5 to 7).

    Args:
        width: of the vectors.
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(width, width)
        self.context = nn.Linear(width, 1, bias=False)

    def forward(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """Pools; see `MaxPooling.forward`."""
        scores = self.context(self.hidden(hidden).tanh()).squeeze(-1)
        weights = scores.masked_fill(~mask, torch.finfo(scores.dtype).min).softmax(-1) * mask
        pooled: Tensor = (weights.unsqueeze(-1) * hidden.masked_fill(~mask.unsqueeze(-1), 0.0)).sum(1)
        return pooled


def make_pooling(name: str, *, width: int) -> nn.Module:
    """The pooling of that name, for vectors of that width."""
    makers: dict[str, Callable[[], nn.Module]] = {
        "max": MaxPooling,
        "mean": MeanPooling,
        "attention": lambda: AttentionPooling(width),
    }
    if name not in makers:
        raise ValueError(f"no pooling {name!r}; {suggest(name, makers)}")
    return makers[name]()
