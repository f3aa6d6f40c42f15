"""A bar on one line of the terminal that shows how far a copy is; nothing where there is no terminal."""

import sys
import time

__all__ = ["ProgressBar"]

_WIDTH = 24
_EVERY_S = 0.1


class ProgressBar:
    """Called with a table, the rows that are done and those that there are."""

    def __init__(self) -> None:
        self._is_shown = sys.stderr.isatty()
        self._table = ""
        self._started_s = 0.0
        self._drawn_s = 0.0

    def __call__(self, table: str, done: int, total: int) -> None:
        """Draw it, at most ten times a second."""
        now = time.monotonic()
        if table != self._table:
            self._table, self._started_s, self._drawn_s = table, now, 0.0
        if not self._is_shown or total == 0 or (now - self._drawn_s < _EVERY_S and done < total):
            return
        self._drawn_s = now
        rate = done / max(now - self._started_s, 0.001)
        left_s = (total - done) / rate if rate else 0
        filled = _WIDTH * done // total
        bar = "━" * filled + "╌" * (_WIDTH - filled)
        text = f"{table:<16} {bar} {100 * done // total:>3} %  {done:,} of {total:,} rows, {rate:,.0f}/s"
        text += f", {left_s:,.0f} s left" if done < total else ""
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Take the line away."""
        if self._is_shown:
            print("\r\033[K", end="", file=sys.stderr, flush=True)
