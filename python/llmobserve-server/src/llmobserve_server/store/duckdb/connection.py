"""Opening the DuckDB file: settings, and errors that say what to do."""

import os
import re
import shutil
from pathlib import Path

import duckdb

from llmobserve_server.errors import StoreError

__all__ = ["default_memory_limit_bytes", "open_database", "open_to_look", "staging_of"]

_LOCK = re.compile(r"Conflicting lock is held in (?P<program>.*?) \(PID (?P<pid>\d+)\)")
_GIB = 1024**3
_FALLBACK_BYTES = 350 * 1024**2


def default_memory_limit_bytes() -> int:
    """A quarter of the machine's memory, at most 1 GiB."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return _FALLBACK_BYTES
    return min(total // 4, _GIB)


def open_database(
    path: Path, *, memory_limit_bytes: int | None, threads: int | None, directory: Path | None = None
) -> duckdb.DuckDBPyConnection:
    """The one read-write connection to `path`, which is created if need be.

    Args:
        path: the file.
        memory_limit_bytes: what DuckDB may use; `None` for `default_memory_limit_bytes`. Resident memory is up to a
            quarter more.
        threads: worker threads of queries; `None` for the number of cores.
        directory: of further files that statements may read and write; `None` for none.

    Raises:
        StoreError: the file is held by another process, is not a DuckDB file, or cannot be created.
    """
    config: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": f"{(memory_limit_bytes or default_memory_limit_bytes()) // 1024}KiB",
        "threads": threads or os.cpu_count() or 1,
        "checkpoint_threshold": "128MB",
        "autoinstall_known_extensions": False,
        "autoload_known_extensions": False,
        "allow_community_extensions": False,
        "python_enable_replacements": False,
        "temp_directory": f"{path}.tmp",
    }
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        connection = duckdb.connect(str(path), config=config)
    except (duckdb.Error, OSError) as error:
        raise StoreError(_explain(path, error)) from error
    # Last, because it cannot be taken back while the file is open: no statement may read or write other files, but
    # for backups, which are made in a directory of their own. What is in it is of a process that was killed.
    shutil.rmtree(staging_of(path), ignore_errors=True)
    allowed = [f"{each}/" for each in (staging_of(path), directory) if each is not None]
    connection.execute("SET allowed_directories = ?", [allowed])
    connection.execute("SET enable_external_access = false")
    return connection


def staging_of(path: Path) -> Path:
    """The directory beside the file in which its backups are made."""
    return path.absolute().with_name(f"{path.name}.backup")


def open_to_look(path: Path) -> duckdb.DuckDBPyConnection | None:
    """A connection that changes nothing; `None` when there is no file. Raises StoreError as `open_database`."""
    if not path.exists():
        return None
    try:
        return duckdb.connect(str(path), read_only=True)
    except (duckdb.Error, OSError) as error:
        raise StoreError(_explain(path, error)) from error


def _explain(path: Path, error: Exception) -> str:
    text = str(error)
    if held := _LOCK.search(text):
        return (
            f"{path} is in use by process {held['pid']} ({held['program']}). Only one collector can open a DuckDB "
            f"store: stop that process, or start this one with another LLMOBSERVE_DATA_DIR."
        )
    if "not a valid DuckDB database file" in text:
        return f"{path} is not a DuckDB file. Move it away, or set LLMOBSERVE_DB to another path."
    return f"Cannot open the store {path}: {text.splitlines()[0]}"
