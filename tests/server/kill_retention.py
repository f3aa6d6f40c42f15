"""A retention job that says after each transaction how many rows it has deleted: made to be killed."""

import sys
from datetime import datetime
from typing import Any

from llmobserve_server.jobs.retention import Retention
from llmobserve_server.store.open import open_store
from llmobserve_server.store.retention import RetentionRules


def main() -> None:
    url, now = sys.argv[1:]
    store = open_store(url, memory_limit_bytes=256 * 1024**2)
    expire = store.expire

    def told(*arguments: Any, **named: Any) -> int:
        # Said before the transaction, so that the kill meets it.
        print("next", flush=True)
        return expire(*arguments, **named)

    store.expire = told  # pyright: ignore[reportAttributeAccessIssue]
    rules = RetentionRules({"contents": None, "events": 50, "dead_letters": None})
    job = Retention(store, rules, clock=lambda: datetime.fromisoformat(now), piece_rows=1000, idle_share=0)
    job.run_once()
    store.close()
    print("done", flush=True)


if __name__ == "__main__":
    main()
