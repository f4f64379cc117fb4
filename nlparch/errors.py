"""The mistakes a user can mend."""


class UserError(ValueError):
    """A mistake of the user's, told in one line: the rule, the value, the place and the remedy.

    Commands print the message without a traceback and end with exit code 2.
    """


class DataError(UserError):
    """A file or data set that cannot be read as it stands; the message begins with the file and line."""


def not_installed(what: str, *packages: str, extra: str) -> UserError:
    """The error for what needs packages that one of nlparch's extras installs."""
    return UserError(f"{what} needs {' and '.join(packages)}: pip install 'nlparch[{extra}]'")
