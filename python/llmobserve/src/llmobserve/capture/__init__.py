"""Observes the calls that an application makes to providers, at the transport, without changing a byte of them.

What follows a call is loaded with the first library that can make one.
"""

import os
import threading
from collections.abc import Callable
from functools import partial
from types import ModuleType
from typing import TYPE_CHECKING

from llmobserve.capture import thread_context
from llmobserve.capture.import_hook import ImportHook
from llmobserve.capture.libraries import LIBRARIES, Library
from llmobserve.capture.patching import PatchHealth
from llmobserve.settings import Settings

if TYPE_CHECKING:
    from llmobserve.capture.engine import Engine, Sink
    from llmobserve.capture.transport_hooks import TransportHooks

__all__ = [
    "PatchHealth",
    "abandon",
    "health",
    "install",
    "observe_all",
    "sweep",
    "under_way",
    "uninstall",
    "wrappers",
]

_lock = threading.RLock()
_hook = ImportHook()
_make_engine: "Callable[[], Engine] | None" = None
"""`None` while nothing is observed."""
_engine: "Engine | None" = None
_hooks: "dict[str, TransportHooks]" = {}
"""Loaded hooks by their place, as in `Library.hooks`."""
_libraries: tuple[Library, ...] = ()
"""Those that the settings let be hooked."""
_only_wrapped = False
_troubled: Callable[[], None] | None = None
_fork_handled = False


def install(
    *,
    sink: "Sink",
    settings: Settings,
    remind: Callable[[], None] | None = None,
    troubled: Callable[[], None] | None = None,
    only_wrapped: bool = False,
    frameworks: tuple[Library, ...] = (),
) -> None:
    """Start to observe. The sink gets each call as it ends, in the thread that ended it.

    `only_wrapped`: only calls of wrapped clients (`capture/wrapped.py`). `frameworks`: what is hooked beside the
    libraries that make calls.

    `remind` is called, perhaps by the garbage collector and so without any lock, when a `sweep` is due; `troubled`
    when a library was imported that cannot be hooked as wanted.

    A second call replaces sink and settings. Raises ValueError when `settings.hosts` names an unknown provider.
    """
    global _engine, _make_engine, _fork_handled, _troubled, _libraries, _only_wrapped

    def make_engine() -> "Engine":
        from llmobserve.capture.engine import Engine

        return Engine(sink, settings, remind, only_wrapped=_only_wrapped)

    with _lock:
        _only_wrapped = only_wrapped
        before = _engine
        # Without declared hosts there is nothing to check before a library comes.
        after = make_engine() if settings.hosts or settings.propagate_to or before is not None else None
        _make_engine, _engine, _troubled = make_engine, after, troubled
        on = settings.use_instrumentors
        calling = tuple(one for one in LIBRARIES if one.instrumentor is None or one.instrumentor in on)
        _libraries = (*calling, *frameworks)
        wanted = {library.hooks for library in _libraries}
        for place, hooks in _hooks.items():
            hooks.engine = after if place in wanted else None
        _hook.install()
        if settings.thread_context:
            thread_context.install()
            _hook.watch(thread_context.EXECUTORS, thread_context.patch_executors)
        else:
            thread_context.uninstall()
        for library in _libraries:
            for name in library.modules:
                _hook.watch(name, partial(_patch, library))
        if not _fork_handled and hasattr(os, "register_at_fork"):
            _fork_handled = True
            os.register_at_fork(after_in_child=_forget_exchanges)
    if before is not None:
        before.abandon_all()


def observe_all() -> None:
    """Observe all calls, not only those of wrapped clients."""
    global _only_wrapped
    with _lock:
        _only_wrapped = False
        if _engine is not None:
            _engine.only_wrapped = False


def _patch(library: Library, module: ModuleType) -> None:
    global _engine
    with _lock:
        if _make_engine is None:
            return
        hooks = _hooks.get(library.hooks)
        if hooks is None:
            hooks = _hooks[library.hooks] = library.make_hooks()
        if _engine is None:
            _engine = _make_engine()
        hooks.engine = _engine
        hooks.patch(module)
    if _troubled is not None and any(one.state != "active" for name in library.modules for one in hooks.health(name)):
        _troubled()


def uninstall() -> None:
    """Stop observing. Calls still under way become events with status `abandoned`."""
    global _engine, _make_engine
    with _lock:
        engine, _engine, _make_engine = _engine, None, None
        _hook.remove()
        thread_context.uninstall()
        for hooks in _hooks.values():
            hooks.unpatch()
    if engine is not None:
        engine.abandon_all()


def sweep() -> None:
    """Make the events of streams that were dropped unread; cheap, to be called now and then and before a flush."""
    engine = _engine
    if engine is not None:
        engine.sweep()


def abandon() -> None:
    """Make the events of what is still under way, and observe on: the process is about to end."""
    engine = _engine
    if engine is not None:
        engine.abandon_all()


def under_way() -> int:
    """How many calls have begun and not ended."""
    engine = _engine
    return 0 if engine is None else engine.under_way


def health() -> list[PatchHealth]:
    """State of every hook; empty when nothing is installed."""
    if _make_engine is None:
        return []
    found: list[PatchHealth] = []
    for library in _libraries:
        loaded = _hooks.get(library.hooks)
        reports = [one for name in library.modules for one in (loaded.health(name) if loaded is not None else [])]
        found += reports or [PatchHealth(library=library.name, version=None, target="", state="waiting")]
    return found


def wrappers() -> list[tuple[str, str]]:
    """Other tools' wrappers at the hooked places: what is hooked, and the module of the wrapper."""
    return [found for hooks in _hooks.values() for found in hooks.wrappers()]


def _forget_exchanges() -> None:
    global _lock
    _lock = threading.RLock()
    if _engine is not None:
        _engine.forget_all()
