"""Collectors that look at the result alone, which the built-in ones do: what cannot change may be looked at later."""

from abc import abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from llmobserve.monitoring.collector import MetricCollector
from llmobserve.monitoring.span_context import SpanContext

__all__ = ["ResultCollector"]


class ResultCollector(MetricCollector):
    """Base of the built-in collectors."""

    later: ClassVar[frozenset[type]] = frozenset()
    """Results of these types say the same on another thread, half a second later, if they are short."""

    def collect(
        self, result: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], context: SpanContext
    ) -> Mapping[str, Any]:
        """The figures of the result."""
        return self.measure(result)

    @abstractmethod
    def measure(self, result: Any) -> Mapping[str, Any]:
        """The figures of the result; of `None` none."""
