"""Which regular expressions a loaded price book may match model names with: only ones that cannot run away."""

import re

__all__ = ["PatternRefused", "check_pattern"]

_MAX_LETTERS = 400
_NAME_LETTERS = 512
_MAX_WAYS = 4 * _NAME_LETTERS**3
"""Ways in which a name of 512 letters may be tried. The order in which they overlap leaves a small part of them."""
_TOKEN = re.compile(
    r"(?P<open>\((?:\?:|\?P<[a-z_]{1,32}>)?)|(?P<close>\))"
    r"|(?P<repeat>[*+?]|\{\d{1,2}(?:,\d{0,2})?\})"
    r"|(?P<none_of>\[\^(?P<excluded>[^\]\\^-])\])|(?P<atom>\[[A-Za-z0-9_.:/-]{1,40}\]|\.|\\d|\\w)"
    r"|(?P<literal>\\[^A-Za-z0-9]|[^\\()\[\]{}*+?.|^$])|(?P<either>\|)"
)


class PatternRefused(ValueError):
    """The pattern may take too long, or is none; the message says why."""


def check_pattern(pattern: str) -> None:
    """Raise PatternRefused unless `pattern` is a regular expression whose time to match a name is bounded.

    Groups are not repeated and nothing looks around or back, so the ways to try are the product of what is left open:
    every part of open length, every choice. `[^/]+/` can end in one place only and does not count.
    """
    if len(pattern) > _MAX_LETTERS:
        raise PatternRefused(f"it has {len(pattern)} letters, {_MAX_LETTERS} at most")
    tokens = _tokens(pattern)
    ways = _choices(tokens)
    for index, token in enumerate(tokens):
        if token["repeat"]:
            ways *= _repeated(tokens, index)
    if ways > _MAX_WAYS:
        raise PatternRefused("too much in it is open: choices and parts of any length multiply")
    try:
        re.compile(pattern)
    except re.error as error:
        raise PatternRefused(f"it is no regular expression: {error}") from None


def _tokens(pattern: str) -> list[re.Match[str]]:
    found: list[re.Match[str]] = []
    at = 0
    while at < len(pattern):
        token = _TOKEN.match(pattern, at)
        if token is None:
            raise PatternRefused(f"{pattern[at : at + 8]!r} at {at} is not allowed")
        found.append(token)
        at = token.end()
    return found


def _repeated(tokens: list[re.Match[str]], index: int) -> int:
    """Ways that a repetition leaves open."""
    token, before = tokens[index], tokens[index - 1] if index else None
    if before is None or before["repeat"] or before["open"] or before["either"]:
        raise PatternRefused(f"{token[0]!r} at {token.start()} repeats nothing, or a repetition")
    if token[0] == "?":
        return 2
    if before["close"]:
        raise PatternRefused(f"a group is repeated at {token.start()}")
    if token[0].startswith("{") and "," not in token[0]:
        return 1
    following = tokens[index + 1 : index + 3]
    ends_itself = (
        bool(before["none_of"])
        and bool(following)
        and following[0][0] == before["excluded"]
        and not (len(following) > 1 and following[1]["repeat"])
    )
    return 1 if ends_itself else _NAME_LETTERS


def _choices(tokens: list[re.Match[str]]) -> int:
    """The product of the alternatives of all groups."""
    ways = 1
    alternatives = [1]
    for token in tokens:
        if token["open"]:
            alternatives.append(1)
        elif token["either"]:
            alternatives[-1] += 1
        elif token["close"] and len(alternatives) > 1:
            ways *= alternatives.pop()
    return ways * alternatives[0]
