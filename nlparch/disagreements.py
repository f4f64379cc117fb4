"""The sentences that tell most of what was lost: where a student and its teacher part, and the student is wrong."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from nlparch.data.labels import Scheme
from nlparch.readings import ReadSplit

N_SENTENCES = 12


@dataclass(frozen=True)
class Disagreement:
    """A sentence on which student and teacher do not agree.

    Attributes:
        words: of the sentence.
        gold: its tags.
        teacher: the teacher's tags.
        student: the student's tags.
        scheme: of all tags.
        confidence: the probability that the student gives to the wrong tag it is surest of.
    """

    words: Sequence[str]
    gold: Sequence[str]
    teacher: Sequence[str]
    student: Sequence[str]
    scheme: Scheme
    confidence: float


def telling_disagreements(split: ReadSplit, *, n: int = N_SENTENCES) -> list[Disagreement]:
    """The sentences where the student is surest of a wrong tag that its teacher does not give, the surest first.

    A mistake that repeats itself, the same tags for the same word, is shown once.
    """
    student = split.readings["student"].tags
    teacher = split.readings["teacher"].tags
    chosen: list[Disagreement] = []
    shown: set[tuple[int] | tuple[str, str, str]] = set()
    for confidence, row, place in sorted(_wrong_words(split), key=lambda found: (-found[0], found[1:])):
        mistake = (split.words[row][place].casefold(), student[row][place], split.gold[row][place])
        if mistake not in shown and (row,) not in shown:
            shown |= {mistake, (row,)}
            tags = (split.gold[row], teacher[row], student[row])
            chosen.append(Disagreement(split.words[row], *tags, scheme=split.scheme, confidence=confidence))
        if len(chosen) == n:
            break
    return chosen


def _wrong_words(split: ReadSplit) -> Iterator[tuple[float, int, int]]:
    """The student's probability, the sentence and the word, where the student is wrong and alone with its tag."""
    student, teacher = split.readings["student"], split.readings["teacher"]
    for row, gold in enumerate(split.gold):
        words = zip(gold, student.tags[row], teacher.tags[row], student.probabilities[row], strict=True)
        for place, (right, given, taught, probability) in enumerate(words):
            if given not in (right, taught) and probability == probability:  # not NaN
                yield probability, row, place
