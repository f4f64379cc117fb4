"""ONNX graphs, opened and run."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from nlparch.errors import UserError, not_installed

try:
    import onnxruntime
except ModuleNotFoundError as error:
    raise not_installed("an exported model", "onnxruntime", extra="export") from error

Arrays = Mapping[str, np.ndarray]

_ERRORS_ONLY = 3


class Graph:
    """One graph of an exported model.

    Args:
        path: the `.onnx` file.
        n_threads: cores that one call may use.

    Raises:
        UserError: If the file is missing or onnxruntime cannot read it.
    """

    def __init__(self, path: Path, *, n_threads: int = 1) -> None:
        settings = onnxruntime.SessionOptions()
        settings.inter_op_num_threads = 1
        settings.log_severity_level = _ERRORS_ONLY
        # Between calls a waiting thread would burn the core that the next request needs.
        settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            settings.intra_op_num_threads = n_threads
            self._session = onnxruntime.InferenceSession(path, settings, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime raises classes of its own, one for each of its error codes
            reason = str(error).strip().splitlines()[0]
            raise UserError(f"{path}: onnxruntime cannot load the graph: {reason}; export the model again") from error
        self.input_names = [given.name for given in self._session.get_inputs()]

    def run(self, arrays: Arrays) -> list[Any]:
        """The outputs for these inputs; inputs that the graph does not have are left out."""
        return list(self._session.run(None, {name: arrays[name] for name in self.input_names}))
