"""The six whole days of the example data that the pages' tests look at, and what the store itself says of them."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

_TODAY = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
BEGIN, END = _TODAY - timedelta(days=6), _TODAY
WINDOW = {"from": BEGIN.isoformat(), "to": END.isoformat()}
QUERY = "&".join(f"{name}={value.replace('+00:00', 'Z')}" for name, value in WINDOW.items())


def stored_totals(data_dir: Path) -> dict[str, Any]:
    """Calls, dollars, errors and runs of the window by plain SQL. No server may have the store open."""
    with duckdb.connect(str(data_dir / "events.duckdb"), read_only=True) as connection:
        row = connection.execute(
            """SELECT count(*), sum(cost_usd), count(*) FILTER (status = 'error'), count(DISTINCT run_id)
               FROM events WHERE type = 'call' AND billable AND start_time >= ? AND start_time < ?""",
            [BEGIN.replace(tzinfo=None), END.replace(tzinfo=None)],
        ).fetchone()
    assert row is not None
    return dict(zip(("calls", "usd", "errors", "runs"), row, strict=True))
