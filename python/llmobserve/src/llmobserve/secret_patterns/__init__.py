"""Replaces what looks like a credential in text: keys of known shape, named values, and both of these encoded."""

from llmobserve.secret_patterns.encoded import without_encoded
from llmobserve.secret_patterns.named import names_a_secret, without_named
from llmobserve.secret_patterns.shapes import REPLACED, long_words, without_shapes

__all__ = ["REPLACED", "names_a_secret", "without_secrets"]

_LONGEST_WORD = 15
"""Characters of a word that is no secret, whatever it says: where all are letters and digits, a secret has more."""


def without_secrets(text: str) -> tuple[str, int]:
    """The text with `[redacted]` in place of each secret, and how many there were. Linear in the length."""
    if len(text) <= _LONGEST_WORD and text.isalnum():
        return text, 0
    words = long_words(text)
    text, by_shape = without_shapes(text, words)
    text, by_name = without_named(text)
    text, encoded = without_encoded(text, words) if words else (text, 0)
    return text, by_shape + by_name + encoded
