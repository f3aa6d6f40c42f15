"""Backups one after the other, of a data directory: made to be killed."""

import sys
from pathlib import Path

from llmobserve_server.app import Databases
from llmobserve_server.jobs.backup import Backups
from llmobserve_server.settings import load_settings


def main() -> None:
    settings = load_settings({}, data_dir=Path(sys.argv[1]), disk_reserve_mb=0)
    databases = Databases(settings)
    backups = Backups(databases.store, databases.control, settings)
    print("begun", flush=True)
    while True:
        made = backups.make()
        while made.read():
            pass
        made.close()


if __name__ == "__main__":
    main()
