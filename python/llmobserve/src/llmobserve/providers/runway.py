"""Runway: media tasks, which are ordered, polled and charged in credits.

The order's answer states the most that the task may charge, the finished task what it charged, which is 0 when it was
refunded (response types of the client library runwayml 5.24.0). Both are one event; the second replaces the first.
"""

from collections import OrderedDict

from llmobserve.providers.base import Endpoint, LazyPattern, Provider, Reading
from llmobserve.providers.call_reader import CallReader, text_or_none
from llmobserve.providers.quantities import as_mapping
from llmobserve.wire import CallKind

__all__ = ["PROVIDER"]

_OVER = frozenset({"SUCCEEDED", "FAILED", "CANCELLED"})
_REMEMBERED_TASKS = 1024
_models: "OrderedDict[str, str]" = OrderedDict()
"""Task → model that was ordered: a finished task does not name it."""


def _remember(task: str, model: str) -> None:
    _models[task] = model
    while len(_models) > _REMEMBERED_TASKS:
        _models.popitem(last=False)


class OrderReader(CallReader):
    """Reads an order."""

    def identify(self, out: Reading) -> None:
        """The model of the request; some operations have only one and name none."""
        out.request_model = text_or_none(self.asked.get("model")) or self.named("operation")
        out.operation = self.named("operation")
        if self.want_content:
            out.input = {"prompt": self.asked.get("promptText")}

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """Credits by the estimate of the answer; the task replaces them."""
        cost = as_mapping(self.body.get("estimatedCost") or self.body.get("estimated_cost"))
        credit = self.counters.fraction(cost, "credits")
        out.remote_id = text_or_none(self.body.get("id"))
        if out.remote_id is not None and out.request_model is not None:
            _remember(out.remote_id, out.request_model)
        out.usage = self.usage({} if credit is None else {"credits": credit}, "estimated", raw=dict(cost))
        out.kind = _kind(out.operation or "")


def _kind(operation: str) -> CallKind:
    if operation.endswith("image") or operation == "image_upscale":
        return "image"
    is_audio = operation.endswith("audio") or any(word in operation for word in ("speech", "sound", "voice"))
    return "audio" if is_audio else "video"


class TaskReader(CallReader):
    """Reads a task that may be over."""

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """Credits that were charged, once the task is over."""
        state = text_or_none(self.body.get("status"))
        out.remote_id = text_or_none(self.body.get("id"))
        cost = as_mapping(self.body.get("cost"))
        credit = self.counters.fraction(cost, "credits")
        out.pending = out.remote_id is None or state not in _OVER or credit is None
        out.request_model = _models.get(out.remote_id or "") or "task"
        out.usage = self.usage({} if credit is None else {"credits": credit}, "response", raw=dict(cost))
        if state == "FAILED":
            out.error_type = text_or_none(self.body.get("failureCode")) or "task_failed"
            out.error_message = text_or_none(self.body.get("failure"))


PROVIDER = Provider(
    name="runway",
    endpoints=(
        Endpoint(
            operation="task",
            kind="video",
            methods=("POST",),
            path=LazyPattern(
                r"/v1/(?P<operation>(?:text|image|video)_to_(?:image|video|audio|hdr|speech)|speech_to_speech|sound_effect"
                r"|(?:image|video)_upscale|voice_(?:dubbing|isolation)|character_performance|generate/[a-z]+"
                r"|recipes/[a-z_]+)"
            ),
            reader=OrderReader,
        ),
        Endpoint(
            operation="task",
            kind="video",
            methods=("GET",),
            path=LazyPattern(r"/v1/tasks/(?P<task>[^/]+)"),
            reader=TaskReader,
        ),
    ),
    request_id_headers=("x-request-id",),
)
