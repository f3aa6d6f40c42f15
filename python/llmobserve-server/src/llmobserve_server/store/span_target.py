"""How scores and contents name a span or call of OpenTelemetry whose event id their sender does not know."""

from hashlib import blake2b

__all__ = ["answer_target", "content_names", "piece_name", "span_target"]

_LONGEST = 72


def span_target(trace_id: str, span_id: str) -> str:
    """What stands as `target_id` of such a score, in place of an event id. It may be there before the span is."""
    return f"{trace_id}:{span_id}"


def answer_target(response_id: str) -> str:
    """The same where nothing is known but the provider's id of the answer."""
    short = response_id if len(response_id) <= _LONGEST else blake2b(response_id.encode(), digest_size=16).hexdigest()
    return f"answer:{short}"


def piece_name(target: str, time_ns: int, digest: str) -> str:
    """`event_id` of a piece of content: of one message, say. Pieces of a target sort by time."""
    return f"{target}:{time_ns:019d}:{digest[:16]}"


def content_names(target: str) -> tuple[str, str]:
    """Bounds of the names of all pieces of a target: from the first on, to below the second."""
    return f"{target}:", f"{target};"
