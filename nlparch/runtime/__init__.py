"""Exported models, run with numpy and onnxruntime alone (and tokenizers, where the model is a transformer)."""

from importlib.util import find_spec

from nlparch.errors import UserError

if find_spec("onnxruntime") is None:
    raise UserError("exported models need onnxruntime: pip install 'nlparch[export]'")

from nlparch.data.words import SplitText as SplitText
from nlparch.runtime.loading import load_model as load_model
from nlparch.runtime.tagger import RuntimeTagger as RuntimeTagger

__all__ = ["RuntimeTagger", "SplitText", "load_model"]
