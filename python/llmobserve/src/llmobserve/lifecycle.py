"""Starts and stops everything: `observe`, `unobserve`, `flush`, `shutdown`, and what happens on fork and exit."""

import atexit
import os
import sys
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from llmobserve import capture, context, privacy, process_end
from llmobserve.account import fold_waiting, much_waits
from llmobserve.frameworks.libraries import wanted as wanted_frameworks
from llmobserve.guard import guarded, swallowed
from llmobserve.recorder import Recorder
from llmobserve.settings import SettingError, Settings, load
from llmobserve.transport.worker import Worker
from llmobserve.wire import CallEvent, ContentRecord, FactRecord, ScoreRecord, now_us

if TYPE_CHECKING:
    from llmobserve.context import Snapshot
    from llmobserve.process_report import Reporter
    from llmobserve.recorder import Look
    from llmobserve.redactor import Sink
    from llmobserve.transport import Reply, Sender, Transport
    from llmobserve.transport.http import HttpTransport

__all__ = [
    "flush",
    "look_at_calls",
    "observe",
    "observe_wrapped",
    "observing",
    "record_attached",
    "record_call",
    "redirected",
    "refuse",
    "shutdown",
    "status",
    "unobserve",
    "wants_content",
]

_EXIT_S = 1.5
"""For sending when the process ends; with all else an exit takes less than two seconds."""
_LAST_REPORT_S = 0.5
"""For the last word of a process that has nothing else to send."""
_STATUS_EVERY_S = 5.0
_ACCOUNTS = guarded("accounts.fold")


class _Observation:
    """Everything that runs while the application is observed."""

    def __init__(self, settings: Settings, make_transport: "Callable[[], Transport]") -> None:
        self.settings = settings
        self._make_transport = make_transport
        self._inherited_errors: dict[str, int] = {}
        self.recorder = Recorder(settings, wake=self._wake, forked=self.after_fork)
        self.sink: Sink = self.recorder.record_call
        """Where calls go: by way of the application's redactor, if it has one."""
        self._attach_sender()

    def _attach_sender(self) -> None:
        self._transport = self._make_transport()
        self._sender: Sender | None = None
        self._reporter: Reporter | None = None
        self._started_at_us = now_us()
        self.worker = Worker(self._tick, lambda: self.sender.wait_s, self.settings.flush_interval_ms / 1000)
        self._noted: dict[str, Any] = {}
        self._noted_s = 0.0

    @property
    def sender(self) -> "Sender":
        """Loaded with the first record, by its own thread: `observe()` is to be quick."""
        sender = self._sender
        if sender is None:
            with _loading:
                from llmobserve.transport.sender import Sender

                reporter = self.reporter
            sender = self._sender = Sender(self.recorder.spool, self._transport, reporter)
        return sender

    @property
    def reporter(self) -> "Reporter":
        """What is told of this process; loaded with the sender."""
        reporter = self._reporter
        if reporter is None:
            from llmobserve.process_report import Reporter

            reporter = self._reporter = Reporter(
                self.recorder,
                self.settings,
                lambda: self.sender.state,
                started_at_us=self._started_at_us,
                inherited=self._inherited_errors,
            )
        return reporter

    def _wake(self) -> None:
        self.worker.wake()

    def remind(self) -> None:
        """Have the sender's thread, if it runs, look after streams that were dropped unread."""
        self.worker.remind()

    def troubled(self) -> None:
        """A library cannot be hooked as wanted: that is worth a report, though there may never be a call."""
        self._wake()

    def _tick(self, now: bool) -> bool:
        capture.sweep()
        self.recorder.drain()
        if much_waits():
            with _ACCOUNTS:
                with _loading:  # no fork while a module is half loaded
                    import llmobserve.pricing as _  # noqa: F401
                fold_waiting()
        complete = self.sender.send_all(now=now)
        self._note()
        return complete

    def after_fork(self) -> None:
        """In the child: nothing of the parent's is sent twice, and no lock of the parent's is waited for."""
        self.recorder.after_fork()
        self._inherited_errors = {place: count for place, (count, _) in swallowed().items()}
        let_go = getattr(self._transport, "after_fork", None)
        if let_go is not None:
            let_go()
        self._attach_sender()
        _at_end_of_child()

    def status(self) -> dict[str, Any]:
        """How recording and sending go in this process."""
        sender, spool = self.sender.state, self.recorder.spool
        return {
            "collector_url": self.settings.collector_url,
            "backend": _shown(self.settings.backend),
            "backend_healthy": {"idle": None, "ok": True}.get(sender.state, False),
            "service": self.settings.service,
            "script": context.process_run().name,
            "calls": self.recorder.calls,
            "spans": self.recorder.spans,
            "sent": sender.sent,
            "state": sender.state,
            "reason": sender.reason,
            "created": spool.created,
            "lost": dict(spool.lost),
            "dead_letters": dict(sender.dead),
            "torn": sender.torn,
            "waiting": spool.waiting_records,
            "waiting_spans": self.recorder.waiting_spans,
            "in_memory": len(spool.memory),
            "unwritable": spool.unwritable,
            "internal_errors": {place: count for place, (count, _) in swallowed().items()},
            "redactions": privacy.counted(),
        }

    def _note(self) -> None:
        """Leave word for `llmobserve doctor`, now and then and when something changes for better or worse."""
        status = self.status()
        changed = status["state"] != self._noted.get("state") or status["lost"] != self._noted.get("lost")
        if changed or time.monotonic() - self._noted_s > _STATUS_EVERY_S:
            self._noted, self._noted_s = status, time.monotonic()
            from llmobserve.spool.directory import put_status

            put_status(self.recorder.spool.directory, status)

    @property
    def has_work(self) -> bool:
        """True while something waits to be sent."""
        return self.recorder.waiting or self.recorder.spool.waiting or bool(self.recorder.spool.losses)

    def stop(self, timeout_s: float) -> bool:
        """Stop observing; record what is under way, send for at most `timeout_s`, leave the rest on disk."""
        last_word = self._has_last_word()
        capture.uninstall()
        context.set_span_sink(None)
        return self._finish(timeout_s, last_word=last_word)

    def end(self, timeout_s: float) -> bool:
        """As `stop`, but observe on: daemon threads and later exit handlers may call until the process is gone.

        What they record from here on goes to disk. Where calls are under way in them, what is there is sent first, so
        that as few as possible have to be told as broken off.
        """
        until_s = time.monotonic() + timeout_s
        if capture.under_way() and threading.active_count() > 2:  # more than this one and the sender's
            self.recorder.drain()
            self.worker.flush(timeout_s / 2)
        last_word = self._has_last_word()
        capture.abandon()
        return self._finish(until_s - time.monotonic(), last_word=last_word)

    def _finish(self, timeout_s: float, *, last_word: bool) -> bool:
        self.recorder.end_process_run()
        context.renew_process()
        self.recorder.drain()
        complete = not self.has_work
        if timeout_s > 0 and not (complete and not last_word) and self.sender.wait_s == 0:
            limit_s = min(timeout_s, _LAST_REPORT_S) if complete else timeout_s
            sent = self.worker.flush(limit_s, stop=True)
            complete = complete or (self._send_here(limit_s) if sent is None else sent)
        self.worker.abandon()
        if self._sender is not None:
            self._sender.close()
        spool = self.recorder.spool
        spool.close()
        if spool.written or spool.lost:
            self._close_note()
        return complete

    def _has_last_word(self) -> bool:
        """True when the end of this process, or something wrong in it, is to be told."""
        is_known = self._sender is not None or self.has_work
        if is_known or swallowed() or any(entry.state in {"degraded", "missing"} for entry in capture.health()):
            return self.reporter.ending()
        return False

    def _send_here(self, timeout_s: float) -> bool:
        """Send in this thread: the interpreter ends, and gives no other one (Python 3.12 and later)."""
        until_s = time.monotonic() + timeout_s
        if isinstance(self._transport, _OverHttp):
            self._transport.hurry(until_s)
        with guarded("shutdown.send"):
            return self.sender.send_all(now=True, before_s=until_s)
        return False

    def _close_note(self) -> None:
        from llmobserve.spool.directory import put_status, remove_status

        status = self.status()
        directory = self.recorder.spool.directory
        troubled = status["lost"] or status["dead_letters"] or status["internal_errors"] or status["reason"]
        if troubled:
            put_status(directory, status)
        else:
            remove_status(directory)


_lock = threading.RLock()
_loading = threading.Lock()
"""Held while the sender's thread loads what it needs. No fork happens meanwhile: in the child the half-loaded modules
would stay locked by a thread that is not there."""
_LOADING_S = 2.0
"""No fork is kept longer than that, come what may."""
_current: _Observation | None = None
_make_look: "Callable[[], Look] | None" = None
_ended = False
"""The application has said that nothing more is to be observed."""
_hooked = False
_redirection: "tuple[Transport, str] | None" = None
"""Transport and spool directory that a test has put in place of all others."""


def observe(*, transport: "Transport | None" = None, **settings: Any) -> None:
    """Record every provider call from here on. Calling it again with the same settings changes nothing.

    All arguments are optional: `collector_url`, `backend`, `api_key`, `enabled`, `capture_content`, `spool_dir`,
    `service`, `environment`, `customer_id`, `tenant_id`, `flush_interval_ms`, `durability`, `use_instrumentors`,
    `frameworks`, `hosts`, `propagate_to`, `redact_patterns`, `redact_keys`, `redactor`. Each can be set by an
    environment variable instead (`LLMOBSERVE_COLLECTOR_URL`, …; `python -m llmobserve.settings` lists them).
    `transport` replaces the way to the collector, for tests (`llmobserve.transport.MemoryTransport`).

    Raises:
        SettingError: a setting cannot be used; the message says what to write instead.
    """
    wanted = _in_place(load(settings))
    with _lock:
        if not wanted.enabled:
            return
        if _current is not None:
            if _current.settings == wanted and transport is None:
                capture.observe_all()
                return
            unobserve()
        _start(wanted, transport, only_wrapped=False)


def observe_wrapped() -> None:
    """Record the calls of wrapped clients, with the settings of the environment.

    Does nothing while something is observed, and after `unobserve()` or `shutdown()`, until the next `observe()`.

    Raises:
        SettingError: an environment variable has a value that cannot be used.
    """
    if _current is not None or _ended:
        return
    with _lock:
        if _current is None and not _ended:
            wanted = _in_place(load())
            if wanted.enabled:
                _start(wanted, None, only_wrapped=True)


def _start(wanted: Settings, transport: "Transport | None", *, only_wrapped: bool) -> None:
    global _current, _ended
    observation = _Observation(wanted, _transport_maker(wanted, transport))
    observation.recorder.look = None if _make_look is None else _make_look()
    try:
        rules = privacy.rules_of(wanted)
        privacy.use(rules)
        observation.sink = _sink_of(observation.recorder, rules)
        capture.install(
            sink=observation.sink,
            settings=wanted,
            remind=observation.remind,
            troubled=observation.troubled,
            only_wrapped=only_wrapped,
            frameworks=wanted_frameworks(wanted),
        )
    except ValueError as error:
        raise SettingError(f"llmobserve: {error}") from None
    _current, _ended = observation, False
    context.set_defaults(customer_id=wanted.customer_id, tenant_id=wanted.tenant_id)
    context.set_span_sink(observation.recorder.span_ended)
    _hook_process()


def _sink_of(recorder: Recorder, rules: privacy.Rules) -> "Sink":
    if rules.redactor is None:
        return recorder.record_call
    from llmobserve.redactor import asking

    return asking(recorder.record_call)


def unobserve() -> None:
    """Stop observing and undo every hook. What is recorded is sent within two seconds or stays on disk."""
    shutdown(_EXIT_S)


def shutdown(timeout_s: float = 5.0) -> bool:
    """Send what is recorded, then stop observing. True when everything has arrived within `timeout_s` seconds.

    What has not arrived stays on disk; the next process with the same spool directory sends it.
    """
    global _current, _ended
    with _lock:
        observation, _current = _current, None
        _ended = True
        if observation is None:
            return True
        with guarded("shutdown"):
            try:
                return observation.stop(timeout_s)
            finally:
                context.set_span_sink(None)
                context.set_defaults(customer_id=None, tenant_id=None)
    return False


def flush(timeout_s: float = 5.0) -> bool:
    """Send what is recorded now. True when everything has arrived within `timeout_s` seconds.

    While the collector is away this is False, and nothing is lost by it. Without `observe()` it is True.
    """
    observation = _current
    if observation is None or not observation.has_work:
        return True
    return bool(observation.worker.flush(timeout_s))


def status() -> Mapping[str, Any] | None:
    """How recording and sending go in this process: counts of calls, losses by reason. `None` without `observe()`.

    `backend_healthy` says whether the last attempt to deliver was taken, by the collector or by storage; `None` before
    the first.
    """
    observation = _current
    return None if observation is None else observation.status()


def observing() -> bool:
    """True between `observe()` and `unobserve()`."""
    return _current is not None


def wants_content() -> bool:
    """True where what is said in calls is to be recorded."""
    return _current is not None and _current.settings.capture_content


def record_call(call: CallEvent, content: ContentRecord | None, place: "Snapshot") -> None:
    """Record a call that was not captured, as if it had been. Nothing happens while nothing is observed."""
    observation = _current
    if observation is not None:
        observation.sink(call, content, place)


def record_attached(*records: ScoreRecord | FactRecord) -> bool:
    """Record what was said about something; False while nothing is observed."""
    observation = _current
    if observation is None:
        return False
    if records:
        observation.recorder.record_attached(records)
    return True


def refuse(reason: str) -> None:
    """Count something as lost that the application wanted recorded and that cannot be."""
    observation = _current
    if observation is not None:
        observation.recorder.spool.refuse(reason)


def look_at_calls(make: "Callable[[], Look]") -> None:
    """Have every call looked at before it is written: in this observation, and in each later one by a new look."""
    global _make_look
    _make_look = make
    observation = _current
    if observation is not None:
        observation.recorder.look = make()


def _transport_maker(settings: Settings, given: "Transport | None") -> "Callable[[], Transport]":
    if _redirection is not None:
        given = _redirection[0]
    if given is not None:
        return lambda: given
    address = settings.backend
    if address is None:
        return lambda: _OverHttp(settings)
    # Loaded here and not by the sender's thread: what is missing is to be told now.
    from llmobserve.backends.registry import storage_transport

    storage_transport(address)
    return lambda: storage_transport(address)


def _shown(backend: str | None) -> str | None:
    """The address without user and password."""
    if backend is None:
        return None
    from llmobserve.backends.registry import shown

    return shown(backend)


@contextmanager
def redirected(transport: "Transport", spool_dir: str) -> Generator[None]:
    """Inside the block every `observe()` keeps its records in this directory and sends them by this transport."""
    global _redirection
    before, _redirection = _redirection, (transport, spool_dir)
    try:
        yield
    finally:
        _redirection = before


def _in_place(settings: Settings) -> Settings:
    return settings if _redirection is None else replace(settings, spool_dir=_redirection[1])


class _OverHttp:
    """The HTTP transport, loaded by the sender's thread with the first batch: its imports take longer than the rest."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._transport: HttpTransport | None = None
        self._until_s: float | None = None

    def post(self, body: bytes) -> "Reply":
        if self._transport is None:
            with _loading:
                from llmobserve.transport.http import HttpTransport

                "localhost".encode("idna")  # loads what looking up any host name loads
            self._transport = HttpTransport(self._settings.collector_url, self._settings.api_key)
        if self._until_s is not None:
            self._transport.hurry(self._until_s)
        return self._transport.post(body)

    def hurry(self, until_s: float) -> None:
        self._until_s = until_s

    def after_fork(self) -> None:
        if self._transport is not None:
            self._transport.after_fork()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()


def _hook_process() -> None:
    global _hooked
    if _hooked:
        return
    _hooked = True
    atexit.register(_at_exit)
    process_end.use(_at_exit)
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(before=_before_fork, after_in_parent=_after_fork_in_parent, after_in_child=_after_fork)
    _at_end_of_child()


_forking = threading.local()


def _before_fork() -> None:
    _forking.waited = _loading.acquire(timeout=_LOADING_S)


def _after_fork_in_parent() -> None:
    if getattr(_forking, "waited", False):
        _forking.waited = False
        _loading.release()


def _after_fork() -> None:
    global _lock, _loading
    _lock, _loading = threading.RLock(), threading.Lock()
    if _current is not None:
        with guarded("fork"):
            _current.after_fork()


def _at_end_of_child() -> None:
    """Have what was recorded sent at the end of children that end without `atexit`."""
    processes = sys.modules.get("multiprocessing.util")
    if processes is None:
        return

    # Children of multiprocessing end without atexit. Finalizers registered before the child's own start-up are
    # dropped, those registered by an after-fork handler are kept and run (Lib/multiprocessing/process.py, 3.10-3.14).
    processes.register_after_fork(_in_child_of_multiprocessing, _in_child_of_multiprocessing)


def _in_child_of_multiprocessing(_: object) -> None:
    processes: Any = sys.modules["multiprocessing.util"]
    processes.Finalize(None, _at_exit, exitpriority=10)


def _at_exit() -> None:
    observation = _current
    if observation is not None:
        with guarded("exit"):
            observation.end(_EXIT_S)
