"""What the price book says: its rates as rows, found by provider and model."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from itertools import islice

from llmobserve.pricing import PriceBook
from llmobserve.pricing.rows import Block, Model, Rate
from llmobserve.pricing.windows import Window
from llmobserve_server.errors import BadRequest
from llmobserve_server.query.answers import PriceList, PriceProvider, PriceRow

__all__ = ["DEFAULT_PRICES", "MAX_PRICES", "list_prices", "rows_of_model"]

DEFAULT_PRICES = 100
MAX_PRICES = 500
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True, slots=True)
class _Listed:
    """A model of the book and the number of its rows."""

    provider: str
    model: str
    rows: int


def list_prices(
    book: PriceBook, *, provider: str | None = None, q: str = "", cursor: str | None = None, limit: int = DEFAULT_PRICES
) -> PriceList:
    """A page of the price book, by provider and model, the rates with the fewest conditions first.

    `q`: part of a model name, in any case; models of exactly this name come first, then those that begin with it.
    Raises BadRequest for a provider without prices, a limit out of 1 to 500 and a cursor of another price book.
    """
    if provider and provider not in book.providers:
        raise BadRequest(
            f"The price book has no provider {provider!r}: without one, the answer lists those it has.",
            field="provider",
        )
    if not 1 <= limit <= MAX_PRICES:
        raise BadRequest(f"limit must be from 1 to {MAX_PRICES}", field="limit")
    offset = _offset(cursor, book.version)
    found = _found(book, provider, q.strip().lower())
    total = sum(one.rows for one in found)
    page = list(_page(book, found, offset, limit))
    end = offset + len(page)
    return PriceList(
        prices=page,
        total=total,
        models=len(found),
        next_cursor=f"{end}~{book.version}" if page and end < total else None,
        price_book=book.version,
        providers=_providers(book),
    )


def rows_of_model(book: PriceBook, provider: str, model: str) -> list[PriceRow]:
    """Every rate of one model, whenever it holds; none when the book has no such model."""
    return list(_rows(book, _Listed(provider, model, 0)))


def _found(book: PriceBook, provider: str | None, part: str) -> list[_Listed]:
    found = [one for one in _index(book) if (not provider or one.provider == provider) and part in one.model.lower()]
    return sorted(found, key=lambda one: _distance(one.model.lower(), part)) if part else found


def _distance(name: str, part: str) -> int:
    """How far a name that contains `part` is from being it: 0 the same, 1 beginning with it, 2 having it inside."""
    return 0 if name == part else 1 if name.startswith(part) else 2


def _offset(cursor: str | None, version: str) -> int:
    if not cursor:
        return 0
    number, _, made_for = cursor.partition("~")
    if not (number.isascii() and number.isdigit() and len(number) < 10 and made_for):
        raise BadRequest("cursor is not one that this API gave: start again without it", field="cursor")
    if made_for != version:
        raise BadRequest("cursor belongs to another price book: start again without it", field="cursor")
    return int(number)


@lru_cache(maxsize=1)
def _index(book: PriceBook) -> tuple[_Listed, ...]:
    """Every model with its number of rows. Reads the whole book once, and keeps nothing of it but this."""
    return tuple(
        _Listed(name, model.name, _count(model))
        for name in sorted(book.providers)
        for model in sorted(book.read(name).models(), key=lambda one: one.name)
    )


@lru_cache(maxsize=1)
def _providers(book: PriceBook) -> list[PriceProvider]:
    counts: dict[str, int] = {}
    for one in _index(book):
        counts[one.provider] = counts.get(one.provider, 0) + 1
    return [PriceProvider(provider=name, models=counts.get(name, 0)) for name in sorted(book.providers)]


def _page(book: PriceBook, found: list[_Listed], offset: int, limit: int) -> Iterator[PriceRow]:
    left, wanted = offset, limit
    for one in found:
        if wanted <= 0:
            return
        if left >= one.rows:
            left -= one.rows
            continue
        for row in islice(_rows(book, one), left, left + wanted):
            wanted -= 1
            yield row
        left = 0


def _rows(book: PriceBook, one: _Listed) -> Iterator[PriceRow]:
    prices = book.provider(one.provider)
    model = prices.named(one.model.lower()) if prices else None
    if model is None:
        return
    if said := model.free or model.unpriced:
        yield _without_rate(one, said, is_free=model.free is not None)
        return
    for block, unit, rate in _rates(model):
        yield _row(book, one, block, unit, rate)


def _rates(model: Model) -> Iterator[tuple[Block, str, Rate]]:
    for block in sorted(model.blocks, key=lambda one: (one.weight, one.above_input_tokens or 0)):
        for unit, rate in block.rates().items():
            yield block, unit, rate


def _count(model: Model) -> int:
    return 1 if model.free or model.unpriced else sum(1 for _ in _rates(model))


def _row(book: PriceBook, one: _Listed, block: Block, unit: str, rate: Rate) -> PriceRow:
    known = book.units().get(unit)
    return PriceRow(
        price_id=rate.price_id,
        provider=one.provider,
        model=one.model,
        state="priced",
        unit=unit,
        unit_label=known.label if known else unit,
        rate_usd=rate.usd,
        per=rate.per,
        dimensions=dict(block.dimensions),
        above_input_tokens=block.above_input_tokens,
        hours=_hours(block.window),
        least_quantity=_plain(rate.minimum),
        step=_plain(rate.increment),
        valid_from=_time(block.from_us),
        valid_to=_time(block.until_us),
        rule=rate.rule,
        source=rate.source,
        estimated=rate.estimated,
    )


def _without_rate(one: _Listed, said: str, *, is_free: bool) -> PriceRow:
    return PriceRow(
        price_id=f"{one.provider}/{one.model}",
        provider=one.provider,
        model=one.model,
        state="free" if is_free else "unpriced",
        unit=None,
        unit_label=None,
        rate_usd=None,
        per=None,
        dimensions={},
        above_input_tokens=None,
        hours=None,
        least_quantity=None,
        step=None,
        valid_from=None,
        valid_to=None,
        rule=said,
        source=None,
        estimated=False,
    )


def _hours(window: Window | None) -> str | None:
    if window is None:
        return None
    days = "daily" if len(window.weekdays) == len(_DAYS) else " ".join(_DAYS[day] for day in sorted(window.weekdays))
    spans = ", ".join(f"{_clock(first)}–{_clock(last)}" for first, last in window.hours)
    holidays = ", except holidays" if window.except_days else ""
    return f"{days} {spans} UTC{holidays}"


def _clock(minute: int) -> str:
    return f"{minute // 60:02}:{minute % 60:02}"


def _plain(quantity: Decimal | None) -> str | None:
    return None if quantity is None else format(quantity, "f")


def _time(at_us: int | None) -> datetime | None:
    return None if at_us is None else _EPOCH + timedelta(microseconds=at_us)
