"""Reads images made by `predict` and videos made by `predictLongRunning`."""

from collections.abc import Mapping
from typing import Any, cast

from llmobserve.providers.base import Reading
from llmobserve.providers.google_shape.embed import PredictEmbeddingReader
from llmobserve.providers.own_shape import OwnReader, text_of
from llmobserve.providers.quantities import Counters, as_mapping, as_quantity, usage_of
from llmobserve.wire import Usage

__all__ = ["ImagePredictReader", "LongRunningReader"]

_DEFAULT_SECONDS = 8
_TEXT_MODELS = ("embed", "gecko")


class ImagePredictReader(PredictEmbeddingReader):
    """Reads a prediction: images are counted; a model whose name says so makes embeddings."""

    input_keys = ("instances", "parameters")

    def fill(self, out: Reading, *, ended_early: bool) -> None:
        """The usage and what decides the price of an image."""
        model = self.asked_model() or ""
        if any(word in model for word in _TEXT_MODELS):
            super().fill(out, ended_early=ended_early)
            out.kind = "embedding"
            return
        predictions = (self._body or {}).get("predictions")
        if isinstance(predictions, list):
            made = [item for item in cast("list[Any]", predictions) if not as_mapping(item).get("raiFilteredReason")]
            out.usage = usage_of({"images": len(made)}, None)
        size = text_of(as_mapping(self.asked.get("parameters")).get("sampleImageSize"))
        if size is not None:
            out.dimensions["size"] = size


class LongRunningReader(OwnReader):
    """Reads the start of a video, whose length is in the request, and later looks, which tell whether it failed.

    The start is recorded with the seconds that were asked for; a look that finds a failure or refusal takes them back.
    """

    input_keys = ("instances", "parameters")
    _body: Mapping[str, Any] | None = None

    def take(self, body: Any) -> None:
        """Take the operation."""
        self._body = as_mapping(body)

    def is_error(self, body: Any) -> bool:
        """An operation that failed is an answer like any other."""
        return False

    def fill(self, out: Reading, *, ended_early: bool) -> None:
        """Seconds of the start, or nothing at all of an operation that failed."""
        body = self._body or {}
        out.remote_id = text_of(body.get("name"))
        if self.groups.get("operation") is None:
            self._fill_start(out)
            return
        error = as_mapping(body.get("error"))
        is_refused = _is_all_filtered(as_mapping(body.get("response")))
        out.pending = not (error or is_refused)
        if not out.pending:
            out.error_type = text_of(error.get("status")) or ("filtered" if is_refused else "failed")
            out.error_message = text_of(error.get("message"))
            out.usage = usage_of({"output_seconds": 0}, None)

    def _fill_start(self, out: Reading) -> None:
        parameters = as_mapping(self.asked.get("parameters"))
        counters = Counters()
        stated = counters.fraction(parameters, "durationSeconds")
        seconds = _DEFAULT_SECONDS if stated is None else as_quantity(stated)
        number = counters.whole(parameters, "sampleCount") or 1
        out.usage = Usage(units={"output_seconds": seconds * number}, source="request")
        resolution = text_of(parameters.get("resolution"))
        if resolution is not None:
            out.dimensions["resolution"] = resolution.lower()
        if parameters.get("generateAudio") is False:
            # A video without sound costs less.
            out.dimensions["audio"] = "none"


def _is_all_filtered(response: Mapping[str, Any]) -> bool:
    """True where every video was refused: only those that were made are charged.

    https://ai.google.dev/gemini-api/docs/video, read 2026-11-21.
    """
    told = as_mapping(response.get("generateVideoResponse")) or response
    made = told.get("generatedSamples") or told.get("videos")
    return not made and bool(Counters().whole(told, "raiMediaFilteredCount"))
