"""`llmobserve doctor`: what is set, covered and waiting, and whether records can be delivered."""

import argparse
import json
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, fields
from importlib import import_module
from pathlib import Path
from typing import Any, cast
from warnings import catch_warnings, simplefilter

from llmobserve import capture
from llmobserve.backends.delivery import BackendTransport
from llmobserve.backends.registry import shown, transport_for
from llmobserve.capture import PatchHealth
from llmobserve.capture.libraries import LIBRARIES, Library
from llmobserve.capture.onward import provider_of
from llmobserve.cli.coverage import client_coverage, is_older, library_coverage, uncovered
from llmobserve.cli.self_test import self_test
from llmobserve.frameworks.libraries import wanted
from llmobserve.providers.registry import Registry
from llmobserve.settings import SettingError, Settings, load
from llmobserve.spool.directory import spool_state, statuses
from llmobserve.transport import TransportError
from llmobserve.transport.batches import Parcel
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
    parser.add_argument(
        "--self-test", action="store_true", help="make a call through each installed library, to a server in here"
    )
    parser.add_argument("--offline", action="store_true", help="do not ask the collector: for builds")
    options = parser.parse_args(arguments)
    try:
        settings = load()
    except SettingError as error:
        print(error, file=sys.stderr)
        return 2
    report = examine(settings, offline=options.offline, test=options.self_test)
    if options.json:
        print(json.dumps(report, ensure_ascii=False))
    else:
        print("\n".join(_lines(report)))
    return 1 if report["problems"] else 0


def examine(settings: Settings, *, offline: bool = False, test: bool = False) -> dict[str, Any]:
    """Everything the command shows, with the list of `problems`.

    `offline`: without the collector, which is `None` then. `test`: with a call through each library.
    """
    directory = Path(settings.spool_dir)
    health = _health(settings)
    report: dict[str, Any] = {
        "settings": _shown(settings),
        "spool": asdict(spool_state(directory)),
        "processes": statuses(directory),
        "libraries": library_coverage(health),
        "clients": client_coverage(health),
        "not_covered": uncovered(),
        "self_test": self_test(settings) if test else None,
        "collector": None if offline else _ask_collector(settings),
    }
    report["problems"] = list(_problems(report))
    report["notes"] = list(_notes(report))
    return report


def _shown(settings: Settings) -> dict[str, Any]:
    told: dict[str, Any] = {
        field.name: _plain(getattr(settings, field.name)) for field in fields(settings) if field.name != "api_key"
    }
    told["backend"] = None if settings.backend is None else shown(settings.backend)
    key = settings.api_key
    told["api_key"] = key if key is None else f"{key[:4]}…{key[-4:]}" if len(key) >= 16 else "…"
    return told


def _plain(value: Any) -> Any:
    """A setting as JSON has it."""
    if isinstance(value, Mapping):
        return dict(cast("Mapping[str, str]", value))
    if isinstance(value, (frozenset, set, tuple, list)):
        return sorted(cast("Iterable[str]", value))
    return value.__qualname__ if callable(value) and hasattr(value, "__qualname__") else value


def _health(settings: Settings) -> list[PatchHealth]:
    """Hooks as they would be set in an application of this environment; imports the hooked libraries to find out."""
    was_on = bool(capture.health())
    frameworks = wanted(settings)
    if not was_on:
        capture.install(sink=lambda call, content, snapshot: None, settings=settings, frameworks=frameworks)
    try:
        with catch_warnings():
            simplefilter("ignore")
            for name in dict.fromkeys(name for library in LIBRARIES for name in library.modules):
                # A part may need another distribution, or be on its way out.
                with suppress(ImportError):
                    import_module(name)
            # Of an older version it is no change, and a note says that it is not tested.
            gone = [entry for library in frameworks for entry in _gone(library) if not is_older(library.name)]
        return capture.health() + gone
    finally:
        if not was_on:
            capture.uninstall()


def _gone(framework: Library) -> Iterator[PatchHealth]:
    """Modules of an installed framework that are not there any more: nothing says so at runtime."""
    for name in framework.modules:
        try:
            import_module(name)
        except ModuleNotFoundError as error:
            found = error.name or ""
            package = framework.name if name.startswith(f"{framework.name}.") else name.partition(".")[0]
            if f"{name}.".startswith(f"{found}.") and found.startswith(f"{package}."):
                yield PatchHealth(
                    library=framework.name, version=None, target=name, state="missing", detail="there is no such module"
                )
        except ImportError:  # a part may need another distribution
            continue


def _ask_collector(settings: Settings) -> dict[str, Any]:
    """Post a batch without records: the collector checks the key and stores nothing. Storage is made ready instead."""
    source = to_builtins(Source(process_id=new_trace_id(), service=settings.service))
    try:
        transport = transport_for(settings)
    except SettingError as error:
        return {"reachable": False, "accepted": False, "detail": str(error)}
    try:
        if isinstance(transport, BackendTransport):
            transport.prepare()
            return {"reachable": True, "accepted": True, "detail": None}
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
    yield from _problems_of_collector(report)
    spool = report["spool"]
    if not spool["writable"]:
        yield f"The spool directory {report['settings']['spool_dir']} cannot be written."
    if spool["oldest_age_s"] is not None and spool["oldest_age_s"] > _LATE_S:
        yield f"Records have waited for {spool['oldest_age_s'] / 60:.0f} minutes. `llmobserve flush` sends them."
    if spool["dead_files"]:
        yield f"{spool['dead_files']} batches have records that were refused for good, see `llmobserve dead-letters`."
    for entry in report["libraries"]:
        if entry["state"] in {"degraded", "missing"}:
            version = entry["version"] or entry["installed"] or ""
            yield f"{entry['library']} {version}: {entry['target']} is {entry['state']}: {entry['detail']}."
    registry = Registry(report["settings"]["hosts"])
    for place in report["settings"]["propagate_to"]:
        provider = provider_of(place, registry)
        if provider is not None:
            yield f"propagate_to: {place} is a host of {provider}, to which nothing is ever added."
    for test in report["self_test"] or ():
        if not test["seen"]:
            yield f"Self-test of {test['name']} {test['version'] or ''}: {test['detail']}."
    for process in report["processes"]:
        yield from _problems_of_process(process)


def _notes(report: Mapping[str, Any]) -> Iterator[str]:
    """What is worth knowing and no reason to fail."""
    untested = {
        (row["library"], row["installed"], row["tested"]) for row in report["libraries"] if row["is_tested"] is False
    }
    for library, found, tested in sorted(untested):
        yield f"{library} {found} is not among the tested versions ({tested}). `--self-test` says whether it is seen."
    for gap in report["not_covered"]:
        yield f"{gap['distribution']} {gap['version']} is not covered: {gap['why']}. Use {gap['instead']}."
    for client in report["clients"]:
        if client["unless"]:
            yield f"Of {client['client']} not covered: {client['unless']}."


def _problems_of_collector(report: Mapping[str, Any]) -> Iterator[str]:
    collector = report["collector"]
    if collector is None:
        return
    if not collector["reachable"]:
        backend = report["settings"]["backend"]
        who = f"The collector does not answer at {report['settings']['collector_url']}"
        yield f"{who if backend is None else f'{backend} cannot be written to'}: {collector['detail']}."
    elif not collector["accepted"]:
        yield f"The collector refuses our batches: {collector['detail']}."


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
        yield f"  {name:<18} {'not set' if value in (None, {}, []) else value}"
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
        is_there = entry["installed"] or entry["state"] != "waiting"
        what = entry["state"] if is_there else "not installed"
        yield f"  {entry['library']:<16} {entry['installed'] or '':<10} {entry['target']:<45} {what}"
    yield "Client libraries"
    for client in report["clients"]:
        covered = f"covered by {', '.join(client['by'])}" if client["covered"] else "NOT covered"
        broken = f"; not by {', '.join(client['broken'])}" if client["broken"] else ""
        yield f"  {client['client']:<20} {client['version']:<10} {covered}{broken}"
    yield from _test_lines(report["self_test"])
    yield "Collector" if report["settings"]["backend"] is None else f"Storage: {report['settings']['backend']}"
    yield f"  {_collector_line(report['collector'])}"
    yield ""
    yield from (f"Note: {note}" for note in report["notes"])
    yield from (f"Problem: {problem}" for problem in report["problems"])
    if not report["problems"]:
        yield "No problems."


def _test_lines(tests: Sequence[Mapping[str, Any]] | None) -> Iterator[str]:
    if tests is None:
        return
    yield "Self-test"
    for test in tests:
        yield f"  {test['name']:<24} {test['version'] or '':<10} {'seen' if test['seen'] else 'NOT SEEN'}"


def _collector_line(collector: Mapping[str, Any] | None) -> str:
    if collector is None:
        return "not asked"
    answers = "answers" if collector["reachable"] else "does not answer"
    return f"{answers}, {'takes our batches' if collector['accepted'] else 'takes no batches from us'}"
