"""The `llmobserve` command: finds the subcommand and hands over.

Commands of the SDK are in the table below; those of the server are found through the entry-point group
`llmobserve.commands` when `llmobserve-server` is installed.
"""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points

from llmobserve import __version__

__all__ = ["main"]

COMMANDS: tuple[tuple[str, str, str], ...] = (
    ("doctor", "llmobserve.cli.doctor", "what is set, covered and waiting, and whether the collector answers"),
    ("flush", "llmobserve.cli.flush", "send what ended processes have left in the spool"),
    ("dead-letters", "llmobserve.cli.dead_letters", "show what the collector has refused, send it again or drop it"),
    ("explain", "llmobserve.cli.explain", "what would be recorded of exchanges read from standard input"),
    ("price", "llmobserve.cli.price", "price calls given as JSON lines"),
    ("demo-provider", "llmobserve.cli.demo_provider", "a provider on this machine that costs nothing, to try with"),
)
"""Name, module with `main(argv) -> int`, help."""

_OF_SERVER = ("serve", "demo", "reprice", "prices", "db")
_USAGE = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a subcommand; returns its exit status, 2 when there is no such command."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if not given or given[0] in {"-h", "--help", "help"}:
        print(_help())
        return 0 if given else _USAGE
    if given[0] in {"-V", "--version"}:
        print(f"llmobserve {__version__}")
        return 0
    name, rest = given[0], given[1:]
    for known, module, _ in COMMANDS:
        if name == known:
            return import_module(module).main(rest)
    found = _server_commands().get(name)
    if found is not None:
        return int(found.load()(rest) or 0)
    if name in _OF_SERVER:
        _complain(
            f"llmobserve {name} is part of the server, which is not installed here.\n"
            f"Install it next to the SDK:  pip install 'llmobserve[server]=={__version__}'\n"
            "or from a checkout:          pip install ./python/llmobserve ./python/llmobserve-server"
        )
    else:
        _complain(f"llmobserve has no command {name!r}.\n\n{_help()}")
    return _USAGE


def _server_commands() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group="llmobserve.commands")}


def _help() -> str:
    lines = ["Usage: llmobserve COMMAND [OPTIONS]", "", "Commands:"]
    lines += [f"  {name:<13} {text}" for name, _, text in COMMANDS]
    server = sorted(_server_commands())
    if server:
        lines += ["", "Commands of the server:", "  " + "  ".join(server)]
    else:
        lines += ["", "With llmobserve-server installed also: " + ", ".join(_OF_SERVER)]
    lines += ["", "`llmobserve COMMAND --help` tells more."]
    return "\n".join(lines)


def _complain(text: str) -> None:
    print(text, file=sys.stderr)
