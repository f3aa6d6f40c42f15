"""Opens the control database: SQLite in the data directory or PostgreSQL, migrated to this version."""

from pathlib import Path
from sqlite3 import Connection as SQLiteConnection

from sqlalchemy import Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, SQLAlchemyError
from sqlalchemy.orm import Session, sessionmaker

from llmobserve_server.control.models import Organisation, Project
from llmobserve_server.errors import StoreError

__all__ = ["DEFAULT_PROJECT", "ControlDatabase", "open_control", "pending_control"]

DEFAULT_PROJECT = "default"
DEFAULT_ORGANISATION = "default"
_MIGRATIONS = Path(__file__).parent / "migrations"


class ControlDatabase:
    """The open database. Thread-safe; every call of `session()` is one transaction."""

    def __init__(self, engine: Engine) -> None:
        self.engine = engine
        self._sessions = sessionmaker(engine, expire_on_commit=False)

    def session(self) -> Session:
        """A session whose `with self.session() as s, s.begin()` block commits at its end."""
        return self._sessions()

    def close(self) -> None:
        """Close all connections. Idempotent."""
        self.engine.dispose()


def open_control(url: str) -> ControlDatabase:
    """The database at `url`, created or migrated, with its default project.

    Raises:
        StoreError: it cannot be opened, or a newer version of the server has written it.
    """
    try:
        engine = _engine(url)
        _migrate(engine)
        database = ControlDatabase(engine)
        _ensure_default_project(database)
    except (ArgumentError, ImportError) as error:
        raise StoreError(
            "LLMOBSERVE_CONTROL_DB cannot be used: write sqlite:////var/lib/llmobserve/control.sqlite, "
            f"or postgresql://… with psycopg installed ({error})"
        ) from None
    except (SQLAlchemyError, OSError) as error:
        raise StoreError(f"The control database cannot be opened: {error}") from error
    return database


def pending_control(url: str) -> list[str]:
    """Names of the migrations that `open_control` would apply; nothing is changed.

    Raises StoreError: the database cannot be opened.
    """
    steps = sorted(path.stem for path in (_MIGRATIONS / "versions").glob("[0-9]*.py"))
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite" and not (parsed.database and Path(parsed.database).exists()):
            return steps
        engine = _engine(url)
        with engine.connect() as connection:
            present = _revision(connection)
        engine.dispose()
    except (ArgumentError, ImportError, SQLAlchemyError, OSError) as error:
        raise StoreError(f"The control database cannot be opened: {error}") from error
    return [step for step in steps if present is None or step.partition("_")[0] > present]


def _engine(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.drivername in {"postgres", "postgresql"}:
        # The address may be that of the store of events, with options of ours.
        ours = [name for name in parsed.query if name.startswith("llmobserve_")]
        parsed = parsed.set(drivername="postgresql+psycopg").difference_update_query(ours)
    if parsed.get_backend_name() == "sqlite" and parsed.database:
        Path(parsed.database).parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Errors go to the log: the values of a statement, hashes of secrets among them, do not.
    engine = create_engine(parsed, hide_parameters=True)
    if parsed.get_backend_name() == "sqlite":
        event.listen(engine, "connect", _prepare_sqlite)
    return engine


def _prepare_sqlite(connection: SQLiteConnection, _record: object) -> None:
    for pragma in ("busy_timeout=5000", "journal_mode=WAL", "foreign_keys=ON", "synchronous=NORMAL"):
        connection.execute(f"PRAGMA {pragma}").close()


def _migrate(engine: Engine) -> None:
    newest = max(path.name.partition("_")[0] for path in (_MIGRATIONS / "versions").glob("[0-9]*.py"))
    with engine.connect() as connection:
        present = _revision(connection)
    if present == newest:
        return
    if present is not None and present > newest:
        raise StoreError(
            f"The control database was written by a newer version of the server (schema {present}, this one knows "
            f"{newest}). Start that version, or restore a backup."
        )
    if present is not None:
        _back_up(engine, present)
    # Only a database that is not up to date pays for importing Alembic.
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    with engine.begin() as connection:
        _wait_for_others(connection)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def _wait_for_others(connection: Connection) -> None:
    """Be alone in this until the transaction ends: collectors that start together prepare the database once."""
    if connection.dialect.name == "postgresql":
        connection.execute(text("select pg_advisory_xact_lock(hashtext('llmobserve control database'))"))


def _revision(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.scalar(text("select version_num from alembic_version"))


def _back_up(engine: Engine, revision: str) -> None:
    """Copy an SQLite file beside itself before its schema changes; PostgreSQL is backed up by those who run it."""
    if engine.dialect.name != "sqlite" or not engine.url.database:
        return
    target = Path(f"{engine.url.database}.before-{revision}")
    target.unlink(missing_ok=True)
    with engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(
            text("vacuum into :target"), {"target": str(target)}
        )


def _ensure_default_project(database: ControlDatabase) -> None:
    with database.session() as session, session.begin():
        if session.get(Project, DEFAULT_PROJECT) is None:
            _wait_for_others(session.connection())
            session.expire_all()
        if session.get(Project, DEFAULT_PROJECT) is None:
            session.merge(Organisation(id=DEFAULT_ORGANISATION, name="Default"))
            session.flush()
            session.add(Project(id=DEFAULT_PROJECT, organisation_id=DEFAULT_ORGANISATION, name="Default"))
