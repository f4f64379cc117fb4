"""Distil large transformers that tag or classify text into small, fast models.

The public names are loaded when first used (PEP 562), so that ``import nlparch`` is quick and imports no torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nlparch.data.labels import LabelSet as LabelSet
    from nlparch.data.predictions import Entity as Entity
    from nlparch.data.predictions import TagPrediction as TagPrediction
    from nlparch.data.predictions import WordTag as WordTag
    from nlparch.data.text_labels import TextLabels as TextLabels
    from nlparch.data.text_predictions import TextPrediction as TextPrediction
    from nlparch.distill.teacher_student import TeacherStudentDistill as TeacherStudentDistill
    from nlparch.errors import UserError as UserError
    from nlparch.models.tagger import NeuralTagger as NeuralTagger
    from nlparch.models.text_classifier import NeuralTextClassifier as NeuralTextClassifier
    from nlparch.models.transformer_text import TransformerTextClassifier as TransformerTextClassifier
    from nlparch.models.transformer_token import TransformerTokenClassifier as TransformerTokenClassifier

__version__ = "0.1.0"

_HOMES = {
    "Entity": "nlparch.data.predictions",
    "LabelSet": "nlparch.data.labels",
    "NeuralTagger": "nlparch.models.tagger",
    "TagPrediction": "nlparch.data.predictions",
    "TeacherStudentDistill": "nlparch.distill.teacher_student",
    "NeuralTextClassifier": "nlparch.models.text_classifier",
    "TextLabels": "nlparch.data.text_labels",
    "TextPrediction": "nlparch.data.text_predictions",
    "TransformerTextClassifier": "nlparch.models.transformer_text",
    "TransformerTokenClassifier": "nlparch.models.transformer_token",
    "UserError": "nlparch.errors",
    "WordTag": "nlparch.data.predictions",
}

__all__ = ["__version__", *_HOMES]


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'nlparch' has no attribute {name!r}")
    value: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
