from nlparch.disagreements import Disagreement
from nlparch.report.sentences import Segment, readers, segments


def found(gold, teacher, student, scheme="IOB2"):
    return Disagreement("Ann Lee saw Oslo".split(), gold, teacher, student, scheme, 0.9)


def test_entities_are_marked_as_right_wrong_or_missed():
    gold = ["B-PER", "I-PER", "O", "B-LOC"]
    example = found(gold, gold, ["B-PER", "O", "O", "O"])
    assert dict(readers(example))["gold"] == [
        Segment("Ann Lee", "PER", "right"), Segment("saw"), Segment("Oslo", "LOC", "right"),
    ]  # fmt: skip
    assert dict(readers(example))["student"] == [
        Segment("Ann", "PER", "wrong"), Segment("Lee saw"), Segment("Oslo", "LOC", "missed"),
    ]  # fmt: skip


def test_no_word_is_lost_or_doubled():
    gold = ["O", "B-X", "I-X", "I-X"]
    for student in (["B-X", "I-X", "I-X", "I-X"], ["O"] * 4, ["B-X", "B-Y", "O", "B-Y"]):
        parts = segments(found(gold, gold, student), student)
        assert " ".join(part.text for part in parts) == "Ann Lee saw Oslo"


def test_of_plain_tags_those_are_marked_that_are_not_agreed_on():
    example = found(["N", "N", "V", "N"], ["N", "N", "V", "V"], ["N", "V", "V", "N"], scheme="plain")
    assert segments(example, example.student) == [
        Segment("Ann"), Segment("Lee", "V", "wrong"), Segment("saw"), Segment("Oslo", "N", "right"),
    ]  # fmt: skip
