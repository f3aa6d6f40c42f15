"""`llmobserve reprice`: prices stored calls again, and shows the differences by model and month."""

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from llmobserve_server.cli.collector import Collector, Refused, collector_at, local_collector
from llmobserve_server.cli.fail import fail
from llmobserve_server.cli.tables import money_text, table_text
from llmobserve_server.errors import ServerError
from llmobserve_server.settings import ServerSettings, SettingError, load_settings

__all__ = ["main", "reprice"]

_DEFAULT_PROJECT = "default"
_LOOK_EVERY_S = 0.2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments`; `None` takes those of the process. Ends with SystemExit."""
    command = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    command.command()(reprice)
    command(args=None if arguments is None else list(arguments), prog_name="llmobserve reprice")
    return 0


def reprice(
    apply: Annotated[bool, typer.Option("--apply/--dry-run", help="Change the costs; else only say how.")] = False,
    from_: Annotated[str | None, typer.Option("--from", help="Calls from this time on, ISO 8601.")] = None,
    to: Annotated[str | None, typer.Option(help="Calls before this time.")] = None,
    provider: Annotated[str | None, typer.Option(help="Calls of this provider.")] = None,
    model: Annotated[str | None, typer.Option(help="Calls of this model.")] = None,
    state: Annotated[str | None, typer.Option(help="priced, estimated, unpriced or free.")] = None,
    project: Annotated[str | None, typer.Option(help="Project. Default: that of the key, or `default`.")] = None,
    url: Annotated[str | None, typer.Option(help="A collector elsewhere; needs a key.")] = None,
    key: Annotated[str | None, typer.Option(help="Key with scope admin.", envvar="LLMOBSERVE_API_KEY")] = None,
    host: Annotated[str | None, typer.Option(help="Address that the collector here listens on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port that it listens on.", min=1, max=65535)] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Directory of its files.")] = None,
) -> None:
    """Price stored calls again with the price book and the price rules of now.

    Asks the collector that runs; without one it works on the data directory itself. What was said before is kept, and
    costs that providers reported stay.
    """
    wanted = {"time_from": from_, "time_to": to, "provider": provider, "model": model, "state": state}
    order = {"dry_run": not apply, **{name: value for name, value in wanted.items() if value is not None}}
    try:
        if url is not None:
            job = _ask(collector_at(url, key), order, project)
        else:
            directory = data_dir.expanduser().absolute() if data_dir else None
            settings = load_settings(host=host, port=port, data_dir=directory)
            with local_collector(settings) as collector:
                if collector is not None:
                    job = _ask(collector, order, project)
                else:
                    job = _work(settings, order, project or _DEFAULT_PROJECT)
    except SettingError as error:
        fail("reprice", str(error))
    except ServerError as error:
        fail("reprice", error.message)
    except Refused as error:
        fail("reprice", str(error))
    print(report(job))
    if job["status"] == "failed":
        fail("reprice", job["error"])


def _ask(collector: Collector, order: dict[str, Any], project: str | None) -> dict[str, Any]:
    query = {"project": project} if project else {}
    job: dict[str, Any] = collector.post("reprice", order, **query)
    return _followed(lambda: collector.get(f"reprice/{job['id']}", **query))


def _work(settings: ServerSettings, order: dict[str, Any], project: str) -> dict[str, Any]:
    """The same without a collector: this process owns the store for the time."""
    from llmobserve_server.api.reprice import RepriceRequest, filter_of
    from llmobserve_server.app import Databases
    from llmobserve_server.control.audit import CONSOLE
    from llmobserve_server.control.projects import project_exists
    from llmobserve_server.jobs.reprice import Repricings
    from llmobserve_server.pricing import Books, ProjectRules

    try:
        chosen = filter_of(RepriceRequest.model_validate(order))
    except ValueError as error:
        fail("reprice", f"--state takes priced, estimated, unpriced or free ({error.__class__.__name__})")
    databases = Databases(settings)
    try:
        if not project_exists(databases.control, project):
            fail("reprice", f"There is no project {project!r}.")
        books, rules = Books(settings.price_directory), ProjectRules(databases.control)
        jobs = Repricings(databases.store, databases.control, books, rules, idle_share=0)
        try:
            jobs.resume()
            jobs.settle()
            job = jobs.start(project, chosen, CONSOLE, dry_run=order["dry_run"])
            return _followed(lambda: jobs.get(project, job.id).model_dump(mode="json"))
        finally:
            jobs.stop()
    finally:
        databases.close()


def _followed(look: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """The job when it has ended; how far it is stands on a line of the terminal meanwhile."""
    shown = sys.stderr.isatty()
    while (job := look())["status"] == "running":
        if shown:
            print(f"\r{job['calls_done']:,} of {job['calls_found']:,} calls", end="", file=sys.stderr, flush=True)
        time.sleep(_LOOK_EVERY_S)
    if shown:
        print("\r\033[K", end="", file=sys.stderr, flush=True)
    return job


def report(job: dict[str, Any]) -> str:
    """What a job says, as a table with totals."""
    rows = [_cells(row) for row in job["rows"] if row["changed"]]
    total = job["total"]
    lines: list[str] = []
    if rows:
        head = ("provider", "model", "month", "calls", "changed", "old $", "new $", "difference", "states")
        total_row = ("", "all calls", *_cells(total)[2:])
        lines.append(table_text([head, *rows, total_row], right={3, 4, 5, 6, 7}))
    if job["truncated"]:
        lines.append("The table has the largest differences; the total has all.")
    done = "would change" if job["dry_run"] else "have changed"
    said = f"{total['changed']:,} of {total['calls']:,} calls {done}, by ${money_text(total['difference_usd'])}"
    lines.append(f"{said}. Price book {job['price_book']}.")
    lost = total["states_after"].get("unpriced", 0) - total["states_before"].get("unpriced", 0)
    if lost > 0:
        lines.append(f"! {lost:,} more calls have no price then: does the price book lack something?")
    if job["dry_run"] and total["changed"]:
        lines.append("Nothing was changed. --apply changes the costs and keeps what was said before.")
    return "\n".join(lines)


def _cells(row: dict[str, Any]) -> tuple[str, ...]:
    return (
        row["provider"],
        row["model"],
        row["month"],
        f"{row['calls']:,}",
        f"{row['changed']:,}",
        money_text(row["old_usd"]),
        money_text(row["new_usd"]),
        money_text(row["difference_usd"]),
        _states(row["states_before"], row["states_after"]),
    )


def _states(before: dict[str, int], after: dict[str, int]) -> str:
    """`2 unpriced → 2 priced`; one side where nothing changes."""
    one, other = (", ".join(f"{n:,} {state}" for state, n in sorted(side.items())) for side in (before, after))
    return one if one == other else f"{one} → {other}"
