"""How a score names a span or call of OpenTelemetry whose event id its sender does not know."""

__all__ = ["span_target"]


def span_target(trace_id: str, span_id: str) -> str:
    """What stands as `target_id` of such a score, in place of an event id. It may be there before the span is."""
    return f"{trace_id}:{span_id}"
