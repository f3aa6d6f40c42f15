"""`llmobserve demo`: fills a store with example data of some months."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from llmobserve_server.errors import ServerError
from llmobserve_server.settings import ServerSettings, SettingError, load_settings

if TYPE_CHECKING:
    from llmobserve_server.demo.load import Filled

__all__ = ["demo", "fill_if_empty", "main"]

_PROJECT = "default"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments`; `None` takes those of the process. Ends with SystemExit."""
    command = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    command.command()(demo)
    command(args=None if arguments is None else list(arguments), prog_name="llmobserve demo")
    return 0


def demo(
    days: Annotated[int, typer.Option(help="Days until now.", min=1, max=3650)] = 90,
    scale: Annotated[float, typer.Option(help="1 gives about 50,000 events in 90 days.", min=0.01, max=1000)] = 1.0,
    seed: Annotated[int, typer.Option(help="Another number gives other data.")] = 7,
    url: Annotated[str | None, typer.Option(help="Send to this running collector.")] = None,
    key: Annotated[str | None, typer.Option(help="Key for --url.", envvar="LLMOBSERVE_API_KEY")] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Fill the store of this directory.")] = None,
    add: Annotated[bool, typer.Option("--add", help="Also where there are events already.")] = False,
) -> None:
    """Fill a store with example data: eight imagined applications, their agents, customers and troubles."""
    if url is not None and data_dir is not None:
        _fail("Give either --url or --data-dir.")
    try:
        if url is not None:
            _send(url, key, days, scale, seed, add=add)
        else:
            settings = load_settings(data_dir=data_dir.expanduser().absolute() if data_dir else None)
            _fill_directory(settings, days, scale, seed, add=add)
    except SettingError as error:
        _fail(str(error))
    except ServerError as error:
        _fail(error.message)


def fill_if_empty(
    settings: ServerSettings, *, days: int = 90, scale: float = 1.0, seed: int = 7, add: bool = False
) -> "Filled | None":
    """Fills the store of the settings; `None` when it has events already and `add` is not set. Raises ServerError."""
    from llmobserve.wire import now_us
    from llmobserve_server.demo.generate import generate
    from llmobserve_server.demo.load import fill_store, is_empty
    from llmobserve_server.demo.remarks import with_remarks
    from llmobserve_server.store.open import open_store

    settings.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    store = open_store(settings.db_url)
    try:
        if not add and not is_empty(store, _PROJECT):
            return None
        moment = now_us()
        batches = with_remarks(generate(days, scale, seed, moment), seed, moment)
        return fill_store(store, batches, project_id=_PROJECT, settings=settings, progress=_progress())
    finally:
        store.close()


def _fill_directory(settings: ServerSettings, days: int, scale: float, seed: int, *, add: bool) -> None:
    filled = fill_if_empty(settings, days=days, scale=scale, seed=seed, add=add)
    if filled is None:
        _fail(f"{settings.directory} holds events already. Choose another --data-dir, or say --add to mix the two.")
    _report(filled)
    print(f"Look at it: llmobserve serve --data-dir {settings.directory}")


def _send(url: str, key: str | None, days: int, scale: float, seed: int, *, add: bool) -> None:
    from llmobserve.wire import now_us
    from llmobserve_server.demo.generate import generate
    from llmobserve_server.demo.load import fill_collector
    from llmobserve_server.demo.remarks import with_remarks

    if not add:
        _fail(f"Example data cannot be told from real data later. If that is fine for {url}, say --add.")
    moment = now_us()
    batches = with_remarks(generate(days, scale, seed, moment), seed, moment)
    _report(fill_collector(url, batches, key=key, progress=_progress()))


def _progress() -> "Callable[[Filled], None]":
    """Counts on one line of the terminal; nothing where there is none."""
    shown = sys.stderr.isatty()

    def show(filled: "Filled") -> None:
        if shown:
            print(f"\r{filled.accepted:,} records", end="", file=sys.stderr, flush=True)

    return show


def _report(filled: "Filled") -> None:
    if sys.stderr.isatty():
        print(file=sys.stderr)
    print(
        f"{filled.accepted:,} records stored in {filled.seconds:.1f} s"
        + (f", {filled.duplicates:,} were there already" if filled.duplicates else "")
        + (f", {filled.rejected:,} were refused" if filled.rejected else "")
    )


def _fail(message: str) -> NoReturn:
    print(f"llmobserve demo: {message}", file=sys.stderr)
    raise SystemExit(1)
