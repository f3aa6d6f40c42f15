"""Gives the context of the code that starts a thread, or submits work to a pool of threads, to that work.

Without it `ThreadPoolExecutor.submit`, `loop.run_in_executor` and `Thread.start` begin with an empty context: what is
called there belongs to no run and no customer. Only our own snapshot goes on, never the application's variables.
"""

import functools
import threading
from collections.abc import Callable
from types import ModuleType
from typing import Any

from llmobserve.capture.patching import Patch, apply, restore
from llmobserve.context import Snapshot, attached, current, is_outside
from llmobserve.guard import guarded

__all__ = ["EXECUTORS", "install", "patch_executors", "uninstall"]

EXECUTORS = "concurrent.futures.thread"
"""The module that holds the pool; it is imported with the first use of one."""

# Their threads serve whoever comes: they must not keep the context of who came first. Each of these pools either hands
# the context on by itself (anyio), or gets it with the work (`submit`), or cannot be told.
_POOLS = frozenset(
    {
        *(EXECUTORS, "multiprocessing.pool", "anyio._backends._asyncio", "gevent.threadpool"),
        "llmobserve.transport.worker",
    }
)
_PROPAGATE = guarded("context.thread")

_patches: list[Patch] = []
_is_on = False


def install() -> None:
    """Hand the context on from here on."""
    global _is_on
    _is_on = True
    _replace(threading.Thread, "start", _around_start)


def patch_executors(module: ModuleType) -> None:
    """The same for the pools of `concurrent.futures.thread`."""
    _replace(module.ThreadPoolExecutor, "submit", _around_submit)


def uninstall() -> None:
    """Stop; threads that run already keep what they have."""
    global _is_on
    _is_on = False
    _patches[:] = [patch for patch in _patches if not restore(patch)]


def _replace(owner: type, name: str, make_wrapper: Callable[[Any], Any]) -> None:
    with _PROPAGATE:
        # gevent's Thread inherits `start` of the interpreter's, which it has put in its place.
        definer = next(base for base in owner.__mro__ if name in base.__dict__)
        patch = apply(definer, name, make_wrapper)
        if patch is not None:
            _patches.append(patch)


def _around_start(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def start(thread: Any, *args: Any, **kwargs: Any) -> Any:
        begun: Callable[[], Any] | None = None
        if _is_on:
            with _PROPAGATE:
                snapshot = current()
                if not is_outside(snapshot) and not _serves_a_pool(thread):
                    begun = _run_in(thread, snapshot)
        try:
            return original(thread, *args, **kwargs)
        except BaseException:
            if begun is not None and thread.__dict__.get("run") is begun:
                del thread.run
            raise

    return start


def _run_in(thread: Any, snapshot: Snapshot) -> "Callable[[], Any] | None":
    """Have `thread.run` begin in the snapshot. `None` for a thread that has a `run` of its own instance."""
    if "run" in thread.__dict__ or thread.ident is not None:
        return None

    def run() -> Any:
        # Gone before the thread's own code begins: it sees itself as without us, and there is no cycle.
        thread.__dict__.pop("run", None)
        with attached(snapshot):
            return thread.run()

    thread.run = run
    return run


def _serves_a_pool(thread: Any) -> bool:
    target = getattr(thread, "_target", None)
    return getattr(target, "__module__", None) in _POOLS or type(thread).__module__ in _POOLS


def _around_submit(original: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(original)
    def submit(pool: Any, *args: Any, **kwargs: Any) -> Any:
        if _is_on and args:
            with _PROPAGATE:
                snapshot = current()
                if not is_outside(snapshot) and not _is_isolated(pool):
                    args = (functools.partial(_call_in, snapshot, args[0]), *args[1:])
        return original(pool, *args, **kwargs)

    return submit


def _is_isolated(pool: Any) -> bool:
    """True for pools of interpreters (Python 3.14), which pickle the work."""
    return any(base.__name__ == "InterpreterPoolExecutor" for base in type(pool).__mro__)


def _call_in(snapshot: Snapshot, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Any:
    with attached(snapshot):
        return function(*args, **kwargs)
