"""What may have been meant by a name that nothing has."""

import difflib
from collections.abc import Iterable


def did_you_mean(name: str, choices: Iterable[str]) -> str:
    """The end of a message about an unknown name: "; did you mean mnist?", or "" where none of the choices is like it."""
    by_lower_case = {choice.lower(): choice for choice in choices}
    found = difflib.get_close_matches(name.lower(), by_lower_case, n=1)
    return f"; did you mean {by_lower_case[found[0]]}?" if found else ""
