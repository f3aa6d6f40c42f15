"""The control database: its schema, its defaults, and what two at once may do."""

import sqlite3
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import insert, text, update
from sqlalchemy.exc import IntegrityError

from llmobserve_server.auth.secrets import hash_secret, new_key_secret
from llmobserve_server.control import keys, projects, sessions
from llmobserve_server.control.audit import CONSOLE
from llmobserve_server.control.database import ControlDatabase, open_control
from llmobserve_server.control.models import ApiKey, AuditEntry, Base, SignInToken, utc_now
from llmobserve_server.errors import BadRequest, NotFound, StoreError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "new" / "control.db"


@pytest.fixture
def control(path: Path) -> Iterator[ControlDatabase]:
    database = open_control(f"sqlite:///{path}")
    yield database
    database.close()


def key(project_id: str = "default", name: str = "bot") -> ApiKey:
    secret = new_key_secret("ingest")
    return ApiKey(
        id=secret[-8:], project_id=project_id, name=name, scope="ingest", prefix="x", secret_hash=hash_secret(secret)
    )


def test_migrations_make_the_tables_of_the_models(control: ControlDatabase) -> None:
    with control.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), Base.metadata) == []


def test_sqlite_runs_in_wal_mode_with_foreign_keys_and_patience(control: ControlDatabase) -> None:
    with control.engine.connect() as connection:
        asked = {
            name: connection.scalar(text(f"pragma {name}")) for name in ("journal_mode", "foreign_keys", "busy_timeout")
        }
    assert asked == {"journal_mode": "wal", "foreign_keys": 1, "busy_timeout": 5000}


def test_a_second_start_finds_what_the_first_left(path: Path) -> None:
    first = open_control(f"sqlite:///{path}")
    projects.create_project(first, "Customer bot", None, CONSOLE)
    first.close()
    second = open_control(f"sqlite:///{path}")
    assert [(project.id, project.name) for project in projects.list_projects(second)] == [
        ("default", "Default"),
        ("customer-bot", "Customer bot"),
    ]
    second.close()


def test_a_database_of_a_newer_version_is_left_alone(path: Path) -> None:
    open_control(f"sqlite:///{path}").close()
    with sqlite3.connect(path) as connection:
        connection.execute("update alembic_version set version_num = '9999'")
    connection.close()
    with pytest.raises(StoreError, match="newer version of the server \\(schema 9999"):
        open_control(f"sqlite:///{path}")


@pytest.mark.parametrize("url", ["nonsense", "oracle://x/y", "sqlite:////proc/none/control.db"])
def test_an_unusable_url_is_explained(url: str) -> None:
    with pytest.raises(StoreError):
        open_control(url)


def test_errors_name_no_values(control: ControlDatabase) -> None:
    stored = key()
    stored.id, stored.scope, stored.prefix, stored.secret_hash = "k1", "read", "llmo_read_abcd", "c0ffee" * 10
    keys.create_key(control, stored, CONSOLE)
    with pytest.raises(IntegrityError) as failed, control.session() as session, session.begin():
        session.execute(insert(ApiKey).values(id="k2", secret_hash="c0ffee" * 10, name="other"))
    assert "c0ffee" not in str(failed.value)


def test_a_key_belongs_to_a_project_that_exists(control: ControlDatabase) -> None:
    with pytest.raises(NotFound):
        keys.create_key(control, key("nowhere"), CONSOLE)
    with pytest.raises(BadRequest):
        keys.create_key(control, key(name="  "), CONSOLE)


def test_act_and_audit_entry_are_stored_together_or_not_at_all(control: ControlDatabase) -> None:
    stored = keys.create_key(control, key(), CONSOLE)
    again = key()
    again.secret_hash = stored.secret_hash
    with pytest.raises(Exception, match="UNIQUE"):
        keys.create_key(control, again, CONSOLE)
    with control.session() as session:
        entries = session.query(AuditEntry).filter_by(action="key.create").all()
    assert [entry.object_id for entry in entries] == [stored.id]


def test_of_many_uses_of_a_sign_in_token_at_once_one_is_accepted(control: ControlDatabase) -> None:
    sessions.add_sign_in_token(control, "hash")
    outcomes: list[str] = []
    together = threading.Barrier(8)

    def use() -> None:
        together.wait()
        outcomes.append(sessions.use_sign_in_token(control, "hash"))

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["accepted"] + ["over"] * 7


def test_a_sign_in_token_is_good_for_thirty_minutes(control: ControlDatabase) -> None:
    sessions.add_sign_in_token(control, "hash")
    with control.session() as session, session.begin():
        offered = session.get_one(SignInToken, "hash")
        assert offered.expires_at - utc_now() <= timedelta(minutes=30)
        session.execute(update(SignInToken).values(expires_at=utc_now() - timedelta(seconds=1)))
    assert sessions.use_sign_in_token(control, "hash") == "over"
    assert sessions.use_sign_in_token(control, "other") == "unknown"


@pytest.mark.parametrize(
    ("name", "project_id"), [("", None), ("x" * 101, None), ("ok", "Not An Id"), ("ok", "default"), ("…", None)]
)
def test_unusable_project_names_and_ids_are_refused(
    control: ControlDatabase, name: str, project_id: str | None
) -> None:
    with pytest.raises(BadRequest):
        projects.create_project(control, name, project_id, CONSOLE)
