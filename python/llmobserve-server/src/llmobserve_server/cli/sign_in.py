"""`llmobserve sign-in`: prints a new sign-in link for a collector of this machine, running or not."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from llmobserve_server.cli.fail import fail
from llmobserve_server.errors import ServerError
from llmobserve_server.settings import SettingError, load_settings

__all__ = ["main", "sign_in"]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments`; `None` takes those of the process. Ends with SystemExit."""
    command = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    command.command()(sign_in)
    command(args=None if arguments is None else list(arguments), prog_name="llmobserve sign-in")
    return 0


def sign_in(
    host: Annotated[str | None, typer.Option(help="Address that the collector listens on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port that the collector listens on.", min=1, max=65535)] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Directory of the collector's files.")] = None,
) -> None:
    """Print an address that signs one browser in, within 30 minutes."""
    from llmobserve_server.auth.deployment import deployment_of
    from llmobserve_server.auth.gate import Gate
    from llmobserve_server.control.database import open_control

    try:
        settings = load_settings(host=host, port=port, data_dir=data_dir.expanduser().absolute() if data_dir else None)
        if settings.control_db is None and not (settings.directory / "control.db").exists():
            fail("sign-in", f"There is no collector's data in {settings.directory}. Name its --data-dir.")
        control = open_control(settings.control_db_url)
        print(Gate(control, deployment_of(settings)).new_sign_in_url())
        control.close()
    except SettingError as error:
        fail("sign-in", str(error))
    except ServerError as error:
        fail("sign-in", error.message)
