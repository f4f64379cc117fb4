"""Word vectors made fit for int8: no feature drowns the others.

In int8 all features of a batch share one scale, and so do all weights of a product. What the word vectors, characters,
affixes and shapes say differs tenfold in size, so that the small ones would be rounded away. Each feature is divided
by a number of its own, and its weights in the first product are multiplied by it (SmoothQuant, Xiao et al., 2023):
the same function, with rounding errors of like size everywhere. On btc three to ten times fewer words change their tag.
"""

from copy import deepcopy
from dataclasses import fields

import numpy as np
import torch
from torch import Tensor

from nlparch.models.tagger import NeuralTagger
from nlparch.nn.embedders import CNNLSTM

# How much of the difference goes into the weights: the value with the fewest changed words of 0.3, 0.5, 0.7.
_SHARE_OF_WEIGHTS = 0.7
_MOST_FORMS = 20_000
_SMALLEST = 1e-5


def balance_words(model: NeuralTagger) -> tuple[NeuralTagger, Tensor]:
    """A model whose first product takes divided word vectors, and what they are to be divided by. Shape: (width,)

    How large each feature gets is read off the vectors of the vocabulary; a model without one is left as it is.
    """
    balanced = deepcopy(model)
    if not model.features.words:
        return balanced, torch.ones(model.embedder.words.out_width)
    features = _vocabulary_vectors(model).abs().amax(0).clamp(min=_SMALLEST)
    # A convolution's weights hold the features once for each place that a filter sees.
    weights = [weight.view(len(weight), -1, len(features)) for weight in _first_weights(balanced)]
    largest = torch.stack([weight.abs().amax((0, 1)) for weight in weights]).amax(0).clamp(min=_SMALLEST)
    divisors = features**_SHARE_OF_WEIGHTS / largest ** (1 - _SHARE_OF_WEIGHTS)
    with torch.no_grad():
        for weight in weights:
            weight.mul_(divisors)
    return balanced, divisors


def _first_weights(model: NeuralTagger) -> list[Tensor]:
    """Weights of the products that read the word vectors. Shapes: (outputs, inputs)"""
    if isinstance(model.embedder, CNNLSTM):
        lstm = model.embedder.context.lstm
        return [parameter.data for name, parameter in lstm.named_parameters() if name.startswith("weight_ih_l0")]
    return [model.embedder.first.linear.weight.data]


def _vocabulary_vectors(model: NeuralTagger) -> Tensor:
    """Shape: (forms, width)"""
    forms = model.features.encode_forms(model.features.words[:_MOST_FORMS])
    ids = {field.name: torch.from_numpy(np.ascontiguousarray(getattr(forms, field.name))) for field in fields(forms)}
    # As one sentence of all the forms.
    sentence = {name: ids.pop(name).unsqueeze(0) for name in ("word_ids", "shape_ids")}
    with torch.inference_mode():
        vectors: Tensor = model.embedder.words(
            form_index=torch.arange(len(forms.shape_ids)).unsqueeze(0), **sentence, **ids
        )
    return vectors[0].clone()
