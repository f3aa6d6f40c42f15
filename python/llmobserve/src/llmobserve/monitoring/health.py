"""How recording goes, in four figures: for health endpoints and alarms. `llmobserve.status()` has all of them."""

from typing import TypedDict

from llmobserve.lifecycle import status

__all__ = ["Health", "health_check"]


class Health(TypedDict):
    """State of recording in this process."""

    running: bool
    """True between `observe()` and `unobserve()` or `shutdown()`."""
    queue_size: int | None
    """Records of this process that have not been delivered yet, on disk or in memory. `None` while not running."""
    buffer_size: int | None
    """Those of them that are in memory only, and would be lost with the process: ended sections until the next call or
    tick, and everything while the disk cannot be written. `None` while not running."""
    backend_healthy: bool | None
    """Whether the last attempt to deliver succeeded. `None` while not running, and before the first attempt."""


def health_check() -> Health:
    """The state of this moment. Asks nobody and takes microseconds."""
    now = status()
    if now is None:
        return {"running": False, "queue_size": None, "buffer_size": None, "backend_healthy": None}
    state = now["state"]
    return {
        "running": True,
        "queue_size": now["waiting"] + now["waiting_spans"],
        "buffer_size": now["in_memory"] + now["waiting_spans"],
        "backend_healthy": None if state == "idle" else state == "ok",
    }
