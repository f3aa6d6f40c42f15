"""LangSmith's runs as the spans that its own OpenTelemetry mode would write.

Source: langsmith 0.15.0 (`_internal/_operations.py`, `client.py`), November 2026. A run is posted when it begins and
patched when it ends; a patch repeats everything but the inputs.
"""

from decimal import Decimal, InvalidOperation
from typing import Any

from llmobserve.wire import Context, ScoreRecord, now_us
from llmobserve_server.ingest.foreign.entrance import Translated
from llmobserve_server.ingest.foreign.parts import nanoseconds, object_of, span_id_of, stated, text_of, trace_id_of
from llmobserve_server.ingest.otlp.messages import OtlpSpan, Sender
from llmobserve_server.ingest.otlp.unreadable import UnreadableError
from llmobserve_server.store.span_target import span_target

__all__ = ["LANGSMITH_SENDER", "langsmith_entry", "langsmith_span"]

LANGSMITH_SENDER = Sender({}, "langsmith")
_CALLS = frozenset({"llm", "embedding"})
_OPERATIONS = {"llm": "chat", "embedding": "embeddings", "tool": "execute_tool"}
_INTERNAL, _CLIENT, _OK, _ERROR = 1, 3, 1, 2


def langsmith_entry(entry: dict[str, Any]) -> Translated:
    """A run as a span, feedback as a score; see `langsmith_span`."""
    return _score(entry) if entry.get("is") == "feedback" else langsmith_span(entry)


def _score(feedback: dict[str, Any]) -> ScoreRecord:
    """Feedback on a run, whose own trace it is where none is named."""
    run_id, name = text_of(feedback.get("run_id")), text_of(feedback.get("key"))
    score, value = feedback.get("score"), feedback.get("value")
    if run_id is None or name is None or (score is None and not isinstance(value, str)):
        raise UnreadableError("feedback needs `run_id`, `key`, and `score` or a text as `value`")
    trace_id = trace_id_of(text_of(feedback.get("trace_id")) or run_id)
    is_truth = isinstance(score, bool)
    return ScoreRecord(
        event_id=text_of(feedback.get("id")) or trace_id_of(f"{run_id} {name}"),
        target_type="event",
        target_id=span_target(trace_id, span_id_of(run_id)),
        name=name,
        data_type="categorical" if score is None else "boolean" if is_truth else "numeric",
        value=None if score is None else Decimal(int(score)) if is_truth else _number(score),
        label=str(value) if score is None else None,
        comment=text_of(feedback.get("comment")),
        at_us=nanoseconds(feedback.get("created_at")) // 1000 or now_us(),
        context=Context(run_id=trace_id),
    )


def _number(value: Any) -> Decimal:
    try:
        return Decimal(str(value))
    except InvalidOperation:
        raise UnreadableError(f"`score` is a number, not {str(value)[:40]!r}") from None


def langsmith_span(run: dict[str, Any]) -> OtlpSpan | None:
    """The span of a run; `None` for a call that has not ended: what it cost is not known yet.

    Raises UnreadableError for one without an id or a start.
    """
    own_id, kind = text_of(run.get("id")), text_of(run.get("run_type")) or "chain"
    start_ns, end_ns = nanoseconds(run.get("start_time")), nanoseconds(run.get("end_time"))
    if own_id is None or not (start_ns or end_ns):
        raise UnreadableError("it is no run of LangSmith: `id` and `start_time` are missing")
    if kind in _CALLS and not end_ns:
        return None
    parent, error = text_of(run.get("parent_run_id")), text_of(run.get("error"))
    return OtlpSpan(
        trace_id=trace_id_of(text_of(run.get("trace_id")) or own_id),
        span_id=span_id_of(own_id),
        parent_span_id=None if parent is None else span_id_of(parent),
        name=text_of(run.get("name")) or kind,
        kind=_CLIENT if kind in _CALLS else _INTERNAL,
        start_ns=start_ns or end_ns,
        end_ns=end_ns,
        attributes=_attributes(run, kind),
        events=(),
        status_code=_OK if error is None else _ERROR,
        status_message=error or "",
        sender=LANGSMITH_SENDER,
    )


def _attributes(run: dict[str, Any], kind: str) -> dict[str, Any]:
    extra, outputs = object_of(run.get("extra")), object_of(run.get("outputs"))
    metadata = dict(object_of(extra.get("metadata")))
    parameters = object_of(extra.get("invocation_params"))
    usage = outputs.get("usage_metadata")
    if usage is not None:
        metadata.setdefault("usage_metadata", usage)
    tags = run.get("tags")
    return stated(
        {
            "langsmith.span.kind": kind,
            "langsmith.trace.session_name": run.get("session_name"),
            "gen_ai.operation.name": _OPERATIONS.get(kind),
            "gen_ai.request.model": parameters.get("model") or parameters.get("model_name"),
            "gen_ai.prompt": run.get("inputs"),
            "gen_ai.completion": run.get("outputs"),
            "langsmith.request.streaming": parameters.get("stream"),
            "gen_ai.response.time_to_first_chunk": _first_token_s(run),
            "langsmith.span.tags": ",".join(map(str, tags)) if isinstance(tags, list) and tags else None,  # pyright: ignore[reportUnknownArgumentType]
            **{f"langsmith.metadata.{name}": value for name, value in metadata.items()},
        }
    )


def _first_token_s(run: dict[str, Any]) -> float | None:
    events = run.get("events")
    if not isinstance(events, list):
        return None
    for event in events:  # pyright: ignore[reportUnknownVariableType]
        said = object_of(event)
        if said.get("name") == "new_token":
            return max(nanoseconds(said.get("time")) - nanoseconds(run.get("start_time")), 0) / 1e9
    return None
