"""Work that is told of in two requests, when it begins and when it ends: the first is remembered until the second.

Langfuse's batches and LangSmith's runs come so, and the second says only what is new. Only memory holds the first, so
what had begun before a restart has afterwards what its end says of it; the call and its cost do not depend on it
beyond that.
"""

import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import msgspec

__all__ = ["Halves"]

_MAX_BYTES = 16 * 1024 * 1024
_MAX_ONE_BYTES = 1024 * 1024
_Key = tuple[str, str, str]


class Halves:
    """What has begun, by project, kind and id; the longest untouched goes first. For any thread."""

    def __init__(self, max_bytes: int = _MAX_BYTES) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._kept: OrderedDict[_Key, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def with_earlier(self, project_id: str, kind: str, own_id: str, said: Mapping[str, Any]) -> dict[str, Any]:
        """What was said before and is said now; `None` takes nothing back. It is remembered."""
        key = (project_id, kind, own_id)
        with self._lock:
            earlier = self._kept.get(key)
        known: dict[str, Any] = {} if earlier is None else msgspec.json.decode(earlier)
        merged = known | {name: value for name, value in said.items() if value is not None}
        self._keep(key, msgspec.json.encode(merged))
        return merged

    def known(self, project_id: str, kind: str, own_id: str) -> dict[str, Any]:
        """What was said before; empty for nothing."""
        with self._lock:
            earlier = self._kept.get((project_id, kind, own_id))
        return {} if earlier is None else msgspec.json.decode(earlier)

    def _keep(self, key: _Key, text: bytes) -> None:
        if len(text) > _MAX_ONE_BYTES:
            return
        with self._lock:
            self._bytes += len(text) - len(self._kept.pop(key, b""))
            self._kept[key] = text
            while self._bytes > self._max_bytes:
                self._bytes -= len(self._kept.popitem(last=False)[1])
