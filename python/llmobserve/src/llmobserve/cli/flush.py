"""`llmobserve flush`: sends what processes that have ended left in the spool."""

import argparse
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from llmobserve.backends.registry import target_of, transport_for
from llmobserve.settings import SettingError, Settings, load
from llmobserve.spool.directory import spool_state
from llmobserve.spool.writer import Spool
from llmobserve.transport import Sender
from llmobserve.wire import Source, new_trace_id
from llmobserve.wire.codec import to_builtins

__all__ = ["main", "sender_for"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 when nothing is left that could be sent, 1 otherwise, 2 when a setting is wrong."""
    parser = argparse.ArgumentParser(prog="llmobserve flush", description=__doc__)
    parser.add_argument("--timeout", type=float, default=60.0, metavar="SECONDS", help="stop after this long (60)")
    parser.add_argument("--json", action="store_true", help="one JSON object for machines")
    options = parser.parse_args(arguments)
    try:
        settings = load()
        sender = sender_for(settings)
    except SettingError as error:
        print(error, file=sys.stderr)
        return 2
    complete = sender.send_all(now=True, before_s=time.monotonic() + options.timeout)
    sender.close()
    left = spool_state(Path(settings.spool_dir))
    state = sender.state
    report = {
        "sent": state.sent,
        "orphans_left": left.orphans,
        "segments_of_running_processes": left.segments - left.orphans,
        "dead_letters": dict(state.dead),
        "torn": state.torn,
        "reason": state.reason,
    }
    if options.json:
        print(json.dumps(report))
    else:
        print(f"Sent {state.sent} records to {target_of(settings)}.")
        if left.orphans:
            print(f"Left: {left.orphans} files of ended processes. {state.reason or 'The time was over.'}")
        if report["segments_of_running_processes"]:
            print(f"{report['segments_of_running_processes']} files belong to running processes, which send them.")
        if state.dead:
            print(f"Refused for good: {sum(state.dead.values())} records, see `llmobserve dead-letters`.")
        if state.torn:
            print(f"Damaged and skipped: {state.torn} records.")
    return 0 if complete and not left.orphans else 1


def sender_for(settings: Settings) -> Sender:
    """A sender of this command's own process, for what others have left.

    Raises:
        SettingError: the backend cannot be used.
    """
    source = to_builtins(Source(process_id=new_trace_id(), service=settings.service))
    return Sender(Spool(settings.spool_dir, lambda: source), transport_for(settings))
