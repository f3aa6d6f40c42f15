"""Replicate: predictions, one event per remote id; what they cost is known once they are over.

https://replicate.com/docs/reference/http, read 2026-11-21. Official models are billed by what they made (`metrics`
counts it), others by the seconds that their hardware ran.
"""

from collections.abc import Mapping
from typing import Any

from llmobserve.providers.base import Endpoint, LazyPattern, Provider, Reading
from llmobserve.providers.own_shape import OwnReader, text_of
from llmobserve.providers.quantities import Counters, as_mapping, as_quantity, usage_of
from llmobserve.wire import Quantity, Usage

__all__ = ["PROVIDER"]

_OVER = frozenset({"succeeded", "failed", "canceled", "aborted"})
_MADE = (
    ("input_token_count", "input_text_tokens"),
    ("output_token_count", "output_text_tokens"),
    ("token_input_count", "input_text_tokens"),
    ("token_output_count", "output_text_tokens"),
    ("image_count", "images"),
    ("image_output_count", "images"),
    ("video_output_duration_seconds", "output_seconds"),
    ("audio_output_duration_seconds", "output_seconds"),
)


class _Prediction(OwnReader):
    """Reads a prediction, when it is made and when it is looked at.

    One that is to be streamed is recorded at once, since its client need not look at it again.
    """

    input_keys = ("input",)
    _prediction: Mapping[str, Any] | None = None

    def take(self, body: Any) -> None:
        """Take the prediction."""
        found = as_mapping(body)
        self._prediction = found
        self.response_id = text_of(found.get("id"))

    def is_error(self, body: Any) -> bool:
        """A prediction that failed is an answer like any other."""
        return False

    def asked_model(self) -> str | None:
        """Owner and name of the model; the version where a prediction names nothing else."""
        found = self._prediction or {}
        owner, name = self.groups.get("owner"), self.groups.get("name")
        path = f"{owner}/{name}" if owner and name else None
        return (
            path or text_of(found.get("model")) or text_of(self.asked.get("version")) or self.groups.get("deployment")
        )

    def fill(self, out: Reading, *, ended_early: bool) -> None:
        """Usage of a prediction that is over."""
        found = self._prediction
        if found is None:
            out.pending = not ended_early
            return
        out.remote_id = self.response_id
        status = text_of(found.get("status"))
        streamed = bool(self.asked.get("stream") or as_mapping(found.get("urls")).get("stream"))
        out.pending = status not in _OVER and not (streamed and self.request.method == "POST")
        if self.want_content:
            out.output = found.get("output")
        if status == "failed":
            out.error_type, out.error_message = "failed", text_of(found.get("error"))
        out.usage = _metrics_usage(found.get("metrics"))


def _metrics_usage(raw: Any) -> Usage:
    metrics = as_mapping(raw)
    counters = Counters()
    units: dict[str, Quantity] = {}
    for key, unit in _MADE:
        number = counters.fraction(metrics, key)
        if number is not None:
            units[unit] = as_quantity(number)
    if not units:
        seconds = counters.fraction(metrics, "predict_time")
        if seconds is not None:
            units["compute_seconds"] = seconds
    return usage_of(units, raw, flags=("malformed",) if counters.malformed else ())


def _endpoint(methods: tuple[str, ...], path: str) -> Endpoint:
    return Endpoint(
        operation="predictions",
        kind="other",
        methods=methods,
        path=LazyPattern(r"/v1" + path),
        reader=_Prediction,
        usage_key="metrics",
    )


PROVIDER = Provider(
    name="replicate",
    endpoints=(
        _endpoint(("POST",), r"/predictions"),
        _endpoint(("POST",), r"/models/(?P<owner>[^/]+)/(?P<name>[^/]+)/(?:versions/[^/]+/)?predictions"),
        _endpoint(("POST",), r"/deployments/(?P<deployment>[^/]+/[^/]+)/predictions"),
        _endpoint(("GET", "POST"), r"/predictions/(?P<id>[^/]+)(?:/cancel)?"),
    ),
    request_id_headers=("x-request-id",),
)
