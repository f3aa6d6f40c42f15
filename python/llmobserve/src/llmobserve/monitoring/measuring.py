"""Runs the collectors of a monitored function on what it returned, and puts their figures on its span."""

import sys
from collections.abc import ItemsView, Iterator, Mapping
from typing import Any

from llmobserve.context import OpenSpan
from llmobserve.guard import guarded
from llmobserve.monitoring.collector import MetricCollector
from llmobserve.monitoring.registry import CollectorRegistry, prepare
from llmobserve.monitoring.result_collector import ResultCollector
from llmobserve.monitoring.span_context import SpanContext
from llmobserve.monitoring.yields import Yields

__all__ = ["Chosen", "Measurement"]

Chosen = str | MetricCollector | type[MetricCollector]
"""A collector by its name, as an object, or as a class."""

_MEASURE = guarded("monitoring")
_PREFIX = "metrics"
_MOST_FIGURES = 100
"""Of one call: a span has room for 128 attributes."""
_DEEPEST = 4
_LONGEST_LATER = 16 * 1024
"""Longer results are not kept: many may wait."""
_NONE: frozenset[type] = frozenset()
_objects: dict[type[MetricCollector], MetricCollector] = {}
_PLAIN = frozenset({bool, int, float, str})


class Measurement:
    """What is measured of the calls of one function."""

    def __init__(self, operation: str, collectors: tuple[Chosen, ...], custom: Mapping[str, Any]) -> None:
        self._operation = operation
        self._custom = custom
        # What failed may quote the result, which is content.
        self._collectors = [(chosen, guarded(f"collector.{_name_of(chosen)}", quotes=False)) for chosen in collectors]
        self._ready: dict[int, MetricCollector] = {}
        self._later: frozenset[type] = _NONE
        """Types of results that all collectors may look at later; none before all are ready."""
        for chosen in collectors:
            if isinstance(chosen, str):
                prepare(chosen)

    def take(self, span: OpenSpan, result: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Measure one call, which is the open `span`. Never raises."""
        if type(result) in self._later:
            if result is None:
                return
            if len(result) <= _LONGEST_LATER:
                span.attributes = _Later(self, result)
                return
        if not self._collectors:
            return
        with _MEASURE:
            span.attributes = self.attributes_of(result, args, kwargs)

    def attributes_of(self, result: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """The attributes of a call with this result."""
        figures: dict[str, Any] = {}
        call = result, args, kwargs, SpanContext(operation=self._operation)
        for index, (chosen, guard) in enumerate(self._collectors):
            with guard:
                collector = self._ready.get(index)
                if collector is None:
                    collector = self._prepare(index, chosen)
                found = collector.collect(*call)
                if not _is_mapping(found):
                    raise TypeError(f"a collector gives a mapping, not {type(found).__name__}")
                if found:
                    _put(figures, f"{_PREFIX}.{collector.metric_type}", found, _DEEPEST)
        return {**self._custom, **figures}

    def _prepare(self, index: int, chosen: Chosen) -> MetricCollector:
        collector = self._ready[index] = _object_of(chosen)
        if len(self._ready) == len(self._collectors):
            later = [one.later if isinstance(one, ResultCollector) else _NONE for one in self._ready.values()]
            self._later = frozenset(kind for kind in later[0] if all(kind in kinds for kinds in later))
        return collector

    def take_yields(self, span: OpenSpan, yields: Yields, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> None:
        """Measure what a generator has yielded, at its end. Never raises."""
        if yields.complete:
            self.take(span, yields.joined(), args, kwargs)
        else:
            span.attributes = {**self._custom, f"{_PREFIX}.not_measured": "too much was yielded"}


class _Later(Mapping[str, Any]):
    """Attributes that are made when they are asked for: by the thread that writes the span down."""

    __slots__ = ("_made", "_measurement", "_result")

    def __init__(self, measurement: Measurement, result: Any) -> None:
        self._measurement = measurement
        self._result = result
        self._made: dict[str, Any] | None = None

    def _attributes(self) -> dict[str, Any]:
        made = self._made
        if made is None:
            made = self._made = self._measurement.attributes_of(self._result, (), {})
        return made

    def __getitem__(self, name: str) -> Any:
        return self._attributes()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._attributes())

    def __len__(self) -> int:
        return len(self._attributes())

    def items(self) -> ItemsView[str, Any]:
        return self._attributes().items()


def _name_of(chosen: Any) -> str:
    if isinstance(chosen, str):
        return chosen
    return chosen.__name__ if isinstance(chosen, type) else type(chosen).__name__


def _object_of(chosen: Chosen) -> MetricCollector:
    if isinstance(chosen, MetricCollector):
        return chosen
    kind = CollectorRegistry.get(chosen) if isinstance(chosen, str) else chosen
    if kind not in _objects:
        _objects.setdefault(kind, kind())
    return _objects[kind]


def _is_mapping(value: object) -> bool:
    return isinstance(value, Mapping)


def _put(figures: dict[str, Any], prefix: str, found: Mapping[Any, Any], levels: int) -> None:
    """Add figures by their full names. What is `None` is left out; mappings go on, four levels deep."""
    for key, value in found.items():
        if value is None:
            continue
        name = f"{prefix}.{key}"
        if levels > 1 and _is_mapping(value):
            _put(figures, name, value, levels - 1)
        elif len(figures) < _MOST_FIGURES:
            figures[name] = value if type(value) in _PLAIN else _plain(value)


def _plain(value: Any) -> Any:
    """A number of numpy as one of Python; all else as it is: the recorder makes text of it."""
    number: Any = getattr(sys.modules.get("numpy"), "generic", ())
    return value.item() if isinstance(value, number) else value
