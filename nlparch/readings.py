"""What models make of labelled sentences, side by side: the ground that every comparison of them stands on."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from nlparch.data.labels import Scheme
from nlparch.metrics import Tags
from nlparch.seen import Training


@dataclass(frozen=True)
class Reading:
    """One model's tags for each sentence, and the probability of each; NaN for words that it cannot see.

    Attributes:
        tags: of each sentence.
        probabilities: of its tags.
        raw_probabilities: these before they were calibrated; None where they were not.
    """

    tags: Tags
    probabilities: Sequence[Sequence[float]]
    raw_probabilities: Sequence[Sequence[float]] | None = None

    @property
    def uncalibrated(self) -> "Reading | None":
        """The reading with the probabilities before they were calibrated; None where they were not."""
        return None if self.raw_probabilities is None else Reading(self.tags, self.raw_probabilities)


@dataclass
class ReadSplit:
    """The labelled sentences of a split, and what each model makes of them.

    Attributes:
        words: of each sentence.
        gold: tags of each sentence.
        scheme: of gold and of all readings.
        training: the gold that was trained on; None where there is none.
        readings: under `student`, `teacher` and `baseline`; a model alone is the student.
    """

    words: Sequence[Sequence[str]]
    gold: Tags
    scheme: Scheme
    training: Training | None = None
    readings: dict[str, Reading] = field(default_factory=dict)
