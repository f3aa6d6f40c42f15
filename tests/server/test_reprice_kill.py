"""A re-pricing that is killed goes on where it was: every call has one new cost and one earlier version."""

import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from server import price_books
from sqlalchemy import func, select

from llmobserve_server.app import Databases
from llmobserve_server.control.models import AuditEntry
from llmobserve_server.pricing.book_file import read_book_file
from llmobserve_server.pricing.books import Books, loaded_now
from llmobserve_server.settings import ServerSettings
from llmobserve_server.store.protocol import WriteBatch
from llmobserve_server.store.tables import cost_versions, events

CALLS = 12_000
START = datetime(2026, 11, 2)  # noqa: DTZ001 (the tables hold naive UTC)


def stored_call(number: int) -> dict[str, Any]:
    return {
        "project_id": "default",
        "event_id": f"{number:032x}",
        "type": "call",
        "kind": "llm",
        "status": "ok",
        "start_time": START + timedelta(milliseconds=number),
        "received_at": START,
        "provider": "openai",
        "operation": "chat.completions",
        "request_model": "gpt-4o-mini",
        "model": "gpt-4o-mini",
        "billable": True,
        "units": {"input_text_tokens": 1000, "output_text_tokens": 100},
        "usage_source": "response",
        "cost_usd": Decimal("0.00021"),
        "cost_state": "priced",
        "priced_model": "gpt-4o-mini",
    }


def prepared(folder: Path) -> ServerSettings:
    settings = ServerSettings(data_dir=folder, disk_reserve_mb=0, db_memory_mb=256)
    databases = Databases(settings)
    databases.store.write(WriteBatch(events=[stored_call(number) for number in range(CALLS)]))
    databases.close()
    file = read_book_file(price_books.book())
    Books(settings.price_directory).take(
        file.book, file.content, loaded_now(file.book, file.sha256, "test", datetime.now(UTC))
    )
    return settings


def run_and_kill(folder: Path, after: int) -> str:
    """Id of the job, which was killed when it had done so many calls."""
    job_id = ""
    command = [sys.executable, str(Path(__file__).with_name("kill_reprice.py")), str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            job_id, done, *end = line.split()
            assert not end, line
            if int(done) >= after:
                process.send_signal(signal.SIGKILL)
                break
        assert process.wait(timeout=60) == -signal.SIGKILL
    return job_id


def test_a_killed_re_pricing_is_finished_by_the_next_start(tmp_path: Path) -> None:
    settings = prepared(tmp_path)
    jobs = [run_and_kill(tmp_path, after) for after in (2000, 5000, 8000)]
    assert len(set(jobs)) == 1

    databases = Databases(settings)
    (half,) = databases.store.fetch(select(func.sum(events.c.cost_usd).label("usd")))
    (kept,) = databases.store.fetch(select(func.count().label("n")).select_from(cost_versions))
    databases.close()
    assert 8000 <= kept["n"] < CALLS
    # Old $0.00021, new $0.00014: each changed call is $0.00007 cheaper.
    assert half["usd"] == Decimal("0.00021") * CALLS - Decimal("0.00007") * kept["n"]

    command = [sys.executable, str(Path(__file__).with_name("kill_reprice.py")), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, check=True)
    # 12000 × 0.00021 = 2.52, 12000 × 0.00014 = 1.68: nothing is counted twice.
    job_id, status, calls, changed, old_usd, new_usd = done.stdout.splitlines()[-1].split()
    assert (job_id, status, int(calls), int(changed)) == (jobs[0], "done", CALLS, CALLS)
    assert (Decimal(old_usd), Decimal(new_usd)) == (Decimal("2.52"), Decimal("1.68"))

    databases = Databases(settings)
    (now,) = databases.store.fetch(select(func.count().label("n"), func.sum(events.c.cost_usd).label("usd")))
    versions = databases.store.fetch(select(cost_versions.c.event_id, cost_versions.c.cost_usd))
    with databases.control.session() as session:
        audited = session.scalars(select(AuditEntry.action).where(AuditEntry.object_id == job_id)).all()
    databases.close()
    assert (now["n"], now["usd"]) == (CALLS, Decimal("1.68"))
    assert len(versions) == len({row["event_id"] for row in versions}) == CALLS
    assert {row["cost_usd"] for row in versions} == {Decimal("0.00021")}
    assert audited == ["reprice.begin", "reprice.apply"]
