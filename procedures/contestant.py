"""One model in a process of its own, timed by `nlp-bench`: commands come as lines of JSON, and so do the answers.

    python -m nlparch.procedures.contestant MODE MODEL_DIR TEXTS.json

TEXTS.json holds the `texts` to be read together, the `short` ones to be read one by one, and the `sentences` (lists of
words) to be tagged. After the line that says that the first text is answered, each line `{"do": NAME, ...}` on standard
input is answered by one line.
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

    def read(self, texts: Sequence[str]) -> int:
        """Raw text in, entities out; returns the number of words."""
        ...

    def tag(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        """The tags of sentences of words."""
        ...


class OfRuntime:
    """An exported folder, without torch."""

    def __init__(self, folder: str) -> None:
        from nlparch.runtime import load_model

        self._model = load_model(folder)

    def read(self, texts: Sequence[str]) -> int:
        """See `Contestant`."""
        return sum(len(prediction.tags) for prediction in self._model.predict(texts, batch_size=_BATCH_SIZE))

    def tag(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        """See `Contestant`."""
        return [list(prediction.tags) for prediction in self._model.predict(sentences, batch_size=_BATCH_SIZE)]


class OfTorch:
    """A trained folder, in torch."""

    def __init__(self, folder: str, *, precision: Any) -> None:
        import torch

        from nlparch.models.loading import load_word_tagger

        _quiet()
        torch.set_num_threads(1)
        self._model: Any = load_word_tagger(folder)
        self._reading = {"batch_size": _BATCH_SIZE, "precision": precision}

    def read(self, texts: Sequence[str]) -> int:
        """See `Contestant`."""
        return sum(len(prediction.tags) for prediction in self._model.predict(texts, **self._reading))

    def tag(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        """See `Contestant`."""
        return [tags for tags, _ in self._model.tag_words(sentences, **self._reading)]


class OfPipeline(OfTorch):
    """A transformer through the pipeline of transformers, as its documentation shows; tagged as in `OfTorch`."""

    def __init__(self, folder: str) -> None:
        super().__init__(folder, precision="fp32")
        from transformers import pipeline

        from nlparch.data.words import make_splitter

        self._split = make_splitter(self._model.splitter)
        self._pipeline: Any = pipeline(
            "token-classification", model=folder, aggregation_strategy="simple", device="cpu"
        )

    def read(self, texts: Sequence[str]) -> int:
        """See `Contestant`."""
        # It refuses texts without words.
        spoken = [text for text in texts if text.strip()]
        for _ in self._pipeline(spoken, batch_size=_BATCH_SIZE):
            pass
        return sum(len(self._split(text)) for text in spoken)


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
        "tag": lambda: contestant.tag(given["sentences"]),
    }
    print(json.dumps("ready"), file=answers, flush=True)
    for line in sys.stdin:
        command = json.loads(line)
        print(json.dumps(commands[command.pop("do")](**command)), file=answers, flush=True)


def _timed(contestant: Contestant, texts: Sequence[str], n: int) -> dict[str, float]:
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
