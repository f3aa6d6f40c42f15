"""Builds the application: which parts it has, in which order requests meet them, what starts and ends with it."""

import json
import sys
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from fastapi import FastAPI
from starlette.middleware import Middleware

from llmobserve_server.api import (
    backup,
    data_health,
    description,
    events,
    exports,
    fields,
    health,
    ingest,
    insights,
    keys,
    langfuse,
    langsmith,
    litellm,
    live,
    meta,
    otlp,
    price_book,
    price_rules,
    prices,
    projects,
    reprice,
    runs,
    scores,
    session,
    sessions,
    static,
    storage,
    totals,
)
from llmobserve_server.api.deps import Readers
from llmobserve_server.api.earlier_paths import EarlierPaths
from llmobserve_server.api.errors import CatchUnexpected, install_error_handlers
from llmobserve_server.api.limits import BodyLimits
from llmobserve_server.api.live import LiveStreams
from llmobserve_server.api.models import Problem
from llmobserve_server.api.otlp_paths import OTLP_PATHS
from llmobserve_server.api.prefix import Prefix
from llmobserve_server.api.security_headers import HostCheck, SecurityHeaders
from llmobserve_server.auth.deployment import deployment_of
from llmobserve_server.auth.gate import Gate
from llmobserve_server.control.database import ControlDatabase, open_control
from llmobserve_server.ingest import Ingestor, body
from llmobserve_server.ingest.foreign.halves import Halves
from llmobserve_server.jobs.backup import Backups
from llmobserve_server.jobs.reprice import Repricings
from llmobserve_server.jobs.retention import Retention
from llmobserve_server.otlp_grpc import OtlpGrpc
from llmobserve_server.pricing import Books, ProjectRules, pricer_of
from llmobserve_server.pricing.book_file import MAX_BOOK_BYTES
from llmobserve_server.settings import ServerSettings
from llmobserve_server.store.open import open_store
from llmobserve_server.store.protocol import Store
from llmobserve_server.store.retention import RetentionRules

__all__ = ["Databases", "build_app", "openapi_text"]

_MB = 1024 * 1024
_API = "/api/v1"
_API_ROUTERS = (
    meta.router,
    description.router,
    projects.router,
    keys.router,
    session.router,
    live.router,
    runs.router,
    # Before the events, one of which would have the id `provider-stats`.
    insights.router,
    events.router,
    sessions.router,
    scores.router,
    totals.router,
    fields.router,
    exports.router,
    data_health.router,
    prices.router,
    price_book.router,
    reprice.router,
    price_rules.router,
    storage.router,
    backup.router,
)
_PROBLEMS: dict[int | str, dict[str, Any]] = {"4XX": {"model": Problem, "description": "What is wrong and what to do"}}
_INGEST_PATHS = (
    "/v1/events",
    "/events",
    *OTLP_PATHS,
    *langfuse.LANGFUSE_INGEST_PATHS,
    *langsmith.LANGSMITH_INGEST_PATHS,
    litellm.LITELLM_PATH,
)


class Databases:
    """The store of events and the control database, open."""

    def __init__(self, settings: ServerSettings) -> None:
        """Open and migrate both. Raises StoreError with the remedy in its message."""
        self.control: ControlDatabase = open_control(settings.control_db_url)
        self.store: Store = open_store(
            settings.db_url,
            memory_limit_bytes=settings.db_memory_mb * _MB if settings.db_memory_mb else None,
            threads=settings.db_threads,
            disk_reserve_bytes=settings.disk_reserve_mb * _MB,
        )

    def close(self) -> None:
        """Close both. Idempotent."""
        self.store.close()
        self.control.close()


def build_app(settings: ServerSettings, databases: Databases | None = None) -> FastAPI:
    """The whole server as one ASGI application; it closes the databases when it ends.

    `databases`: open ones to use; `None` opens them when the application starts. While it runs, `app.state` has
    `store`, `control`, `books`, `project_rules`, `repricings`, `backups`, `retention`, `ingestor`, `readers`,
    `gate` and `live_streams`.
    """
    deployment = deployment_of(settings)
    app = FastAPI(
        title="llmobserve",
        version="1",
        lifespan=lambda app: _lifespan(app, settings, databases),
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        # Outermost first: every answer has the headers, and nothing is read from names that are not ours.
        middleware=[
            Middleware(SecurityHeaders),
            Middleware(HostCheck, deployment=deployment),
            Middleware(Prefix, prefix=deployment.prefix),
            Middleware(EarlierPaths, prefix=deployment.prefix, api=_API),
            Middleware(BodyLimits, max_bytes=_body_limits(settings)),
            Middleware(CatchUnexpected),
        ],
    )
    app.state.dashboard = static.Dashboard(deployment.prefix)
    install_error_handlers(app)
    app.include_router(health.router)
    app.include_router(ingest.router)
    app.include_router(otlp.router)
    app.include_router(langfuse.router)
    app.include_router(langsmith.router)
    app.include_router(litellm.router)
    app.include_router(session.link_router)
    for router in _API_ROUTERS:
        app.include_router(router, prefix=_API, responses=_PROBLEMS)
    app.include_router(static.router)
    return app


def _body_limits(settings: ServerSettings) -> dict[str, int]:
    return {**dict.fromkeys(_INGEST_PATHS, settings.max_body_mb * _MB), f"{_API}/prices/book": MAX_BOOK_BYTES}


@asynccontextmanager
async def _lifespan(app: FastAPI, settings: ServerSettings, given: Databases | None) -> AsyncGenerator[None]:
    # Ends in the opposite order: streams, then what was taken in is stored, then the databases close.
    async with AsyncExitStack() as stack:
        databases = given or Databases(settings)
        stack.callback(databases.close)
        app.state.store, app.state.control = databases.store, databases.control
        app.state.gate = Gate(databases.control, deployment_of(settings))
        app.state.books = Books(settings.price_directory)
        app.state.readers = Readers()
        stack.callback(app.state.readers.close)
        app.state.project_rules = ProjectRules(databases.control)
        pricer = pricer_of(app.state.books, app.state.project_rules)
        app.state.ingestor = Ingestor(databases.store, pricer, settings)
        app.state.ingestor.start()
        app.state.halves = Halves()
        app.state.body_limits = body.BodyLimits(settings.max_body_mb * _MB, settings.max_decoded_mb * _MB)
        stack.callback(app.state.ingestor.stop)
        rules = app.state.project_rules
        app.state.repricings = Repricings(databases.store, databases.control, app.state.books, rules)
        app.state.repricings.resume()
        stack.callback(app.state.repricings.stop)
        app.state.backups = Backups(databases.store, databases.control, settings)
        app.state.retention = Retention(databases.store, RetentionRules.of(settings))
        app.state.retention.start()
        stack.callback(app.state.retention.stop)
        app.state.exports = exports.RunningExports()
        max_bytes = 2 * settings.max_body_mb * _MB
        app.state.otlp_grpc = OtlpGrpc(app.state.gate, app.state.ingestor, max_message_bytes=max_bytes)
        if settings.otlp_grpc_port:
            await app.state.otlp_grpc.start(settings.host, settings.otlp_grpc_port)
            stack.push_async_callback(app.state.otlp_grpc.stop)
        app.state.live_streams = LiveStreams()
        stack.callback(app.state.live_streams.end)
        yield


def openapi_text() -> str:
    """The description of `/api/v1` as JSON, the same for the same code: what `schemas/openapi.json` holds."""
    document = description.description_of(build_app(ServerSettings()))
    return json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    if sys.argv[1:] != ["openapi"]:
        sys.exit("usage: python -m llmobserve_server.app openapi > schemas/openapi.json")
    sys.stdout.write(openapi_text())
