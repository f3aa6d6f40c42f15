"""A source into a store, piece by piece: what is there already is left out, so that an interrupted copy goes on."""

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.types import ARRAY, JSON, Double

from llmobserve_server.store.copying.figures import Selection, TableSums, differences, limited, sums_of
from llmobserve_server.store.copying.source import Piece, Source
from llmobserve_server.store.protocol import KEYED_TABLES, Slice, Store
from llmobserve_server.store.tables import TIME_COLUMNS, metadata

__all__ = ["Copied", "Progress", "copy_table", "copy_tables", "unheard"]

Progress = Callable[[str, int, int], None]
"""Takes the table, the rows that are done and those that there are."""


def unheard(_table: str, _done: int, _total: int) -> None:
    """Progress that nobody looks at."""


_HAVE_IDS = frozenset({*KEYED_TABLES, "reprice_log"})


@dataclass(frozen=True, slots=True)
class Copied:
    """What became of one table."""

    table: str
    found: TableSums
    """Of the source, when all was read."""
    new: int
    """Rows that were not in the target before."""


def copy_tables(source: Source, target: Store, progress: Progress = unheard) -> list[Copied]:
    """All tables of the source into the target, which keeps what it has. Raises StoreError."""
    copied = [copy_table(source, target, table, progress) for table in TIME_COLUMNS]
    target.after_load()
    return copied


def copy_table(source: Source, target: Store, table: str, progress: Progress) -> Copied:
    """One table; `Store.after_load` has to follow. Raises StoreError."""
    pieces = source.pieces(table)
    total, done, new = sum(piece.rows for piece in pieces), 0, 0
    progress(table, done, total)
    for piece in pieces:
        present = _count(target, piece.where)
        if not _is_there(source, target, piece, present):
            rows: Iterable[Any] = source.read(piece)
            if present and table not in _HAVE_IDS:
                rows = _missing(rows, target.read_rows(piece.where), table)
            for part in rows:
                new += target.load_rows(table, part)
                progress(table, min(done + part.num_rows, total), total)
        done += piece.rows
        progress(table, done, total)
    return Copied(table, source.sums(table), new)


def _is_there(source: Source, target: Store, piece: Piece, present: int) -> bool:
    """Whether an earlier copy has brought this piece: known without reading it."""
    if present != piece.rows:
        return False
    figures = source.sums_of(piece)
    return figures is not None and not differences(figures, sums_of(target, piece.where))


def _count(store: Store, chosen: Slice) -> int:
    counted: Selection = select(func.count().label("row_count")).select_from(metadata.tables[chosen.table])
    return int(store.fetch(limited(counted, chosen))[0]["row_count"])


def _missing(rows: Iterable[Any], present: Iterable[Any], table: str) -> Iterable[Any]:
    """Of rows without an id those that are not there as often: what is read twice is stored once."""
    names = _telling(table)
    there: Counter[tuple[Any, ...]] = Counter()
    for part in present:
        there.update(_identities(part, names))
    for part in rows:
        wanted: list[int] = []
        for place, identity in enumerate(_identities(part, names)):
            known = there[identity] > 0
            there[identity] -= known
            if not known:
                wanted.append(place)
        if wanted:
            yield part.take(wanted)


def _telling(table: str) -> Sequence[str]:
    """Columns whose values every engine gives back as they were."""
    return [c.name for c in metadata.tables[table].columns if not isinstance(c.type, ARRAY | JSON | Double)]


def _identities(part: Any, names: Sequence[str]) -> Iterable[tuple[Any, ...]]:
    return zip(*(part.column(name).to_pylist() for name in names), strict=True)
