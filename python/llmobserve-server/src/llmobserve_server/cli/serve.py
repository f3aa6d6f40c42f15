"""`llmobserve serve`: starts the collector with its API and dashboard, and says how to use it."""

import errno
import socket
import webbrowser
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from llmobserve_server.cli.fail import fail
from llmobserve_server.cli.listen import bind
from llmobserve_server.cli.port_owner import process_on
from llmobserve_server.errors import ServerError
from llmobserve_server.settings import ServerSettings, SettingError, load_settings

if TYPE_CHECKING:
    from llmobserve_server.auth.deployment import Deployment

__all__ = ["main", "serve"]

_DEFAULT_COLLECTOR_URL = "http://127.0.0.1:8000"
_GRPC_PORT = 4317
"""Where exporters send that were told nothing else."""
_ALL_ADDRESSES = frozenset({"0.0.0.0", "::"})


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command with `arguments`; `None` takes those of the process. Ends with SystemExit."""
    command = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    command.command()(serve)
    command(args=None if arguments is None else list(arguments), prog_name="llmobserve serve")
    return 0


def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on. Default: 127.0.0.1.")] = None,
    port: Annotated[int | None, typer.Option(help="Port, 0 for any free one. Default: 8000.", min=0, max=65535)] = None,
    data_dir: Annotated[Path | None, typer.Option(help="Directory of the server's files.")] = None,
    db: Annotated[str | None, typer.Option(help="URL of the store of events.")] = None,
    log_level: Annotated[str, typer.Option(help="error, warning, info or debug.")] = "info",
    open_browser: Annotated[bool, typer.Option("--open", help="Open the dashboard in the browser.")] = False,
    demo: Annotated[bool, typer.Option("--demo", help="Fill an empty store with example data first.")] = False,
    workers: Annotated[int, typer.Option(hidden=True)] = 1,
) -> None:
    """Start the collector, its API and the dashboard."""
    if workers != 1:
        fail(
            "serve",
            "There is no --workers: one process owns the store, and uses several threads by itself. With PostgreSQL or "
            "ClickHouse start several collectors on ports or machines of their own, behind one proxy.",
        )
    try:
        settings = load_settings(
            host=host, port=port, data_dir=data_dir.expanduser().absolute() if data_dir else None, db=db
        )
    except SettingError as error:
        fail("serve", str(error))
    listener = _bind(settings)
    settings = replace(settings, port=listener.getsockname()[1], otlp_grpc_port=_grpc_port(settings))
    if demo:
        _fill(settings)
    _run(settings, listener, log_level, open_browser=open_browser)


def _grpc_port(settings: ServerSettings) -> int:
    """The port of OTLP by gRPC; 0 for none."""
    from llmobserve_server.otlp_grpc import grpc_is_installed

    if settings.otlp_grpc_port and not grpc_is_installed():
        fail("serve", "LLMOBSERVE_OTLP_GRPC_PORT is set, but gRPC is missing: pip install 'llmobserve-server[grpc]'.")
    if settings.otlp_grpc_port is not None:
        return settings.otlp_grpc_port
    return _GRPC_PORT if grpc_is_installed() else 0


def _fill(settings: ServerSettings) -> None:
    from llmobserve_server.cli.demo import fill_if_empty

    try:
        filled = fill_if_empty(settings)
    except ServerError as error:
        fail("serve", error.message)
    if filled is not None:
        print(f"  {filled.accepted:,} records of example data made in {filled.seconds:.0f} s", flush=True)


def _run(settings: ServerSettings, listener: socket.socket, log_level: str, *, open_browser: bool) -> None:
    # Imported here, so that `--help` and a busy port answer at once.
    from llmobserve_server.app import Databases, build_app
    from llmobserve_server.auth.deployment import deployment_of
    from llmobserve_server.auth.gate import Gate
    from llmobserve_server.cli.logs import set_up_logs
    from llmobserve_server.cli.server import CollectorServer, collect_seldom

    set_up_logs(log_level)
    try:
        settings.directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        databases = Databases(settings)
    except OSError as error:
        fail(
            "serve",
            f"The data directory {settings.directory} cannot be used: {error.strerror}. Choose another --data-dir.",
        )
    except ServerError as error:
        fail("serve", error.message)
    deployment = deployment_of(settings)
    sign_in_url = Gate(databases.control, deployment).new_sign_in_url()

    def greet() -> None:
        print(_greeting(deployment, settings, sign_in_url, app.state.otlp_grpc.port), flush=True)
        if open_browser:
            webbrowser.open(sign_in_url)

    app = build_app(settings, databases)
    server = CollectorServer(app, greet)
    collect_seldom()
    try:
        server.run(sockets=[listener])
    except KeyboardInterrupt:
        print("Stopped.", flush=True)


def _bind(settings: ServerSettings) -> socket.socket:
    try:
        return bind(settings.host, settings.port)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            owner = process_on(settings.port)
            by = "" if owner is None else f" by process {owner[0]} ({owner[1]})"
            fail(
                "serve",
                f"Port {settings.port} is in use{by}. Stop what listens there, or choose another: --port 0 takes any.",
            )
        fail("serve", f"Cannot listen on {settings.host} port {settings.port}: {error.strerror or error}.")


def _greeting(deployment: "Deployment", settings: ServerSettings, sign_in_url: str, grpc_port: int | None) -> str:
    given: list[str] = []
    if deployment.base_url != _DEFAULT_COLLECTOR_URL:
        given.append(f'collector_url="{deployment.base_url}"')
    if not deployment.local_mode:
        given.append('api_key="llmo_ingest_…"')
    lines = [
        "",
        f"  Dashboard   {sign_in_url}",
        "              signs one browser in, within 30 minutes; `llmobserve sign-in` prints another",
        f"  Collector   {deployment.base_url}",
        f"  OTLP        {deployment.base_url}{'' if grpc_port is None else f', and gRPC on port {grpc_port}'}",
        f"  Data        {settings.directory}",
        "",
        "  In your program, before its first call:",
        "",
        "      import llmobserve",
        f"      llmobserve.observe({', '.join(given)})",
        "",
    ]
    if not deployment.local_mode:
        lines += ["  Events need a key: make one in the dashboard under Settings, Keys.", ""]
    if settings.host in _ALL_ADDRESSES and settings.public_url is None:
        lines += ["  From other machines, put the name or address of this one in place of 127.0.0.1.", ""]
    return "\n".join(lines)
