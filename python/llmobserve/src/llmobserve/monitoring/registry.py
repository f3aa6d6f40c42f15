"""Collectors by name: built-in, registered by the application, and of other packages by entry point."""

import threading
from importlib import import_module
from typing import TYPE_CHECKING, TypeGuard

from llmobserve.monitoring.collector import MetricCollector

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["CollectorRegistry", "prepare"]

_GROUP = "llmobserve.collectors"
_BUILT_IN = {
    "text": ("llmobserve.monitoring.text_metrics", "TextCollector"),
    "image": ("llmobserve.monitoring.image_metrics", "ImageCollector"),
    "audio": ("llmobserve.monitoring.audio_metrics", "AudioCollector"),
}
_registered: dict[str, type[MetricCollector]] = {}
_refused: dict[str, str] = {}
"""Why an entry point cannot be loaded, by its name: it is tried once."""
_lock = threading.Lock()
_entry_points: "dict[str, EntryPoint] | None" = None
"""Those of the group, by name; `None` before they were looked for."""


class CollectorRegistry:
    """The collectors that `@monitor_llm(collectors=[…])` knows by name.

    A package offers one with an entry point, which is loaded when its name is first used:

        [project.entry-points."llmobserve.collectors"]
        sentiment = "my_package.collectors:SentimentCollector"
    """

    @staticmethod
    def register(name: str, cls: type[MetricCollector]) -> None:
        """Use this class under this name, also in place of another one of that name.

        Functions that have been called already keep the one that they had. Raises TypeError for what is no subclass of
        MetricCollector.
        """
        if not _is_collector(cls):
            raise TypeError(f"a collector is a subclass of MetricCollector, not {cls!r}")
        _registered[name] = cls

    @staticmethod
    def get(name: str) -> type[MetricCollector]:
        """The class under this name. Raises LookupError when there is none, or it cannot be loaded."""
        known = _registered.get(name)
        if known is not None:
            return known
        found = _built_in(name) if name in _BUILT_IN else _loaded(name)
        if not _is_collector(found):
            raise LookupError(f"the collector {name!r} is no subclass of MetricCollector")
        return _registered.setdefault(name, found)

    @staticmethod
    def names() -> list[str]:
        """All names that can be used, in order."""
        return sorted({*_BUILT_IN, *_registered, *_found()})


def prepare(name: str) -> None:
    """Load a built-in collector, so that the first call that it measures does not have to."""
    if name in _BUILT_IN:
        _built_in(name)


def _built_in(name: str) -> object:
    module, attribute = _BUILT_IN[name]
    return getattr(import_module(module), attribute)


def _is_collector(value: object) -> TypeGuard[type[MetricCollector]]:
    return isinstance(value, type) and issubclass(value, MetricCollector)


def _found() -> "dict[str, EntryPoint]":
    global _entry_points
    with _lock:
        if _entry_points is None:
            from importlib.metadata import entry_points  # slow, and few applications need it

            _entry_points = {entry.name: entry for entry in entry_points(group=_GROUP)}
        return _entry_points


def _loaded(name: str) -> object:
    if name in _refused:
        raise LookupError(_refused[name])
    entry = _found().get(name)
    if entry is None:
        raise LookupError(f"there is no collector {name!r}; there are {', '.join(CollectorRegistry.names())}")
    _refused[name] = f"the collector {name!r} cannot be loaded from {entry.value}"
    try:
        found = entry.load()
    except (ImportError, AttributeError) as error:
        raise LookupError(_refused[name]) from error
    del _refused[name]
    return found
