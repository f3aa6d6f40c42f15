"""Carries the spool to the collector: at least once, one batch at a time, on one background thread.

A segment is removed only after the collector has answered 2xx for all of it. What the collector will never take goes
to a dead-letter file with the reason.
"""

import threading
import time
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress as ignoring
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from llmobserve.context import suppress
from llmobserve.privacy import clean
from llmobserve.spool.dead_letters import put_dead
from llmobserve.spool.directory import expire, orphans
from llmobserve.spool.segment import claim, is_content, read_segment, release
from llmobserve.spool.writer import Spool
from llmobserve.transport.base import Transport, TransportError
from llmobserve.transport.batches import Parcel, halves, parcels
from llmobserve.transport.outcome import Outcome, backoff_s, judge, rejected
from llmobserve.wire import new_event_id

__all__ = ["Reports", "Sender", "SenderState"]

_ADOPT_EVERY_S = 60.0
_EXPIRE_EVERY_S = 60.0
_STUCK_AFTER = 3
"""Failures in a row after which the files behind the first one are tried too."""
_MEMORY_EVENTS = 500
_MEMORY_BYTES = 1024 * 1024


@dataclass(slots=True)
class SenderState:
    """How sending goes."""

    state: Literal["idle", "ok", "backing_off", "parked"] = "idle"
    """`idle`: nothing has been sent yet. `parked`: a setting must be changed first; tried again every 5 minutes."""
    reason: str | None = None
    """Why it does not go well."""
    sent: int = 0
    batches: int = 0
    failures: int = 0
    """Failed attempts in a row."""
    dead: Counter[str] = field(default_factory=Counter[str])
    """Records put to the dead letters, by reason."""
    torn: int = 0


class Reports(Protocol):
    """What this process tells of itself beside its records. Nothing of it raises."""

    process_id: str

    def due(self) -> Mapping[str, Any] | None:
        """The report to go with the next batch; `None` while there is nothing new."""
        ...

    @property
    def urgent(self) -> bool:
        """True when the next report is not to wait for a batch."""
        ...

    def arrived(self) -> None:
        """The collector has the report that was given out last."""
        ...


class Sender:
    """Sends what the spool holds, and segments of processes that are gone."""

    def __init__(self, spool: Spool, transport: Transport, reports: Reports | None = None) -> None:
        self._spool = spool
        self._transport = transport
        self._reports = reports
        self._batches_of_losses = 0
        self._gather_s: float = getattr(transport, "gather_s", 0.0)
        self._sealed_s = float("-inf")
        self._busy = threading.Lock()
        self._arrived: dict[str, set[str]] = {}
        """Parcels of a segment that have arrived while the rest of it has not."""
        self._delivered: set[str] = set()
        """Segments that have arrived and cannot be removed, as in a directory that has become read-only."""
        self._memory: tuple[str, list[bytes]] | None = None
        self._next_attempt_s = 0.0
        self._next_adoption_s = 0.0
        self._next_expiry_s = 0.0
        self._wait_is_told = False
        self.state = SenderState()

    def send_all(self, *, now: bool = False, before_s: float = float("inf")) -> bool:
        """Send everything there is; True when nothing is left to send.

        Does nothing during a back-off, unless `now`; a wait that the collector asked for and the pause after a refused
        key are kept even then. Begins no batch after `before_s` (of `time.monotonic`).
        """
        if self.wait_s > 0 and not (now and not self._wait_is_told):
            return not self.pending
        if not self._busy.acquire(timeout=max(min(before_s - time.monotonic(), 60.0), 0.0)):
            return False
        try:
            with suppress():
                gathered = self._gather(now=now)
                self._expire()
                if now:
                    self._next_adoption_s = 0.0
                complete = self._send_own(before_s) and self._send_orphans(before_s)
                if complete:
                    self._send_report(before_s)
                return complete and (gathered or not self.pending)
        finally:
            self._busy.release()

    def _gather(self, *, now: bool) -> bool:
        """Have what was recorded so far sent; False while a transport of few, large batches lets it grow."""
        time_s = time.monotonic()
        if not now and time_s < self._sealed_s + self._gather_s:
            return False
        if self._spool.active_records:
            self._sealed_s = time_s
        self._spool.seal()
        return True

    @property
    def pending(self) -> bool:
        """True while own records wait."""
        return self._spool.waiting

    @property
    def wait_s(self) -> float:
        """Seconds until the next attempt may be made."""
        return max(self._next_attempt_s - time.monotonic(), 0.0)

    def close(self) -> None:
        """Close the connection, unless it is in use."""
        if self._busy.acquire(blocking=False):
            try:
                self._transport.close()
            finally:
                self._busy.release()

    def _send_own(self, before_s: float) -> bool:
        while self._spool.sealed:
            path = self._spool.sealed[0]
            if time.monotonic() >= before_s:
                return False
            if not self._send_file(path):
                self._leave_stuck()
                return False
            with ignoring(IndexError):
                self._spool.sealed.popleft()
        return self._send_memory(before_s) and self._send_losses(before_s)

    def _send_orphans(self, before_s: float) -> bool:
        if time.monotonic() < self._next_adoption_s:
            return True
        paths = orphans(self._spool.directory, besides=self._spool.active_path)
        stuck = min(self.state.failures // _STUCK_AFTER, len(paths))
        for path in [*paths[stuck:], *paths[:stuck]]:
            if time.monotonic() >= before_s or not self._send_file(path):
                return False
        self._next_adoption_s = time.monotonic() + _ADOPT_EVERY_S
        return True

    def _leave_stuck(self) -> None:
        """Try another segment next time: a collector that fails over one, and would for ever, is to have the others."""
        if self.state.failures and self.state.failures % _STUCK_AFTER == 0:
            self._spool.sealed.rotate(-1)

    def _expire(self) -> None:
        """Give up what is too old, also while the collector is away."""
        if time.monotonic() >= self._next_expiry_s:
            self._next_expiry_s = time.monotonic() + _EXPIRE_EVERY_S
            for reason, number in expire(self._spool.directory, self._spool.limits.age_s).items():
                self._spool.lose(reason, number)

    def _send_file(self, path: Path) -> bool:
        """Send one segment and remove it; True when there is nothing left of it for us to do."""
        descriptor = None if path.name in self._delivered else claim(path)
        if descriptor is None:
            return True
        try:
            segment = read_segment(path.name, path.read_bytes())
            arrived = self._arrived.get(path.name)
            if arrived is None:
                arrived = self._arrived[path.name] = set()
                self.state.torn += segment.torn
                self._spool.lose("torn", segment.torn)
            source = segment.source or {"process_id": path.stem}
            for parcel in parcels(path.name, source, segment.records, segment.dropped):
                if parcel.batch_id not in arrived:
                    if not self._deliver(parcel):
                        return False
                    arrived.add(parcel.batch_id)
            self._arrived.pop(path.name, None)
            self._delivered.add(path.name)
            path.unlink(missing_ok=True)
            self._delivered.discard(path.name)
        except OSError as error:  # it is gone, or cannot be read or removed: the others are not to wait for it
            self._arrived.pop(path.name, None)
            if not isinstance(error, FileNotFoundError):
                self.state.reason = f"{path.name}: {error.strerror or error}"
        finally:
            release(descriptor)
        return True

    def _send_memory(self, before_s: float) -> bool:
        while self._spool.memory:
            if self._memory is None:
                records = self._spool.take_memory(_MEMORY_EVENTS, _MEMORY_BYTES)
                self._memory = (new_event_id(), records)
            batch_id, records = self._memory
            parcel = Parcel(batch_id=batch_id, source=self._spool.source(), records=records)
            if time.monotonic() >= before_s or not self._deliver(parcel):
                return False
            self._spool.forget_memory(records)
            self._memory = None
        return True

    def _send_losses(self, before_s: float) -> bool:
        """Losses that no batch has carried."""
        if not self._spool.losses or time.monotonic() >= before_s:
            return not self._spool.losses
        source = self._spool.source()
        # The same id until it has arrived, so that the collector counts the losses once.
        batch_id = f"{source['process_id']}.lost.{self._batches_of_losses}"
        if not self._deliver(Parcel(batch_id=batch_id, source=source, records=())):
            return False
        self._batches_of_losses += 1
        return True

    def _send_report(self, before_s: float) -> None:
        """A report that no batch has carried. Where it does not arrive, nothing of the application is missing."""
        if self._reports is not None and self._reports.urgent and time.monotonic() < before_s:
            self._deliver(Parcel(batch_id=new_event_id(), source=self._spool.source(), records=()))

    def _report_for(self, parcel: Parcel) -> Mapping[str, Any] | None:
        """A report to go with a parcel of this process itself."""
        reports = self._reports
        if reports is None or parcel.source.get("process_id") != reports.process_id:
            return None
        return reports.due()

    def _deliver(self, parcel: Parcel) -> bool:
        """Post a parcel; True when its records are no longer ours to send, whatever became of them."""
        losses = self._spool.take_losses()
        parcel.dropped = dict(Counter(parcel.dropped) + Counter(losses))
        refused: list[tuple[int, str]] = []
        report = parcel.report = self._report_for(parcel)
        try:
            reply = self._transport.post(parcel.body())
            outcome = judge(reply)
            if outcome.verb == "done":
                refused = rejected(reply)
        except TransportError as error:
            outcome = Outcome("retry", clean(str(error), "log"))
        if outcome.verb != "done":
            self._spool.give_back_losses(losses)
            parcel.dropped = dict(Counter(parcel.dropped) - Counter(losses))
        elif self._reports is not None and report is not None:
            self._reports.arrived()
        return self._act(outcome, parcel, refused)

    def _act(self, outcome: Outcome, parcel: Parcel, refused: list[tuple[int, str]]) -> bool:
        if outcome.verb in {"retry", "park"}:
            self._postpone(outcome)
            return False
        self.state.state, self.state.reason, self.state.failures = "ok", None, 0
        self._next_attempt_s, self._wait_is_told = 0.0, False
        if outcome.verb == "done":
            self.state.batches += 1
            self.state.sent += len(parcel.records) - len(refused)
            known = [(why, parcel.records[index]) for index, why in refused if 0 <= index < len(parcel.records)]
            self._bury(parcel, known, "rejected", known_to_collector=True)
            return True
        if outcome.verb == "split" and len(parcel.records) > 1:
            first, second = halves(parcel)
            return self._deliver(first) and self._deliver(second)
        if outcome.verb == "split" and all(map(is_content, parcel.records)):
            self._spool.lose("content_too_big", len(parcel.records))
            return True
        letters = [(outcome.reason, record) for record in parcel.records]
        self._bury(parcel, letters, "too_big" if outcome.verb == "split" else "refused")
        return True

    def _postpone(self, outcome: Outcome) -> None:
        self.state.failures += 1
        self.state.state = "parked" if outcome.verb == "park" else "backing_off"
        self.state.reason = outcome.reason
        self._wait_is_told = outcome.wait_s is not None
        wait_s = backoff_s(self.state.failures) if outcome.wait_s is None else outcome.wait_s
        self._next_attempt_s = time.monotonic() + wait_s

    def _bury(
        self, parcel: Parcel, letters: list[tuple[str, bytes]], kind: str, *, known_to_collector: bool = False
    ) -> None:
        if not letters:
            return
        kept = put_dead(self._spool.directory, parcel.batch_id, letters, parcel.source)
        self.state.dead[kind] += len(letters)
        if not known_to_collector or not kept:
            self._spool.lose(kind if kept else f"{kind}_not_kept", len(letters))
