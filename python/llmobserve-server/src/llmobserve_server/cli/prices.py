"""`llmobserve prices`: shows what a newer price book changes, and lets the collector take it."""

import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from llmobserve_server.cli.collector import Collector, Refused, collector_at, local_collector
from llmobserve_server.cli.fail import fail
from llmobserve_server.cli.tables import money_text, table_text
from llmobserve_server.errors import ServerError
from llmobserve_server.settings import ServerSettings, SettingError, load_settings

__all__ = ["main"]

_SHOWN = 200
_File = Annotated[Path, typer.Argument(help="A price book, as `./dev prices pack` writes it.")]
_Url = Annotated[str | None, typer.Option("--url", help="A collector elsewhere; needs a key.")]
_Key = Annotated[str | None, typer.Option("--key", help="Key with scope admin.", envvar="LLMOBSERVE_API_KEY")]
_Host = Annotated[str | None, typer.Option("--host", help="Address that the collector here listens on.")]
_Port = Annotated[int | None, typer.Option("--port", help="Port that it listens on.", min=1, max=65535)]
_Data = Annotated[Path | None, typer.Option("--data-dir", help="Directory of its files.")]
_All = Annotated[bool, typer.Option("--all", help=f"Every difference, not only the first {_SHOWN}.")]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments`; `None` takes those of the process. Ends with SystemExit."""
    command = typer.Typer(
        add_completion=False, pretty_exceptions_enable=False, no_args_is_help=True, help="Newer price books."
    )
    command.command("diff")(diff)
    command.command("load")(load)
    command(args=None if arguments is None else list(arguments), prog_name="llmobserve prices")
    return 0


def diff(
    file: _File,
    url: _Url = None,
    key: _Key = None,
    host: _Host = None,
    port: _Port = None,
    data_dir: _Data = None,
    everything: _All = False,
) -> None:
    """Say what would change if the collector took this price book. Changes nothing."""
    with _ending():
        print(report(_Target(url, key, host, port, data_dir).send(_content(file), dry_run=True), everything=everything))


def load(
    file: _File,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask before it is taken.")] = False,
    older: Annotated[bool, typer.Option("--older", help="Go back to a book whose check is older.")] = False,
    url: _Url = None,
    key: _Key = None,
    host: _Host = None,
    port: _Port = None,
    data_dir: _Data = None,
    everything: _All = False,
) -> None:
    """Show what changes, ask, and price with this book from now on.

    Stored costs stay as they are: `llmobserve reprice` renews them.
    """
    with _ending():
        target, content = _Target(url, key, host, port, data_dir), _content(file)
        told = target.send(content, dry_run=True)
        print(report(told, everything=everything))
        if not yes:
            if not sys.stdin.isatty():
                fail("prices", "Nothing was taken. Say --yes to take it without being asked.")
            if not typer.confirm("Take this price book?"):
                raise SystemExit(1)
        taken = target.send(content, dry_run=False, older=older)
        print(f"Calls are priced with {taken['new_version']} from now on.")


class _Target:
    """Where the book goes: the running collector, else its data directory."""

    def __init__(
        self, url: str | None, key: str | None, host: str | None, port: int | None, data_dir: Path | None
    ) -> None:
        self._remote = None if url is None else collector_at(url, key)
        directory = data_dir.expanduser().absolute() if data_dir else None
        self._settings = load_settings(host=host, port=port, data_dir=directory)

    def send(self, content: bytes, *, dry_run: bool, older: bool = False) -> dict[str, Any]:
        """The differences; the book is taken unless it is a dry run. Raises Refused, ServerError."""
        if self._remote is not None:
            return _post(self._remote, content, dry_run=dry_run, older=older)
        with local_collector(self._settings) as collector:
            if collector is not None:
                return _post(collector, content, dry_run=dry_run, older=older)
            return _take(self._settings, content, dry_run=dry_run, older=older)


def _post(collector: Collector, content: bytes, *, dry_run: bool, older: bool) -> dict[str, Any]:
    return collector.post("prices/book", content, dry_run=str(dry_run).lower(), older=str(older).lower())


def _take(settings: ServerSettings, content: bytes, *, dry_run: bool, older: bool) -> dict[str, Any]:
    from llmobserve.wire import now_us
    from llmobserve_server.control.audit import CONSOLE
    from llmobserve_server.control.database import open_control
    from llmobserve_server.pricing import Books
    from llmobserve_server.pricing.book_file import read_book_file
    from llmobserve_server.pricing.take_book import take_book
    from llmobserve_server.query.book_diff import diff_books

    file, books = read_book_file(content), Books(settings.price_directory)
    told = diff_books(books.current, file.book, sha256=file.sha256, taken=not dry_run, at_us=now_us())
    if not dry_run:
        control = open_control(settings.control_db_url)
        try:
            take_book(control, books, CONSOLE, file, told.counts(), older=older)
        finally:
            control.close()
    return told.model_dump(mode="json")


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        fail("prices", f"{file} cannot be read: {error.strerror}")


@contextmanager
def _ending() -> Generator[None]:
    """End with a message where the block fails."""
    try:
        yield
    except ServerError as error:
        fail("prices", error.message)
    except (SettingError, Refused) as error:
        fail("prices", str(error))


def report(told: dict[str, Any], *, everything: bool = False) -> str:
    """What a book changes, by provider, then price by price."""
    lines = [f"{told['old_version']} → {told['new_version']}", f"sha256 {told['sha256']}"]
    if not told["providers"]:
        return "\n".join([*lines, "Nothing changes."])
    counts = [
        (row["provider"], *(f"{row[kind]:,}" for kind in ("added", "removed", "changed"))) for row in told["providers"]
    ]
    lines += ["", table_text([("provider", "added", "removed", "changed"), *counts], right={1, 2, 3}), ""]
    shown = told["changes"] if everything else told["changes"][:_SHOWN]
    head = ("", "provider", "model", "what", "old", "new", "%", "conditions")
    lines.append(table_text([head, *(_cells(change) for change in shown)], right={6}))
    if told["truncated"] or len(shown) < len(told["changes"]):
        lines.append(f"… and more: these are the first {len(shown):,}.")
    if told["past_changes"]:
        lines.append(f"! {told['past_changes']:,} of them change prices of the past (marked !): are these corrections?")
    return "\n".join(lines)


_SIGNS = {"added": "+", "removed": "-", "changed": "~"}


def _cells(change: dict[str, Any]) -> tuple[str, ...]:
    mark = _SIGNS[change["change"]] + ("!" if change["past"] else "")
    percent = change["percent"]
    said = "" if percent is None else f"{'' if percent.startswith('-') else '+'}{percent}"
    where = (mark, change["provider"], change["model"] or "", change["subject"])
    return (*where, _side(change, "old"), _side(change, "new"), said, change["conditions"])


def _side(change: dict[str, Any], side: str) -> str:
    """A rate as `$0.15 / 1,000,000`, with what belongs to it; else the words."""
    words = change[side] or ""
    if change["what"] != "rate" or change[f"{side}_usd"] is None:
        return words[:60]
    rate = f"${money_text(change[f'{side}_usd'])} / {change['per']:,}"
    return f"{rate} {words}" if words else rate
