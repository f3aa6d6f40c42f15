"""Parts of a call's record that HTTP exchanges and WebSocket sessions fill in alike."""

from collections.abc import Mapping

from llmobserve.guard import guarded
from llmobserve.privacy import clean, label
from llmobserve.providers.base import Provider, Reading
from llmobserve.wire import ContentRecord

__all__ = ["content_of", "dimensions_of", "error_message", "name_of", "query_fields", "request_id_of", "revision_of"]

_REDACT = guarded("capture.redact")
_MESSAGE_CHARACTERS = 500
_CREDENTIAL_FIELDS = frozenset(
    {
        *("access_token", "api_key", "api-key", "apikey", "authorization", "conversation_signature"),
        *("conversation_token", "key", "sig", "signature", "single_use_token", "token", "xi-api-key"),
    }
)


def query_fields(query: str) -> dict[str, str]:
    """The fields of a query without credentials (Gemini takes its key there)."""
    if not query:
        return {}
    from urllib.parse import parse_qsl  # slow to import, and few requests have a query

    return {name: value for name, value in parse_qsl(query) if name.lower() not in _CREDENTIAL_FIELDS}


def error_message(text: str | None) -> str | None:
    """An error message as it may leave the process: providers quote keys in them, and transports whole URLs."""
    if not text:
        return None
    return clean(text[: 10 * _MESSAGE_CHARACTERS], "error")[:_MESSAGE_CHARACTERS]


def name_of(model: str | None) -> str | None:
    """The name of a model as it may leave the process: applications mix up their arguments."""
    return None if model is None else label(model)


def revision_of(reading: Reading) -> int:
    """The revision that a reading says, else by whether the provider has stated the usage."""
    if reading.revision is not None:
        return reading.revision
    return 1 if reading.remote_id is not None and reading.usage.source == "response" else 0


def dimensions_of(provider: Provider, host: str, reading: Reading) -> Mapping[str, str]:
    """What decides the price beside the quantities: facts of the host, then of the reading."""
    of_host = provider.dimensions_of_host
    return reading.dimensions if of_host is None else {**of_host(host), **reading.dimensions}


def request_id_of(provider: Provider, headers: Mapping[str, str]) -> str | None:
    """The provider's id of the request, by the answer's headers."""
    for name in provider.request_id_headers:
        value = headers.get(name)
        if value:
            return value
    return None


def content_of(event_id: str, reading: Reading) -> ContentRecord | None:
    """What was said in a call, with secrets removed; `None` when the reading holds nothing."""
    if reading.input is None and reading.output is None:
        return None
    with _REDACT:
        from llmobserve.capture.redaction import redact  # its patterns are many and not everyone needs them

        return redact(event_id, reading.input, reading.output)
    return None
