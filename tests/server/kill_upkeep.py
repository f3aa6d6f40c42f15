"""A store that is written, checkpointed and cleaned in turns, and says what it has done: made to be killed."""

import sys
from datetime import timedelta
from pathlib import Path

from server.event_rows import at, call

from llmobserve_server.store.duckdb import DuckDBStore
from llmobserve_server.store.protocol import WriteBatch

ROWS = 400
OLD_DAYS = 40


def main() -> None:
    path, round_text = sys.argv[1:]
    store = DuckDBStore(Path(path), memory_limit_bytes=256 * 1024**2, threads=2)
    store.initialize()
    number = int(round_text) * 1000
    while True:
        fresh = [call(f"new-{number}-{each}", at(seconds=each), cost="0.01") for each in range(ROWS)]
        old = [call(f"old-{number}-{each}", at(days=-OLD_DAYS, seconds=each), cost="0.01") for each in range(ROWS)]
        store.write(WriteBatch(events=[*fresh, *old]))
        print(f"stored {number}", flush=True)
        store.checkpoint()
        print(f"checkpointed {number}", flush=True)
        while store.expire("events", at() - timedelta(days=1), most_rows=150):
            pass
        print(f"cleaned {number}", flush=True)
        number += 1


if __name__ == "__main__":
    main()
