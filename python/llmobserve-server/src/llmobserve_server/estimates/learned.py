"""What finished calls of a project teach about its models, read from the store when an estimate is needed."""

import threading
import time
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import String, and_, cast, select

from llmobserve_server.errors import StoreError
from llmobserve_server.estimates.ratios import Sample
from llmobserve_server.store.protocol import Row, Store
from llmobserve_server.store.tables import events

__all__ = ["Learned", "LearnedRatios"]

_MAX_CALLS = 256
_WINDOWS = (timedelta(days=2), timedelta(days=60))
"""The first is enough for a busy model, and cheap."""
_KEEP_S = 300.0
_MAX_KEYS = 1000

Key = tuple[str, str, str]
"""(project, provider, model)"""


@dataclass(frozen=True, slots=True)
class Learned:
    """The newest measured calls of one model in one project."""

    input: tuple[Sample, ...] = ()
    output: tuple[Sample, ...] = ()
    hides_reasoning: bool = False
    """True when one of them had output tokens that its answer did not show."""


class LearnedRatios:
    """Finished calls by project, provider and model, at most 256 each and five minutes old.

    Nothing is kept but what the store has, so that a restart loses nothing and projects cannot mix. Thread-safe.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._lock = threading.Lock()
        self._kept: OrderedDict[Key, tuple[float, Learned]] = OrderedDict()

    def of(self, key: Key, at: Any) -> Learned:
        """What is known at the naive UTC time `at`. Blocks; empty when the store does not answer."""
        now = time.monotonic()
        with self._lock:
            kept = self._kept.get(key)
        if kept is not None and now - kept[0] < _KEEP_S:
            return kept[1]
        try:
            learned = _learned(self._read(key, at))
        except StoreError:
            return Learned()
        with self._lock:
            self._kept[key] = (now, learned)
            self._kept.move_to_end(key)
            while len(self._kept) > _MAX_KEYS:
                self._kept.popitem(last=False)
        return learned

    def _read(self, key: Key, at: Any) -> list[Row]:
        rows: list[Row] = []
        for window in _WINDOWS:
            rows = self._store.fetch(_statement(key, at - window))
            if len(rows) == _MAX_CALLS:
                break
        return rows


def _statement(key: Key, since: Any) -> Any:
    c = events.c
    project_id, provider, model = key
    return (
        select(c.usage_details, c.input_tokens, c.output_tokens, c.reasoning_tokens)
        .where(
            and_(
                c.project_id == project_id,
                c.start_time >= since,
                c.provider == provider,
                c.model == model,
                c.status == "ok",
                c.usage_source == "response",
                cast(c.usage_details, String).like("%_text_bytes%"),
            )
        )
        .order_by(c.start_time.desc())
        .limit(_MAX_CALLS)
    )


def _learned(rows: list[Row]) -> Learned:
    given: list[Sample] = []
    made: list[Sample] = []
    for row in rows:
        details: Mapping[str, Any] = row["usage_details"]
        _add(given, details.get("input_text_bytes"), row["input_tokens"])
        _add(made, details.get("output_text_bytes"), row["output_tokens"])
    return Learned(tuple(given), tuple(made), any(row["reasoning_tokens"] for row in rows))


def _add(samples: list[Sample], size_bytes: object, tokens: object) -> None:
    if isinstance(size_bytes, int) and isinstance(tokens, int) and size_bytes > 0 and tokens > 0:
        samples.append(Sample(size_bytes, tokens))
