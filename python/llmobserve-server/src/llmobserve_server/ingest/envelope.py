"""The outer form of a batch: version, source, and records that are still text."""

import msgspec

from llmobserve_server.errors import BadRequest
from llmobserve_server.ingest.json_text import repair, shallow, split_batch

__all__ = ["Envelope", "Origin", "open_envelope"]

_MAX_SALVAGE_BYTES = 16 * 1024 * 1024


class Origin(msgspec.Struct, frozen=True, kw_only=True):
    """The sending process, as `wire.Source` describes it."""

    process_id: str
    sdk: str | None = None
    sdk_version: str | None = None
    language: str | None = None
    service: str | None = None
    environment: str | None = None
    host: str | None = None


class Envelope(msgspec.Struct, frozen=True, kw_only=True):
    """A batch as `wire.Batch` describes it. Fields it does not know are ignored, so a newer version is understood."""

    version: int
    batch_id: str
    sent_at_us: int
    source: Origin
    events: list[msgspec.Raw]
    dropped: dict[str, int] = {}
    report: msgspec.Raw = msgspec.Raw()
    """`wire.ProcessReport` as it came; empty when there is none."""


_decode = msgspec.json.Decoder(Envelope).decode


def open_envelope(body: bytes) -> Envelope:
    """The batch in `body`, with each record as it came.

    Raises BadRequest, with what is missing, when this is not a batch. A record that is damaged is no reason: it stays
    in `events` as it is.
    """
    try:
        return _decode(body)
    except msgspec.ValidationError as error:
        raise BadRequest(f"Not a batch of events: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return _salvage(body, error)


def _salvage(body: bytes, cause: Exception) -> Envelope:
    found = split_batch(body) if len(body) <= _MAX_SALVAGE_BYTES else None
    if found is None:
        raise BadRequest(f"The body is not JSON: {cause}") from cause
    head, records = found
    try:
        envelope = _decode(repair(shallow(head)))
    except msgspec.ValidationError as error:
        raise BadRequest(f"Not a batch of events: {error}") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadRequest(f"The body is not JSON: {error}") from error
    return msgspec.structs.replace(envelope, events=[msgspec.Raw(record) for record in records])
