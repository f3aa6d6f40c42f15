"""One process owns a directory of chDB: a lock file says which, so that a second one gets an answer at once.

Without it the engine itself waits twelve seconds and then names no process.
"""

import contextlib
import os
from pathlib import Path

from llmobserve_server.errors import StoreError

__all__ = ["Ownership"]

_NAME = "llmobserve.lock"


class Ownership:
    """The lock of a directory until `release` or the end of the process. Raises StoreError when another has it."""

    def __init__(self, directory: Path) -> None:
        # Exists wherever chDB does: Linux and macOS.
        import fcntl

        self._file: int | None = None
        try:
            directory.mkdir(parents=True, exist_ok=True, mode=0o700)
            file = os.open(directory / _NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise StoreError(f"Cannot open the store {directory}: {error}") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            holder = os.read(file, 20).decode("ascii", "replace").strip()
            os.close(file)
            raise StoreError(
                f"{directory} is in use by process {holder or '(unknown)'}. Only one collector can open a chDB store: "
                f"stop that process, or start this one with another LLMOBSERVE_DATA_DIR."
            ) from None
        os.ftruncate(file, 0)
        os.pwrite(file, str(os.getpid()).encode(), 0)
        self._file = file

    def release(self) -> None:
        """Give the directory back. Idempotent."""
        file, self._file = self._file, None
        if file is not None:
            with contextlib.suppress(OSError):
                os.close(file)
