"""`llmobserve dead-letters`: shows the records that the collector has refused, sends them again or drops them.

A record is refused when a collector is older than the SDK, when something between the two is too small for it, or for
a defect of ours. After an update `retry` delivers what was kept.
"""

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from llmobserve.backends.registry import target_of
from llmobserve.cli.flush import sender_for
from llmobserve.settings import SettingError, Settings, load
from llmobserve.spool.dead_letters import Letter, dead_files, read_dead
from llmobserve.spool.writer import Spool
from llmobserve.transport import Sender
from llmobserve.wire import now_us
from llmobserve.wire.codec import to_json

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Exit status: 0 when what was asked for is done, 1 when a record was refused again or a file is not there."""
    options = _parser().parse_args(arguments)
    try:
        settings = load()
    except SettingError as error:
        print(error, file=sys.stderr)
        return 2
    every = {path.stem: path for path in dead_files(Path(settings.spool_dir))}
    unknown = [name for name in options.names if name.removesuffix(".jsonl") not in every]
    if unknown:
        print(f"There are no dead letters named {unknown[0]} in {settings.spool_dir}/dead.", file=sys.stderr)
        return 1
    paths = [every[name.removesuffix(".jsonl")] for name in options.names] or list(every.values())
    if options.action == "drop":
        if not options.names and not options.all:
            print("Name what to drop, or say --all.", file=sys.stderr)
            return 2
        return _drop(paths)
    if options.action == "retry":
        try:
            return _retry(settings, sender_for(settings), paths, options.timeout)
        except SettingError as error:
            print(error, file=sys.stderr)
            return 2
    if options.action == "show":
        return _show(paths)
    return _list(paths, as_json=options.json)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="llmobserve dead-letters", description=__doc__)
    parser.add_argument("action", nargs="?", choices=("list", "show", "retry", "drop"), default="list")
    parser.add_argument("names", nargs="*", metavar="NAME", help="as `list` shows it; without: all")
    parser.add_argument("--all", action="store_true", help="with drop: all of them")
    parser.add_argument("--json", action="store_true", help="with list: one JSON object a line")
    parser.add_argument("--timeout", type=float, default=60.0, metavar="SECONDS", help="with retry: stop then (60)")
    return parser


def _list(paths: Sequence[Path], *, as_json: bool) -> int:
    for path in paths:
        letters = read_dead(path)
        reasons = Counter(letter.reason for letter in letters)
        age_h = max(now_us() / 1_000_000 - path.stat().st_mtime, 0.0) / 3600
        if as_json:
            entry = {"name": path.stem, "records": len(letters), "age_h": round(age_h, 2), "reasons": reasons}
            print(json.dumps(entry, ensure_ascii=False))
            continue
        print(f"{path.stem}: {len(letters)} records, {age_h:.1f} hours old")
        for reason, number in reasons.most_common(5):
            print(f"  {number:>5}  {reason}")
    if not paths and not as_json:
        print("No record was refused.")
    return 0


def _show(paths: Sequence[Path]) -> int:
    for path in paths:
        for letter in read_dead(path):
            shown = {"reason": letter.reason, "source": letter.source, "record": letter.record}
            print(json.dumps(shown, ensure_ascii=False))
    return 0


def _drop(paths: Sequence[Path]) -> int:
    for path in paths:
        number = len(read_dead(path))
        path.unlink()
        print(f"Dropped {path.stem}: {number} records.")
    return 0


def _retry(settings: Settings, sender: Sender, paths: Sequence[Path], timeout_s: float) -> int:
    """Put the records back in the spool, under the name of the process that made them, and send them."""
    for path in paths:
        if not all(_put_back(settings, source, letters) for source, letters in _by_source(read_dead(path))):
            print(f"There is no room in {settings.spool_dir}. Nothing was sent.", file=sys.stderr)
            return 1
        path.unlink()
    complete = sender.send_all(now=True, before_s=time.monotonic() + timeout_s)
    sender.close()
    print(f"Sent {sender.state.sent} records to {target_of(settings)}.")
    if sender.state.dead:
        print(f"Refused again: {sum(sender.state.dead.values())} records.")
    if not complete:
        print(f"Not sent yet: {sender.state.reason or 'the time was over.'} `llmobserve flush` goes on.")
    return 0 if complete and not sender.state.dead else 1


def _by_source(letters: Sequence[Letter]) -> list[tuple[dict[str, Any], list[Letter]]]:
    groups: dict[str, tuple[dict[str, Any], list[Letter]]] = {}
    for letter in letters:
        groups.setdefault(to_json(letter.source), (dict(letter.source), []))[1].append(letter)
    return list(groups.values())


def _put_back(settings: Settings, source: dict[str, Any], letters: Sequence[Letter]) -> bool:
    spool = Spool(settings.spool_dir, lambda: source)
    for letter in letters:
        spool.write([to_json(letter.record).encode("ascii")])
    spool.close()
    return spool.written == len(letters)
