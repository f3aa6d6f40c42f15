"""New files that only their owner may read."""

import os
from pathlib import Path
from typing import BinaryIO

__all__ = ["new_private_file"]


def new_private_file(path: Path) -> BinaryIO:
    """The file, open for writing. Raises OSError, FileExistsError when there is one."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")
