"""How a command ends that cannot do what it was asked."""

import sys
from typing import NoReturn

__all__ = ["fail"]


def fail(command: str, message: str) -> NoReturn:
    """Print the message to standard error and end with status 1."""
    print(f"llmobserve {command}: {message}", file=sys.stderr)
    raise SystemExit(1)
