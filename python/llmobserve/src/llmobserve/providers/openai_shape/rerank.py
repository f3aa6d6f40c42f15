"""Reranking as OpenAI-shaped hosts offer it: billed by tokens, by search units or by the request."""

from collections.abc import Mapping
from typing import Any

from llmobserve.providers.base import Reading
from llmobserve.providers.openai_shape.reader import ShapeReader
from llmobserve.providers.openai_shape.usage import input_usage
from llmobserve.providers.quantities import Counters, as_mapping, usage_of
from llmobserve.wire import Usage

__all__ = ["RerankReader"]


class RerankReader(ShapeReader):
    """Reads a reranking."""

    _units: Mapping[str, Any] | None = None

    def take(self, body: Mapping[str, Any]) -> None:
        """Take the answer."""
        self.take_identity(body)
        billed = as_mapping(as_mapping(body.get("meta")).get("billed_units"))
        self._units = billed or None

    def stated_usage(self, *, text_output: bool = True) -> Usage | None:
        """Usage as the answer states it: billed units first."""
        if self._units is not None:
            counters = Counters()
            units = counters.whole(self._units, "search_units")
            if units is not None:
                return usage_of({"search_units": units}, dict(self._units))
        return input_usage(self.usage_raw)

    def reading(self, *, ended_early: bool = False) -> Reading:
        """The facts so far."""
        out = self.base_reading()
        if self.want_content:
            out.input = {key: self.asked[key] for key in ("query", "documents") if key in self.asked} or None
        if not self.failed:
            out.usage = self.stated_usage() or Usage(flags=("partial",) if ended_early else ())
        return out
