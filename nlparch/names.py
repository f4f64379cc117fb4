"""What to tell a user who gave a name that is not there."""

from collections.abc import Iterable
from difflib import get_close_matches


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name that looks most like this one; None when none is near."""
    return next(iter(get_close_matches(name, sorted(known), n=1)), None)


def suggest(name: str, known: Iterable[str]) -> str:
    """The end of a message about an unknown name: the sorted known ones, and the nearest."""
    names = sorted(known)
    near = nearest(name, names)
    return f"known: {', '.join(names)}" + (f"; did you mean {near}?" if near else "")
