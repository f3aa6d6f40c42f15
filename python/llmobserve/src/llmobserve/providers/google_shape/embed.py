"""Reads embeddings of the Gemini API (which mostly state no tokens) and of Vertex AI's `predict`."""

from collections.abc import Mapping
from typing import Any, cast

from llmobserve.providers.base import Reading
from llmobserve.providers.google_shape.usage import metadata_usage
from llmobserve.providers.own_shape import OwnReader
from llmobserve.providers.prompt_text import PromptText
from llmobserve.providers.quantities import Counters, as_mapping, estimated_usage, usage_of
from llmobserve.wire import Quantity

__all__ = ["EmbedReader", "PredictEmbeddingReader"]


class EmbedReader(OwnReader):
    """Reads `embedContent` and `batchEmbedContents`. Without a count the tokens of the texts are estimated."""

    input_keys = ("content", "requests")
    _body: Mapping[str, Any] | None = None

    def take(self, body: Any) -> None:
        """Take the answer; vectors are not kept."""
        self._body = as_mapping(body)

    def fill(self, out: Reading, *, ended_early: bool) -> None:
        """The usage."""
        usage = metadata_usage((self._body or {}).get("usageMetadata"))
        if usage is not None and usage.units:
            units = {name: number for name, number in usage.units.items() if number or not name.startswith("output_")}
            out.usage = usage_of(units, usage.raw, flags=usage.flags)
            return
        requests = self.asked.get("requests")
        items = cast("list[Any]", requests) if isinstance(requests, list) else [self.asked]
        prompt = PromptText()
        prompt.add([as_mapping(as_mapping(item).get("content")).get("parts") for item in items])
        out.usage = estimated_usage(prompt, None, partial=ended_early)


class PredictEmbeddingReader(OwnReader):
    """Reads embeddings that Vertex AI makes by `predict`: tokens in the statistics of each, else billed characters."""

    input_keys = ("instances",)
    _body: Mapping[str, Any] | None = None

    def take(self, body: Any) -> None:
        """Take the answer."""
        self._body = as_mapping(body)

    def fill(self, out: Reading, *, ended_early: bool) -> None:
        """The usage; a prediction without any statistics stays unknown."""
        body = self._body or {}
        counters = Counters()
        predictions = body.get("predictions")
        tokens: int | None = None
        for item in cast("list[Any]", predictions) if isinstance(predictions, list) else []:
            statistics = counters.child(as_mapping(as_mapping(item).get("embeddings")), "statistics")
            number = counters.whole(statistics, "token_count")
            tokens = tokens if number is None else (tokens or 0) + number
        units: dict[str, Quantity] = {}
        characters = counters.whole(as_mapping(body.get("metadata")), "billableCharacterCount")
        if tokens is not None:
            units["input_text_tokens"] = tokens
        elif characters is not None:
            units["input_characters"] = characters
        flags = ("malformed",) if counters.malformed else ()
        out.usage = usage_of(units, body.get("metadata"), flags=flags)
