"""Observes the calls that an application makes to providers, at the transport, without changing a byte of them.

What follows a call is loaded with the first library that can make one.
"""

import os
import threading
from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING

from llmobserve.capture.import_hook import ImportHook
from llmobserve.capture.patching import PatchHealth
from llmobserve.settings import Settings

if TYPE_CHECKING:
    from llmobserve.capture.engine import Engine, Sink
    from llmobserve.capture.httpx_family import HttpxFamily

__all__ = ["PatchHealth", "health", "install", "sweep", "uninstall"]

_LIBRARIES = ("httpx", "httpx2")

_lock = threading.RLock()
_hook = ImportHook()
_make_engine: "Callable[[], Engine] | None" = None
"""`None` while nothing is observed."""
_engine: "Engine | None" = None
_family: "HttpxFamily | None" = None
_fork_handled = False


def install(*, sink: "Sink", settings: Settings, remind: Callable[[], None] | None = None) -> None:
    """Start to observe. The sink gets each call as it ends, in the thread that ended it.

    `remind` is called, perhaps by the garbage collector and so without any lock, when a `sweep` is due.

    A second call replaces sink and settings. Raises ValueError when `settings.hosts` names an unknown provider.
    """
    global _engine, _make_engine, _fork_handled

    def make_engine() -> "Engine":
        from llmobserve.capture.engine import Engine

        return Engine(sink, settings, remind)

    with _lock:
        before = _engine
        # Without declared hosts there is nothing to check before a library comes.
        after = make_engine() if settings.hosts or before is not None else None
        _make_engine, _engine = make_engine, after
        if _family is not None:
            _family.engine = after
        _hook.install()
        for name in _LIBRARIES:
            _hook.watch(name, _patch)
        if not _fork_handled and hasattr(os, "register_at_fork"):
            _fork_handled = True
            os.register_at_fork(after_in_child=_forget_exchanges)
    if before is not None:
        before.abandon_all()


def _patch(module: ModuleType) -> None:
    global _engine, _family
    with _lock:
        if _make_engine is None:
            return
        if _family is None:
            from llmobserve.capture.httpx_family import HttpxFamily

            _family = HttpxFamily()
        if _engine is None:
            _engine = _make_engine()
        _family.engine = _engine
        _family.patch(module)


def uninstall() -> None:
    """Stop observing. Calls still under way become events with status `abandoned`."""
    global _engine, _make_engine
    with _lock:
        engine, _engine, _make_engine = _engine, None, None
        _hook.remove()
        if _family is not None:
            _family.unpatch()
    if engine is not None:
        engine.abandon_all()


def sweep() -> None:
    """Make the events of streams that were dropped unread; cheap, to be called now and then and before a flush."""
    engine = _engine
    if engine is not None:
        engine.sweep()


def health() -> list[PatchHealth]:
    """State of every hook; empty when nothing is installed."""
    if _make_engine is None:
        return []
    found: list[PatchHealth] = []
    for name in _LIBRARIES:
        hooks = _family.health(name) if _family is not None else []
        found += hooks or [PatchHealth(library=name, version=None, target="Client", state="waiting")]
    return found


def _forget_exchanges() -> None:
    global _lock
    _lock = threading.RLock()
    if _engine is not None:
        _engine.forget_all()
