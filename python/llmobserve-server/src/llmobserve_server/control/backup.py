"""A copy of the control database, made while it is in use, and its figures."""

from pathlib import Path

from sqlalchemy import func, inspect, select, table, text

from llmobserve_server.control.database import ControlDatabase

__all__ = ["back_up_control", "control_rows"]


def back_up_control(control: ControlDatabase, file: Path) -> bool:
    """Copy an SQLite database to a new file; False for any other, which those back up who run it.

    Raises sqlalchemy.exc.SQLAlchemyError.
    """
    engine = control.engine
    if engine.dialect.name != "sqlite":
        return False
    with engine.connect() as connection:
        connection.execution_options(isolation_level="AUTOCOMMIT").execute(
            text("vacuum into :target"), {"target": str(file)}
        )
    file.chmod(0o600)
    return True


def control_rows(control: ControlDatabase) -> dict[str, int]:
    """Rows of every table. Raises sqlalchemy.exc.SQLAlchemyError."""
    with control.engine.connect() as connection:
        names = sorted(inspect(connection).get_table_names())
        return {name: connection.scalar(select(func.count()).select_from(table(name))) or 0 for name in names}
