"""Which Parquet files belong to the store, kept in the journal: a file that is not in the manifest does not exist.

Rows in files are never changed. A row that has to be is brought back into the journal, where it is newer, and noted as
replaced; when it is filed again it has a higher `version`, and the next merge of its old file leaves the old one out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import duckdb
from sqlalchemy import Table
from sqlalchemy.types import JSON

from llmobserve_server.store.duckdb.writer import VARIANT_COLUMNS
from llmobserve_server.store.protocol import KEYED_TABLES
from llmobserve_server.store.tables import metadata

__all__ = ["FILED", "File", "Manifest", "as_text", "from_text", "names_of", "quoted_list"]

FILED = KEYED_TABLES
"""Tables whose rows are filed; the others are small, and stay in the journal."""

_TABLES = """
CREATE SCHEMA IF NOT EXISTS filed;
CREATE SCHEMA IF NOT EXISTS whole;
CREATE TABLE IF NOT EXISTS filed.files (
    number BIGINT NOT NULL,
    table_name VARCHAR NOT NULL,
    path VARCHAR NOT NULL,
    day DATE NOT NULL,
    n_rows BIGINT NOT NULL,
    n_bytes BIGINT NOT NULL,
    first_time TIMESTAMP NOT NULL,
    last_time TIMESTAMP NOT NULL,
    first_id VARCHAR NOT NULL,
    last_id VARCHAR NOT NULL,
    has_others BOOLEAN NOT NULL,
    columns VARCHAR[] NOT NULL
);
-- Rows of files with a version below this one are no longer what is stored.
CREATE TABLE IF NOT EXISTS filed.replaced (
    table_name VARCHAR NOT NULL,
    project_id VARCHAR NOT NULL,
    event_id VARCHAR NOT NULL,
    version BIGINT NOT NULL
);
CREATE SEQUENCE IF NOT EXISTS filed.numbers START 1;
"""
_ALIVE = (
    "NOT EXISTS (SELECT 1 FROM filed.replaced AS r WHERE r.table_name = '{table}' "
    "AND r.project_id = file.project_id AND r.event_id = file.event_id AND file.version < r.version)"
)


@dataclass(frozen=True, slots=True)
class File:
    """One Parquet file of the store."""

    number: int
    """Of the filing that made it; rows that were replaced before are not in it."""
    table_name: str
    path: str
    """Relative to the directory of the store."""
    day: datetime
    n_rows: int
    n_bytes: int
    first_time: datetime
    last_time: datetime
    first_id: str
    last_id: str
    has_others: bool
    """Whether a call is in it that no SDK has seen on the wire."""
    columns: tuple[str, ...]


class Manifest:
    """The files of a store, as they were read last; and the views that make one table of journal and files."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.files: tuple[File, ...] = ()

    def prepare(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Make what is missing of it, and read it. Raises duckdb.Error."""
        connection.execute(_TABLES)
        self.read(connection)
        self.make_views(connection)

    def read(self, connection: duckdb.DuckDBPyConnection) -> None:
        """Read the files that there are now. Raises duckdb.Error."""
        names = ", ".join(File.__slots__)
        rows = connection.execute(f"SELECT {names} FROM filed.files ORDER BY table_name, first_time, number").fetchall()
        self.files = tuple(File(*row[:-1], columns=tuple(row[-1])) for row in rows)

    def of(self, table: str) -> list[File]:
        """The files of one table."""
        return [file for file in self.files if file.table_name == table]

    def paths(self, files: Iterable[File]) -> list[str]:
        """Absolute paths."""
        return [str(self.directory / file.path) for file in files]

    def make_views(self, connection: duckdb.DuckDBPyConnection, tables: Sequence[str] = FILED) -> None:
        """Make the views of these tables anew, in the transaction of `connection`. Raises duckdb.Error."""
        for table in tables:
            connection.execute(f"CREATE OR REPLACE VIEW whole.{table} AS {self._whole(connection, table)}")

    def _whole(self, connection: duckdb.DuckDBPyConnection, table: str) -> str:
        columns = metadata.tables[table].columns
        journal = f"SELECT {', '.join(column.name for column in columns)} FROM main.{table}"
        files = self.of(table)
        if not files:
            return journal
        replaced = connection.execute("SELECT 1 FROM filed.replaced WHERE table_name = ? LIMIT 1", [table]).fetchone()
        return f"{journal} UNION ALL {self.select(table, files, alive=replaced is not None)}"

    def as_filed(self, table: str, files: Sequence[File]) -> str:
        """A query of the rows of files that are still what is stored, as they were filed."""
        known = frozenset(name for file in files for name in file.columns)
        names = ", ".join(name if name in known else f"NULL AS {name}" for name in names_of(table))
        return f"SELECT {names}, version FROM {self._reading(files)} AS file WHERE {_ALIVE.format(table=table)}"

    def select(self, table: str, files: Sequence[File], *, alive: bool = True) -> str:
        """A query of the rows of at least one file, with the types of the tables.

        `alive`: only those that are still what is stored.
        """
        known = frozenset(name for file in files for name in file.columns)
        columns = ", ".join(from_text(metadata.tables[table], name, known) for name in names_of(table))
        condition = f" WHERE {_ALIVE.format(table=table)}" if alive else ""
        return f"SELECT {columns} FROM {self._reading(files)} AS file{condition}"

    def _reading(self, files: Sequence[File]) -> str:
        """The table function that reads the files."""
        # Files from before a column was there lack it; to find that out all of them have to be opened.
        mixed = len({file.columns for file in files}) > 1
        return f"read_parquet({quoted_list(self.paths(files))}{', union_by_name = true' if mixed else ''})"


def names_of(table: str) -> list[str]:
    """Names of the columns of a table."""
    return [column.name for column in metadata.tables[table].columns]


def as_text(table: Table, name: str) -> str:
    """A column as it is filed: documents are JSON text, which every reader of Parquet has."""
    if name in VARIANT_COLUMNS:
        return f"CAST(CAST({name} AS JSON) AS VARCHAR) AS {name}"
    return f"CAST({name} AS VARCHAR) AS {name}" if isinstance(table.c[name].type, JSON) else name


def from_text(table: Table, name: str, known: frozenset[str]) -> str:
    """The column of the tables from what was filed; NULL where it was not known yet."""
    if name not in known:
        return f"NULL AS {name}"
    if name in VARIANT_COLUMNS:
        return f"CAST(CAST(file.{name} AS JSON) AS VARIANT) AS {name}"
    return f"CAST(file.{name} AS JSON) AS {name}" if isinstance(table.c[name].type, JSON) else f"file.{name}"


def quoted_list(texts: Iterable[str]) -> str:
    """Texts as a list in SQL."""
    return "[{}]".format(", ".join("'{}'".format(text.replace("'", "''")) for text in texts))
