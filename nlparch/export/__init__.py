"""From a trained model to a folder that the runtime reads. Needs torch and onnx; what it writes does not."""

from importlib.util import find_spec

from nlparch.errors import not_installed

if missing := [name for name in ("onnx", "onnxruntime") if find_spec(name) is None]:
    raise not_installed("exporting", *missing, extra="export")
