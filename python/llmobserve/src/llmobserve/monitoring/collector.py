"""What a collector of metrics is: it looks at what a monitored function returned and gives figures about it."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any

from llmobserve.monitoring.span_context import SpanContext

__all__ = ["MetricCollector"]


class MetricCollector(ABC):
    """Base of all collectors. One object of a class serves all functions and threads."""

    @property
    @abstractmethod
    def metric_type(self) -> str:
        """Names the figures: those of type `text` are recorded as `metrics.text.…`."""

    @abstractmethod
    def collect(
        self, result: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any], context: SpanContext
    ) -> Mapping[str, Any]:
        """Figures about one call, by name. A figure that is `None` is not known and not recorded.

        `result` is what the function returned; of a generator the list of what it yielded, joined where that is all
        text or all bytes. None of the arguments may be changed. It runs in the thread of the call, before its result
        is handed on, so it has to be quick. Whatever it raises is counted (`internal_errors: collector.<name>`) and
        does not reach the application.
        """
