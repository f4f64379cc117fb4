"""The models that are served, by name, and how a changed one takes the place of the one before."""

import asyncio
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from nlparch.errors import UserError
from nlparch.names import suggest
from nlparch.runtime import AnyModel, load_model

from .errors import RequestError
from .metrics import Metrics

_log = logging.getLogger(__name__)
_NAME = re.compile(r"[A-Za-z0-9._-]+")
_WARM_UP = "The first text of a model is its slowest."

_Signature = tuple[tuple[str, int, int], ...]


class Models(Mapping[str, AnyModel]):
    """The models by name, the first of them the default.

    A request holds on to the model it began with, so one that changes under way is answered by one model throughout.

    Args:
        folders: The folder of each model.
        n_threads: Threads in which a model runs.

    Raises:
        UserError: A folder holds no model.
    """

    def __init__(self, folders: Mapping[str, Path], *, n_threads: int = 1) -> None:
        self._folders = dict(folders)
        self._n_threads = n_threads
        # Looked at first: what changes while models load is noticed.
        self._loaded = self._signature()
        self._models = {name: self._load(folder) for name, folder in folders.items()}
        self.default = next(iter(folders))

    def __getitem__(self, name: str) -> AnyModel:
        return self._models[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._models)

    def __len__(self) -> int:
        return len(self._models)

    def find(self, name: str) -> AnyModel:
        """The model of this name.

        Raises:
            RequestError: There is none.
        """
        if name not in self._models:
            raise RequestError(404, "unknown_model", f"no model {name!r}; {suggest(name, self._models)}")
        return self._models[name]

    def reload(self, metrics: Metrics) -> None:
        """Loads each model anew and serves it if it has changed; one that does not load changes nothing."""
        for name, folder in self._folders.items():
            outcome = self._swap(name, folder)
            metrics.swaps.labels(name, outcome).inc()

    def _swap(self, name: str, folder: Path) -> str:
        try:
            model = self._load(folder)
        except Exception as error:  # whatever is wrong with the new one, the old one serves on
            _log.error("%s: the changed model in %s is refused, the old one stays: %s", name, folder, error)
            return "refused"
        if model.model_hash == self._models[name].model_hash:
            return "unchanged"
        self._models[name] = model
        _log.info("%s: now serving model %s", name, model.model_hash)
        return "swapped"

    def _load(self, folder: Path) -> AnyModel:
        model = load_model(folder, n_threads=self._n_threads)
        has_pairs = getattr(model, "has_pairs", False)
        model.predict([(_WARM_UP, _WARM_UP) if has_pairs else _WARM_UP])
        return model

    async def watch(self, metrics: Metrics, *, seconds: float = 1.0) -> None:
        """Reloads whenever the folders have changed, and have then stayed the same from one look to the next."""
        seen = self._loaded
        while True:
            await asyncio.sleep(seconds)
            before, seen = seen, self._signature()
            if seen == before != self._loaded:
                self._loaded = seen
                await asyncio.to_thread(self.reload, metrics)

    def _signature(self) -> _Signature:
        """What changes when a file of a model does; nothing while one cannot be looked at."""
        try:
            files = [file for folder in self._folders.values() for file in sorted(folder.iterdir())]
            return tuple((str(file), file.stat().st_mtime_ns, file.stat().st_size) for file in files)
        except OSError:
            return ()


def parse_folders(places: Sequence[str]) -> dict[str, Path]:
    """Names and folders from what stands on the command line, `DIR` or `name=DIR`.

    Raises:
        UserError: A name is missing, unfit for an address, or taken.
    """
    folders: dict[str, Path] = {}
    for place in places:
        name, equals, folder = place.partition("=")
        path = Path(folder if equals else place)
        name = name if equals else path.resolve().name
        if not _NAME.fullmatch(name):
            raise UserError(f"a model's name has letters, digits, '.', '_' and '-' only, got {name!r}; give name=DIR")
        if name in folders:
            raise UserError(f"a model's name must be unique, got {name!r} twice; give name=DIR")
        folders[name] = path
    return folders
