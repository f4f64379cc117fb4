"""Exported models, run with numpy and onnxruntime alone (and tokenizers, where the model is a transformer).

The public names are loaded when first used (PEP 562): whether a folder is exported can be told without onnxruntime.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from nlparch.data.words import SplitText as SplitText
    from nlparch.runtime.classifier import RuntimeClassifier as RuntimeClassifier
    from nlparch.runtime.loading import load_model as load_model
    from nlparch.runtime.model import AnyModel as AnyModel
    from nlparch.runtime.tagger import RuntimeTagger as RuntimeTagger

_HOMES = {
    "RuntimeClassifier": "nlparch.runtime.classifier",
    "AnyModel": "nlparch.runtime.model",
    "RuntimeTagger": "nlparch.runtime.tagger",
    "SplitText": "nlparch.data.words",
    "load_model": "nlparch.runtime.loading",
}

__all__ = list(_HOMES)


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'nlparch.runtime' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
