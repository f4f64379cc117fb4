"""Word vectors made fit for int8: no feature drowns the others.

In int8 all features of a batch share one scale, and so do all weights of a product. What the word vectors, characters,
affixes and shapes say differs tenfold in size, so that the small ones would be rounded away. Each feature is divided
by a number of its own, and its weights in the first product are multiplied by it (SmoothQuant, Xiao et al., 2023):
the same function, with rounding errors of like size everywhere. On btc three to ten times fewer words change their tag.
"""

from copy import deepcopy
from typing import Any, TypeVar

import torch
from torch import Tensor

from nlparch.models.small_model import SmallModel
from nlparch.models.tagger import NeuralTagger
from nlparch.nn.embedders import CNNLSTM, IDCNN
from nlparch.nn.text_encoders import KimCNN, PooledContext

Small = TypeVar("Small", bound=SmallModel)

# How much of the difference goes into the weights: the value with the fewest changed words of 0.3, 0.5, 0.7.
_SHARE_OF_WEIGHTS = 0.7
_MOST_FORMS = 20_000
_SMALLEST = 1e-5


def balance_words(model: Small) -> tuple[Small, Tensor]:
    """A model whose first product takes divided word vectors, and what they are to be divided by. Shape: (width,)

    How large each feature gets is read off the vectors of the vocabulary; a model without one, or without a product
    that reads the vectors, is left as it is.
    """
    balanced = deepcopy(model)
    products = _first_weights(balanced)
    if not model.features.words or not products:
        return balanced, torch.ones(model.word_encoder.out_width)
    features = _vocabulary_vectors(model).abs().amax(0).clamp(min=_SMALLEST)
    # A convolution's weights hold the features once for each place that a filter sees.
    weights = [weight.view(len(weight), -1, len(features)) for weight in products]
    largest = torch.stack([weight.abs().amax((0, 1)) for weight in weights]).amax(0).clamp(min=_SMALLEST)
    divisors = features**_SHARE_OF_WEIGHTS / largest ** (1 - _SHARE_OF_WEIGHTS)
    with torch.no_grad():
        for weight in weights:
            weight.mul_(divisors)
    return balanced, divisors


def _first_weights(model: Any) -> list[Tensor]:
    """Weights of the products that read the word vectors. Shapes: (outputs, inputs)"""
    reader: Any = model.embedder if isinstance(model, NeuralTagger) else model.encoder
    reader = reader.context if isinstance(reader, PooledContext) else reader
    if isinstance(reader, CNNLSTM):
        lstm = reader.context.lstm
        return [parameter.data for name, parameter in lstm.named_parameters() if name.startswith("weight_ih_l0")]
    if isinstance(reader, IDCNN):
        return [reader.first.linear.weight.data]
    if isinstance(reader, KimCNN):
        convolutions: Any = reader.convolutions
        return [convolution.linear.weight.data for convolution in convolutions]
    return []


def _vocabulary_vectors(model: SmallModel) -> Tensor:
    """Shape: (forms, width)"""
    # As one sentence of all the forms.
    ids = model.encode_features([model.features.words[:_MOST_FORMS]])
    del ids["mask"]
    with torch.inference_mode():
        vectors: Tensor = model.word_encoder(**ids)
    return vectors[0].clone()
