"""One model in a process of its own, timed by `nlp-bench`: commands come as lines of JSON, and so do the answers.

    python -m nlparch.procedures.contestant MODE MODEL_DIR TEXTS.json

TEXTS.json holds the `texts` to be read together, the `short` ones to be read one by one, and what is to be `answered`:
sentences (lists of words) to be tagged, or texts and pairs of texts to be classified. After the line that says that the
first text is answered, each line `{"do": NAME, ...}` on standard input is answered by one line.
"""

import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import Any, Protocol

_BATCH_SIZE = 32


class Contestant(Protocol):
    """What is timed."""

    def read(self, texts: Sequence[Any]) -> int:
        """Raw text in, entities or labels out; returns the number of words."""
        ...

    def answer(self, items: Sequence[Any]) -> list[Any]:
        """The tags of sentences of words; or of texts the label, labels or number, and the probability of each."""
        ...


class OfRuntime:
    """An exported folder, without torch."""

    def __init__(self, folder: str) -> None:
        from nlparch.runtime import load_model

        self._model = load_model(folder)

    def read(self, texts: Sequence[Any]) -> int:
        """See `Contestant`."""
        return _n_words(texts, self._model.predict(texts, batch_size=_BATCH_SIZE))

    def answer(self, items: Sequence[Any]) -> list[Any]:
        """See `Contestant`."""
        return _answers(self._model.predict(items, batch_size=_BATCH_SIZE))


class OfTorch:
    """A trained folder, in torch."""

    def __init__(self, folder: str, *, precision: Any) -> None:
        import torch

        from nlparch.models.loading import load_model

        _quiet()
        torch.set_num_threads(1)
        self._model: Any = load_model(folder)
        self._reading = {"batch_size": _BATCH_SIZE, "precision": precision}

    def read(self, texts: Sequence[Any]) -> int:
        """See `Contestant`."""
        return _n_words(texts, self._model.predict(texts, **self._reading))

    def answer(self, items: Sequence[Any]) -> list[Any]:
        """See `Contestant`."""
        return _answers(self._model.predict(items, **self._reading))


class OfPipeline(OfTorch):
    """A transformer through the pipeline of transformers, as its documentation shows; it answers as in `OfTorch`."""

    def __init__(self, folder: str) -> None:
        super().__init__(folder, precision="fp32")
        from transformers import pipeline

        from nlparch.data.words import make_splitter
        from nlparch.models.text_model import TextModel

        self._split = make_splitter(self._model.splitter)
        self._reads_texts = isinstance(self._model, TextModel)
        kind: Any = "token-classification"
        settings: dict[str, Any] = {"aggregation_strategy": "simple"}
        if self._reads_texts:
            kind, settings = "text-classification", {"truncation": True, "max_length": self._model.window[0]}
        self._pipeline: Any = pipeline(kind, model=folder, device="cpu", **settings)

    def read(self, texts: Sequence[Any]) -> int:
        """See `Contestant`."""
        if self._reads_texts:
            given = [text if isinstance(text, str) else {"text": text[0], "text_pair": text[1]} for text in texts]
            for _ in self._pipeline(given, batch_size=_BATCH_SIZE):
                pass
            return _n_words(texts, None)
        # It refuses texts without words.
        spoken = [text for text in texts if text.strip()]
        for _ in self._pipeline(spoken, batch_size=_BATCH_SIZE):
            pass
        return sum(len(self._split(text)) for text in spoken)


def _n_words(texts: Sequence[Any], predictions: Sequence[Any] | None) -> int:
    """Words of what was read: those that were tagged; of classified texts, which need no words, stretches between
    spaces."""
    if predictions and hasattr(predictions[0], "tags"):
        return sum(len(prediction.tags) for prediction in predictions)
    return sum(len((text if isinstance(text, str) else " ".join(text)).split()) for text in texts)


def _answers(predictions: Sequence[Any]) -> list[Any]:
    if predictions and hasattr(predictions[0], "tags"):
        return [list(prediction.tags) for prediction in predictions]
    return [[list(found.labels), list(found.scores), list(found.of_each)] for found in predictions]


MODES: dict[str, Callable[[str], Contestant]] = {
    "runtime": OfRuntime,
    "torch": lambda folder: OfTorch(folder, precision="fp32"),
    "torch-bf16": lambda folder: OfTorch(folder, precision="bf16"),
    "pipeline": OfPipeline,
}


def serve(make: Callable[[], Contestant], file: str) -> None:
    """Answers commands about a contestant until standard input ends."""
    given = json.loads(Path(file).read_text(encoding="utf-8"))
    # Libraries may print; standard output is for answers.
    answers, sys.stdout = os.fdopen(os.dup(1), "w"), sys.stderr
    contestant = make()
    contestant.read(given["texts"][:1])
    commands: dict[str, Callable[..., Any]] = {
        "read": lambda n: _timed(contestant, given["texts"], n),
        "alone": lambda n: [_timed(contestant, [text], 1)["seconds"] for text in given["short"][:n]],
        "memory": lambda: _resident_bytes(),
        "answer": lambda: contestant.answer(given["answered"]),
    }
    print(json.dumps("ready"), file=answers, flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        print(json.dumps(commands[command.pop("do")](**command)), file=answers, flush=True)


def _timed(contestant: Contestant, texts: Sequence[Any], n: int) -> dict[str, float]:
    chosen = texts[:n]
    begin = perf_counter()
    n_words = contestant.read(chosen)
    return {"seconds": perf_counter() - begin, "words": n_words}


def _resident_bytes() -> int | None:
    """What the process holds in memory now; None where the system does not say."""
    try:
        pages = Path("/proc/self/statm").read_text().split()[1]
    except OSError:
        return None
    return int(pages) * os.sysconf("SC_PAGE_SIZE")


def _quiet() -> None:
    from . import runs

    runs.quiet_libraries()


if __name__ == "__main__":
    serve(lambda: MODES[sys.argv[1]](sys.argv[2]), sys.argv[3])
