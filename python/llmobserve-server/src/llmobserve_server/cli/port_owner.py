"""Which process listens on a port, where the system tells: for the message that it is in use."""

from contextlib import suppress
from pathlib import Path

__all__ = ["process_on"]

_LISTENS = "0A"
"""State of a socket that listens (linux/include/net/tcp_states.h)."""


def process_on(port: int) -> tuple[int, str] | None:
    """Its id and program; `None` where it is not to be found out: another system, or another user's process."""
    sockets = {f"socket:[{inode}]" for inode in _inodes(port)}
    for process in Path("/proc").glob("[0-9]*") if sockets else ():
        with suppress(OSError):
            if any(_target(opened) in sockets for opened in (process / "fd").iterdir()):
                return int(process.name), (process / "comm").read_text().strip()
    return None


def _target(opened: Path) -> str:
    with suppress(OSError):
        return str(opened.readlink())
    # Closed meanwhile.
    return ""


def _inodes(port: int) -> set[str]:
    found: set[str] = set()
    for table in ("tcp", "tcp6"):
        with suppress(OSError):
            for line in Path("/proc/net", table).read_text().splitlines()[1:]:
                columns = line.split()
                if columns[3] == _LISTENS and int(columns[1].rpartition(":")[2], 16) == port:
                    found.add(columns[9])
    return found
