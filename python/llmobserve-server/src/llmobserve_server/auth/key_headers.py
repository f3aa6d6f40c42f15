"""Where requests carry keys: in the header of ours, and in those that other tools' SDKs send.

Phoenix and plain OpenTelemetry send `Authorization: Bearer K` or `api_key`, Opik the key without a scheme, Langfuse
`Basic` of public and secret key, LangSmith `x-api-key` (captured, November 2026).
"""

import base64
import binascii
from collections.abc import Iterator, Mapping

__all__ = ["KEY_HEADERS", "OURS", "PROJECT_HEADERS", "presented_key", "project_named"]

OURS = "llmo_"
"""What keys of this server begin with."""
KEY_HEADERS = ("x-llmobserve-api-key", "authorization", "x-api-key", "api-key", "api_key")
"""The first of them that has a key of ours counts."""
PROJECT_HEADERS = ("x-llmobserve-project", "x-project-name", "projectname", "langsmith-project")
"""Names of a project, the first that is given counts."""


def presented_key(headers: Mapping[str, str]) -> str | None:
    """The key of a request: one of ours if there is any, else what stands in its place; `None` for no key at all.

    Names in `headers` are in lower case, or compared without case.
    """
    found = [key for name in KEY_HEADERS for key in _keys_in(name, headers.get(name))]
    return next((key for key in found if key.startswith(OURS)), found[0] if found else None)


def project_named(headers: Mapping[str, str]) -> str | None:
    """The project that a request names in a header; `None` for none."""
    return next((value.strip() for name in PROJECT_HEADERS if (value := headers.get(name)) and value.strip()), None)


def _keys_in(name: str, value: str | None) -> Iterator[str]:
    if value is None:
        return
    value = value.strip()
    if name != "authorization":
        yield value
        return
    scheme, _, rest = value.partition(" ")
    if scheme.lower() == "basic":
        yield from _basic(rest.strip())
    elif scheme.lower() == "bearer":
        yield rest.strip()
    else:
        yield value


def _basic(encoded: str) -> Iterator[str]:
    """Password and user, in this order: tools have a public part where the user stands."""
    try:
        user, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        yield encoded
        return
    yield password
    yield user
