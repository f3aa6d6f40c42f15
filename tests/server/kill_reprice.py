"""A process that prices the calls of a data directory again and says how far it is: made to be killed.

Begins a re-pricing when there are no unfinished ones, else goes on with those.
"""

import sys
import time
from pathlib import Path

from llmobserve_server.app import Databases
from llmobserve_server.control.audit import CONSOLE
from llmobserve_server.jobs.reprice import Repricings
from llmobserve_server.jobs.reprice.log import unfinished
from llmobserve_server.pricing import Books, ProjectRules
from llmobserve_server.query.reprice_report import RepriceFilter
from llmobserve_server.settings import ServerSettings


def main() -> None:
    settings = ServerSettings(data_dir=Path(sys.argv[1]), disk_reserve_mb=0, db_memory_mb=256)
    databases = Databases(settings)
    left = unfinished(databases.store)
    books = Books(settings.price_directory)
    jobs = Repricings(databases.store, databases.control, books, ProjectRules(databases.control), idle_share=0.1)
    if left:
        job_id = left[0].order.job_id
        jobs.resume()
    else:
        job_id = jobs.start("default", RepriceFilter(), CONSOLE, dry_run=False).id
    while (job := jobs.get("default", job_id)).status == "running":
        say(f"{job_id} {job.calls_done}")
        time.sleep(0.002)
    say(f"{job_id} {job.status} {job.total.calls} {job.total.changed} {job.total.old_usd} {job.total.new_usd}")
    databases.close()


def say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
