"""Backups: the store of events, the control database and loaded price books in one file, and back."""

from llmobserve_server.jobs.backup.archive import read_archive
from llmobserve_server.jobs.backup.make import EVENTS_FILE, Backup, Backups
from llmobserve_server.jobs.backup.restore import Restored, restore

__all__ = ["EVENTS_FILE", "Backup", "Backups", "Restored", "read_archive", "restore"]
