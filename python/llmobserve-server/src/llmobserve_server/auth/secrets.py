"""Form of keys and tokens: how they are made, recognised without a look-up, and hashed."""

import hashlib
import re
import secrets
import string
import zlib
from typing import Literal, get_args

__all__ = ["Scope", "hash_secret", "is_well_formed_key", "new_key_secret", "new_token", "shown_prefix"]

Scope = Literal["ingest", "read", "admin"]

_DIGITS = string.digits + string.ascii_uppercase + string.ascii_lowercase
_RANDOM_LENGTH = 24
"""142 random bits: more than the 112 above which OWASP ASVS 5.0 (6.5.2, July 2026) lets a plain hash suffice."""
_CHECK_LENGTH = 6
_KEY = re.compile(rf"llmo_(?:{'|'.join(get_args(Scope))})_[0-9A-Za-z]{{22,64}}[0-9A-Za-z]{{{_CHECK_LENGTH}}}")


def new_key_secret(scope: Scope) -> str:
    """`llmo_<scope>_<24 random><6 check characters>`; the last are the CRC-32 of what stands before them."""
    body = f"llmo_{scope}_" + "".join(secrets.choice(_DIGITS) for _ in range(_RANDOM_LENGTH))
    return body + _check_characters(body)


def is_well_formed_key(text: str) -> bool:
    """Whether `text` can be one of our keys at all, by its form and check characters."""
    if not _KEY.fullmatch(text):
        return False
    return text[-_CHECK_LENGTH:] == _check_characters(text[:-_CHECK_LENGTH])


def shown_prefix(secret: str) -> str:
    """Beginning of a key by which people recognise it: scope and four of its random characters."""
    head, _, random = secret.rpartition("_")
    return f"{head}_{random[:4]}"


def new_token() -> str:
    """A token for a sign-in link or a cookie: 256 random bits."""
    return secrets.token_urlsafe(32)


def hash_secret(secret: str) -> str:
    """SHA-256 in hexadecimal: what is stored in place of the secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _check_characters(body: str) -> str:
    number = zlib.crc32(body.encode())
    text = ""
    for _ in range(_CHECK_LENGTH):
        number, digit = divmod(number, len(_DIGITS))
        text = _DIGITS[digit] + text
    return text
