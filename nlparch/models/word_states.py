"""What a transformer makes of single words, read by themselves: where a student's word vectors may begin."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from nlparch.devices import Precision, autocast
from nlparch.distill.teachers import Track
from nlparch.models.task_model import reading

_WORDS_READ_TOGETHER = 256

Encode = Callable[[Sequence[str]], tuple[np.ndarray, np.ndarray, np.ndarray]]


def read_single_words(
    model: Any, words: Sequence[str], encode: Encode, *, precision: Precision, track: Track = iter
) -> np.ndarray:
    """The last hidden state of each word read by itself, averaged over its pieces.

    Args:
        model: a transformer of the library of that name.
        words: some words.
        encode: gives piece ids, attention mask and True on the words' own pieces, for a batch of words. Shapes of each:
            (words, pieces)
        precision: number format of the matrix products.
        track: wraps the numbers of the batches to come, to show progress.

    Returns:
        0 for a word without pieces. Shape: (words, hidden)
    """
    states = np.zeros((len(words), model.config.hidden_size), dtype=np.float32)
    by_length = sorted(range(len(words)), key=lambda place: len(words[place]))
    with reading(model), autocast(model.device, precision):
        for begin in track(range(0, len(by_length), _WORDS_READ_TOGETHER)):
            places = by_length[begin : begin + _WORDS_READ_TOGETHER]
            arrays = encode([words[place] for place in places])
            input_ids, attention_mask, own = (torch.from_numpy(values).to(model.device) for values in arrays)
            hidden = model.base_model(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state.float()
            own = own.unsqueeze(-1)
            states[places] = ((hidden * own).sum(1) / own.sum(1).clamp(min=1)).cpu().numpy()
    return states
