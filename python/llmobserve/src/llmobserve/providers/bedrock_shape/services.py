"""What Bedrock runs beside conversations: guardrails on their own, and work that puts its result into storage."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from llmobserve.providers.base import Reading
from llmobserve.providers.bedrock_shape.converse import BedrockReader
from llmobserve.providers.bedrock_shape.guardrail_units import checks_usage, guardrail_usage
from llmobserve.providers.own_shape import text_of
from llmobserve.providers.quantities import Counters, as_mapping, as_quantity, usage_of
from llmobserve.wire import Usage

__all__ = ["AsyncInvokeReader", "GuardrailReader"]


class GuardrailReader(BedrockReader):
    """Reads a guardrail that is applied to a text, or checks without one."""

    input_keys = ("content", "messages")
    _body: Mapping[str, Any] = {}

    def asked_model(self) -> str | None:
        """Guardrails are one product."""
        return "guardrail"

    def take(self, body: Any) -> None:
        """Take the answer."""
        self._body = as_mapping(body)

    def fill(self, out: Reading, *, ended_early: bool) -> None:
        """The units of each policy."""
        super().fill(out, ended_early=ended_early)
        if self.want_content:
            out.output = self._body.get("outputs")
        usage = self._body.get("usage")
        if "checks" in self.asked:
            out.usage = checks_usage(usage)
        else:
            out.usage = guardrail_usage(usage) or Usage(flags=("partial",) if ended_early else ())


class AsyncInvokeReader(BedrockReader):
    """Reads the start of a video, whose length is in the request, and later looks, which tell whether it failed."""

    input_keys = ("modelInput",)
    _body: Mapping[str, Any] = {}

    def take(self, body: Any) -> None:
        """Take the invocation."""
        self._body = as_mapping(body)

    def asked_model(self) -> str | None:
        """The model that the request names, or the finished invocation."""
        return self.named_model(text_of(self.asked.get("modelId")) or text_of(self._body.get("modelArn")))

    def fill(self, out: Reading, *, ended_early: bool) -> None:
        """Seconds of the start; nothing at all of one that failed."""
        super().fill(out, ended_early=ended_early)
        out.remote_id = text_of(self._body.get("invocationArn"))
        if self.request.method == "GET":
            failed = self._body.get("status") == "Failed"
            out.pending = not failed
            out.usage = usage_of({"output_seconds": 0} if failed else {}, None)
            if failed:
                out.error_type, out.error_message = "failed", text_of(self._body.get("failureMessage"))
            return
        given = as_mapping(self.asked.get("modelInput"))
        settings = as_mapping(given.get("videoGenerationConfig"))
        seconds = _seconds(settings) or _seconds(given)
        out.usage = (
            Usage() if seconds is None else Usage(units={"output_seconds": as_quantity(seconds)}, source="request")
        )
        size = text_of(settings.get("dimension")) or text_of(given.get("resolution"))
        if size is not None:
            out.dimensions["size"] = size


def _seconds(settings: Mapping[str, Any]) -> Decimal | None:
    """The length that is asked for: `durationSeconds` as a number, or `duration` as `5s`."""
    length = text_of(settings.get("duration"))
    if length is not None:
        return Counters().fraction({"n": length.removesuffix("s")}, "n")
    return Counters().fraction(settings, "durationSeconds")
