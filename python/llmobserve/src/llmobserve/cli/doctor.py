"""`llmobserve doctor`: shows what is set, hooked and waiting, and whether the collector takes our key."""

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from llmobserve import capture
from llmobserve.settings import SettingError, Settings, load
from llmobserve.spool.directory import spool_state, statuses
from llmobserve.transport import TransportError
from llmobserve.transport.batches import Parcel
from llmobserve.transport.http import HttpTransport
from llmobserve.transport.outcome import judge
from llmobserve.wire import Source, new_event_id, new_trace_id
from llmobserve.wire.codec import to_builtins

__all__ = ["main"]

_LATE_S = 600.0
"""Records that wait longer than this are a problem worth telling."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 when all is well, 1 when there is a problem, 2 when a setting is wrong."""
    parser = argparse.ArgumentParser(prog="llmobserve doctor", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object for machines")
    options = parser.parse_args(arguments)
    try:
        settings = load()
    except SettingError as error:
        print(error, file=sys.stderr)
        return 2
    report = examine(settings)
    if options.json:
        print(json.dumps(report, ensure_ascii=False))
    else:
        print("\n".join(_lines(report)))
    return 1 if report["problems"] else 0


def examine(settings: Settings) -> dict[str, Any]:
    """Everything the command shows, with the list of `problems`."""
    directory = Path(settings.spool_dir)
    report: dict[str, Any] = {
        "settings": _shown(settings),
        "spool": asdict(spool_state(directory)),
        "processes": statuses(directory),
        "libraries": _libraries(settings),
        "collector": _ask_collector(settings),
    }
    report["problems"] = list(_problems(report))
    return report


def _shown(settings: Settings) -> dict[str, Any]:
    shown = {**asdict(settings), "hosts": dict(settings.hosts)}
    key = settings.api_key
    if key is not None:
        shown["api_key"] = f"{key[:4]}…{key[-4:]}" if len(key) >= 16 else "…"
    return shown


def _libraries(settings: Settings) -> list[dict[str, Any]]:
    """Hooks as they would be set in an application of this environment; imports the hooked libraries to find out."""
    was_on = bool(capture.health())
    if not was_on:
        capture.install(sink=lambda call, content, snapshot: None, settings=settings)
    try:
        for library in sorted({entry.library for entry in capture.health()}):
            if _version(library) is not None:
                import_module(library)
        return [{**asdict(entry), "installed": _version(entry.library)} for entry in capture.health()]
    finally:
        if not was_on:
            capture.uninstall()


def _version(library: str) -> str | None:
    try:
        return version(library)
    except PackageNotFoundError:
        return None


def _ask_collector(settings: Settings) -> dict[str, Any]:
    """Post a batch without records: the collector checks the key and stores nothing."""
    source = to_builtins(Source(process_id=new_trace_id(), service=settings.service))
    transport = HttpTransport(settings.collector_url, settings.api_key)
    try:
        reply = transport.post(Parcel(batch_id=new_event_id(), source=source, records=()).body())
    except TransportError as error:
        return {"reachable": False, "accepted": False, "detail": str(error)}
    finally:
        transport.close()
    outcome = judge(reply)
    return {"reachable": True, "accepted": outcome.verb == "done", "detail": outcome.reason or None}


def _problems(report: Mapping[str, Any]) -> Iterator[str]:
    if not report["settings"]["enabled"]:
        yield "Recording is switched off (LLMOBSERVE_DISABLED)."
    collector = report["collector"]
    if not collector["reachable"]:
        yield f"The collector does not answer at {report['settings']['collector_url']}: {collector['detail']}."
    elif not collector["accepted"]:
        yield f"The collector refuses our batches: {collector['detail']}."
    spool = report["spool"]
    if not spool["writable"]:
        yield f"The spool directory {report['settings']['spool_dir']} cannot be written."
    if spool["oldest_age_s"] is not None and spool["oldest_age_s"] > _LATE_S:
        yield f"Records have waited for {spool['oldest_age_s'] / 60:.0f} minutes. `llmobserve flush` sends them."
    if spool["dead_files"]:
        yield f"{spool['dead_files']} batches have records that were refused for good, see `llmobserve dead-letters`."
    for entry in report["libraries"]:
        if entry["state"] in {"degraded", "missing"}:
            yield f"{entry['library']} {entry['version']}: {entry['target']} is {entry['state']}: {entry['detail']}."
    for process in report["processes"]:
        yield from _problems_of_process(process)


def _problems_of_process(process: Mapping[str, Any]) -> Iterator[str]:
    who = f"{process.get('script')} (process {process['pid']}{'' if process['alive'] else ', ended'})"
    for reason, number in process.get("lost", {}).items():
        yield f"{who} lost {number} records: {reason}."
    if process.get("unwritable"):
        yield f"{who} cannot write its spool: {process['unwritable']}."
    if process["alive"] and process.get("state") in {"parked", "backing_off"}:
        yield f"{who} cannot send: {process.get('reason')}."
    for place, number in process.get("internal_errors", {}).items():
        yield f"{who} had {number} internal errors in {place}."


def _lines(report: Mapping[str, Any]) -> Iterator[str]:
    yield "Settings"
    for name, value in report["settings"].items():
        yield f"  {name:<18} {'not set' if value is None or value == {} else value}"
    spool = report["spool"]
    yield "Spool"
    yield f"  {spool['segments']} files, {spool['bytes']} bytes; {spool['orphans']} left by ended processes"
    yield f"  {spool['dead_files']} dead-letter files, {spool['dead_bytes']} bytes"
    yield "Processes"
    for process in report["processes"]:
        counts = f"{process.get('calls')} calls, {process.get('spans')} spans, {process.get('sent')} records sent"
        ended = "" if process["alive"] else " (ended)"
        yield f"  {process['pid']:<8} {process.get('script')}{ended}: {counts}, {process.get('state')}"
    if not report["processes"]:
        yield "  none has left word"
    yield "Libraries"
    for entry in report["libraries"]:
        what = entry["state"] if entry["installed"] else "not installed"
        yield f"  {entry['library']:<10} {entry['installed'] or '':<10} {entry['target']:<45} {what}"
    yield "Collector"
    collector = report["collector"]
    answers = "answers" if collector["reachable"] else "does not answer"
    yield f"  {answers}, {'takes our batches' if collector['accepted'] else 'takes no batches from us'}"
    yield ""
    yield from (f"Problem: {problem}" for problem in report["problems"])
    if not report["problems"]:
        yield "No problems."
