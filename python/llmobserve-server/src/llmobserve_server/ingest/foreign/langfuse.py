"""Langfuse's batches (`/api/public/ingestion`, its SDKs up to version 2) as the spans that its SDK 5 would write.

Source: langfuse/langfuse `fern/apis/server/definition/ingestion.yml`, November 2026. An envelope has an id of its own;
its body creates or updates a trace, an observation or a score, and an update says only what is new.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from llmobserve_server.ingest.foreign.entrance import Translated
from llmobserve_server.ingest.foreign.halves import Halves
from llmobserve_server.ingest.foreign.langfuse_scores import LANGFUSE_SENDER, langfuse_score
from llmobserve_server.ingest.foreign.parts import (
    nanoseconds,
    object_of,
    objects_of,
    span_id_of,
    stated,
    text_of,
    trace_id_of,
)
from llmobserve_server.ingest.otlp.messages import OtlpSpan
from llmobserve_server.ingest.otlp.unreadable import UnreadableError

__all__ = ["Envelopes", "langfuse_entry", "opened"]

_INTERNAL, _CLIENT, _UNSET, _ERROR = 1, 3, 0, 2
_CALLS = frozenset({"generation", "embedding"})
_ENDED = ("endTime", "output", "usage", "usageDetails")
"""Any of which says that a generation is over: some applications never tell its end."""
_PROVIDER_COUNTS = frozenset({"prompt_tokens", "completion_tokens", "input_tokens", "output_tokens"})
_TRACE, _OBSERVATION = "langfuse trace", "langfuse observation"


@dataclass(frozen=True, slots=True)
class Envelopes:
    """A batch, opened."""

    ids: Sequence[str]
    """Of the envelopes."""
    entries: Sequence[Mapping[str, Any]]
    """What each says, for `langfuse_entry`, with all that was said before of the same thing."""


def opened(body: Any, halves: Halves, project_id: str) -> Envelopes:
    """The envelopes of a batch. Raises BadRequest, PayloadTooLarge."""
    events = objects_of(object_of(body).get("batch"), "`batch`")
    entries = [_merged(event, halves, project_id) for event in events]
    last: dict[str, int] = {}
    for at, entry in enumerate(entries):
        if entry["is"] != "score":
            last[f"{entry['is']} {entry.get('id')}"] = at
    traces = {entry.get("id"): entry for entry in entries if entry["is"] == "trace"}
    for at, entry in enumerate(entries):
        if entry["is"] == "observation":
            trace_id = str(entry.get("traceId"))
            entry["trace"] = traces.get(trace_id) or halves.known(project_id, _TRACE, trace_id)
        if entry["is"] in ("trace", "observation") and last[f"{entry['is']} {entry.get('id')}"] != at:
            # The last of them says it all.
            entry["is"] = "nothing"
    return Envelopes([str(event.get("id", "")) for event in events], entries)


def _merged(event: Mapping[str, Any], halves: Halves, project_id: str) -> dict[str, Any]:
    kind = str(event.get("type"))
    said = dict(object_of(event.get("body")))
    what, _, _ = kind.partition("-")
    own_id = text_of(said.get("id"))
    if kind == "score-create":
        return {**said, "is": "score"}
    if what not in ("trace", "span", "generation", "event", "observation"):
        return {"is": "nothing" if kind == "sdk-log" else "unknown", "type": kind}
    if own_id is None:
        return {"is": "unknown", "type": kind}
    said.setdefault("startTime" if kind.endswith("-create") else "updatedAt", event.get("timestamp"))
    if what == "trace":
        first = halves.known(project_id, _TRACE, own_id).get("timestamp")
        said["timestamp"] = first or said.get("timestamp") or event.get("timestamp")
        return {**halves.with_earlier(project_id, _TRACE, own_id, said), "is": "trace"}
    if what != "observation":
        said["type"] = what
    return {**halves.with_earlier(project_id, _OBSERVATION, own_id, said), "is": "observation"}


def langfuse_entry(entry: dict[str, Any]) -> Translated:
    """What an entry of `Envelopes` says; `None` for a generation that has not ended. Raises UnreadableError."""
    kind = entry.get("is")
    if kind == "nothing":
        return None
    if kind == "score":
        return langfuse_score(entry)
    if kind == "trace":
        return _trace(entry)
    if kind == "observation":
        return _observation(entry)
    raise UnreadableError(f"{str(entry.get('type'))[:60]!r} is no event of Langfuse that is known, or it has no id")


def _trace(trace: Mapping[str, Any]) -> OtlpSpan:
    """The root that a trace is: its observations without a parent stand below it."""
    own_id = str(trace["id"])
    at_ns = nanoseconds(trace.get("timestamp"))
    return OtlpSpan(
        trace_id=trace_id_of(own_id),
        span_id=span_id_of(f"{own_id} root"),
        parent_span_id=None,
        name=text_of(trace.get("name")) or "trace",
        kind=_INTERNAL,
        start_ns=at_ns,
        end_ns=at_ns,
        attributes=stated(
            {
                "langfuse.observation.type": "span",
                "langfuse.observation.input": trace.get("input"),
                "langfuse.observation.output": trace.get("output"),
                **_of_trace(trace),
            }
        ),
        events=(),
        status_code=_UNSET,
        status_message="",
        sender=LANGFUSE_SENDER,
    )


def _observation(said: Mapping[str, Any]) -> OtlpSpan | None:
    own_id = str(said["id"])
    kind = str(said.get("type") or "span").lower()
    is_call = kind in _CALLS
    failed = said.get("level") == "ERROR"
    if is_call and not failed and not any(said.get(name) for name in _ENDED):
        return None
    start_ns = nanoseconds(said.get("startTime") or said.get("endTime") or said.get("updatedAt"))
    end_ns = nanoseconds(said.get("endTime")) or (start_ns if is_call or kind == "event" else 0)
    trace_id = text_of(said.get("traceId")) or own_id
    parent = text_of(said.get("parentObservationId"))
    return OtlpSpan(
        trace_id=trace_id_of(trace_id),
        span_id=span_id_of(own_id),
        parent_span_id=span_id_of(f"{trace_id} root" if parent is None else parent),
        name=text_of(said.get("name")) or kind,
        kind=_CLIENT if is_call else _INTERNAL,
        start_ns=start_ns,
        end_ns=end_ns,
        attributes=_of_observation(said, kind),
        events=(),
        status_code=_ERROR if failed else _UNSET,
        status_message=text_of(said.get("statusMessage")) or "",
        sender=LANGFUSE_SENDER,
    )


def _of_observation(said: Mapping[str, Any], kind: str) -> dict[str, Any]:
    usage = object_of(said.get("usage"))
    return stated(
        {
            "langfuse.observation.type": kind,
            "langfuse.observation.model.name": said.get("model"),
            "langfuse.observation.model.parameters": said.get("modelParameters"),
            "langfuse.observation.usage_details": said.get("usageDetails") or _counts(usage),
            "langfuse.observation.cost_details": said.get("costDetails") or _costs(usage),
            "langfuse.observation.completion_start_time": said.get("completionStartTime"),
            "langfuse.observation.level": said.get("level"),
            "langfuse.observation.status_message": said.get("statusMessage"),
            "langfuse.observation.input": said.get("input"),
            "langfuse.observation.output": said.get("output"),
            "langfuse.observation.prompt.name": said.get("promptName"),
            "langfuse.observation.prompt.version": said.get("promptVersion"),
            **_metadata("langfuse.observation.metadata", said.get("metadata")),
            **_of_trace(object_of(said.get("trace"))),
        }
    )


def _of_trace(trace: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "langfuse.session.id": trace.get("sessionId"),
        "langfuse.user.id": trace.get("userId"),
        "langfuse.trace.tags": trace.get("tags") or None,
        **_metadata("langfuse.trace.metadata", trace.get("metadata")),
    }


def _metadata(name: str, metadata: Any) -> dict[str, Any]:
    return {f"{name}.{key}": value for key, value in object_of(metadata).items()}


def _counts(usage: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Counts of the older `usage`: those of a provider as they are, Langfuse's own under its newer names."""
    if usage.keys() & _PROVIDER_COUNTS:
        return usage
    counts = {
        "input": usage.get("input", usage.get("promptTokens")),
        "output": usage.get("output", usage.get("completionTokens")),
        "total": usage.get("total", usage.get("totalTokens")),
    }
    return stated(counts) or None


def _costs(usage: Mapping[str, Any]) -> Mapping[str, Any] | None:
    costs = {"input": usage.get("inputCost"), "output": usage.get("outputCost"), "total": usage.get("totalCost")}
    return stated(costs) or None
