from nlparch.disagreements import telling_disagreements
from nlparch.readings import Reading, ReadSplit


def split(*rows):
    """Rows of words, gold, teacher's and student's tags and the student's probabilities."""
    words, gold, teacher, student, sure = (list(column) for column in zip(*rows, strict=True))
    ones = [[1.0] * len(tags) for tags in teacher]
    readings = {"student": Reading(student, sure), "teacher": Reading(teacher, ones)}
    return ReadSplit(words, gold, "IOB2", readings=readings)


def test_the_surest_mistake_that_the_teacher_does_not_make_comes_first():
    found = telling_disagreements(
        split(
            (["a"], ["O"], ["O"], ["B-X"], [0.5]),
            (["b"], ["O"], ["O"], ["O"], [0.9]),  # right
            (["c"], ["O"], ["B-X"], ["B-X"], [0.99]),  # the teacher's mistake too
            (["d", "e"], ["B-X", "O"], ["B-X", "O"], ["O", "B-X"], [0.6, 0.7]),
        )
    )
    assert [(part.words, part.confidence) for part in found] == [(["d", "e"], 0.7), (["a"], 0.5)]
    assert (found[0].gold, found[0].student) == (["B-X", "O"], ["O", "B-X"])


def test_a_mistake_is_shown_once_and_no_more_than_are_wanted():
    same = [(["Oslo"], ["O"], ["O"], ["B-X"], [0.9 - 0.1 * number]) for number in range(3)]
    others = [([word], ["O"], ["O"], ["B-X"], [0.5]) for word in "abcd"]
    found = telling_disagreements(split(*same, *others), n=3)
    assert [part.words for part in found] == [["Oslo"], ["a"], ["b"]]
    assert found[0].confidence == 0.9


def test_models_that_agree_leave_nothing_to_show():
    assert telling_disagreements(split((["a"], ["O"], ["O"], ["O"], [0.5]))) == []
