"""What is to be done when a process ends without telling Python: set by `lifecycle`, called by the hooks of workers."""

from collections.abc import Callable

__all__ = ["process_ends", "use"]

_action: Callable[[], None] | None = None


def use(action: Callable[[], None]) -> None:
    """What `process_ends` does from here on; it must be bounded and must not raise."""
    global _action
    _action = action


def process_ends() -> None:
    """Send what is recorded, for at most 1.5 seconds: this process is about to end by `os._exit`."""
    if _action is not None:
        _action()
