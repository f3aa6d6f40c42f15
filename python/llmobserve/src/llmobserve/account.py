"""The running account of a run: what its calls have cost so far, by the price book of this version.

A call is only put down when it ends; it is priced when somebody asks, or by the sender's thread before too many wait.
"""

import threading
from collections import OrderedDict, deque
from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from llmobserve.wire import CallEvent, CostState, Quantity

__all__ = ["NOTHING", "Account", "Spend", "account_of", "fold_waiting", "forget_all", "much_waits"]

_MOST_WAITING = 256
"""Calls after which the sender's thread is asked to price them."""
_REVISABLE = 4_096
"""Calls without a price that a later revision may replace."""
_NAMED_RUNS = 1_024
_ZERO = Decimal(0)


class Spend(NamedTuple):
    """What a number of calls cost."""

    calls: int
    known_usd: Decimal
    """The sum of the calls whose cost is known; the whole cost only if `unpriced` is 0."""
    states: Mapping[CostState, int]
    """How many calls are priced, provider_reported, estimated, unpriced, free; states without a call are left out."""
    usage: Mapping[str, Quantity]
    """Quantities by unit, as `input_text_tokens`."""

    @property
    def unpriced(self) -> int:
        """Calls whose cost is not known."""
        return self.states.get("unpriced", 0)

    @property
    def usd(self) -> Decimal | None:
        """The whole cost; `None` when the price of a call is not known."""
        return None if self.unpriced else self.known_usd


NOTHING = Spend(0, _ZERO, {}, {})


class _Part(NamedTuple):
    """What one call contributes."""

    state: CostState
    usd: Decimal
    units: Mapping[str, Quantity]


class Account:
    """Adds up calls from any number of threads."""

    __slots__ = ("_calls", "_known_usd", "_lock", "_revisable", "_states", "_usage", "_waiting")

    def __init__(self) -> None:
        self._waiting: deque[CallEvent] = deque()
        self._lock = threading.Lock()
        self._calls = 0
        self._known_usd = _ZERO
        self._states: dict[CostState, int] = {}
        self._usage: dict[str, Quantity] = {}
        self._revisable: OrderedDict[str, _Part] = OrderedDict()

    def add(self, call: CallEvent) -> None:
        """Put down an ended call. Cheap."""
        self._waiting.append(call)
        if len(self._waiting) % _MOST_WAITING == 0:
            _full.append(self)

    def spend(self) -> Spend:
        """Everything that was added until now."""
        with self._lock:
            self._fold()
            return Spend(self._calls, _plain(self._known_usd), dict(self._states), dict(self._usage))

    def fold(self) -> None:
        """Price what waits, so that it takes no memory."""
        with self._lock:
            self._fold()

    def _fold(self) -> None:
        while True:
            try:
                call = self._waiting.popleft()
            except IndexError:
                return
            part = _priced(call)
            before = self._revisable.pop(call.event_id, None)
            if before is None:
                self._calls += 1
            else:
                self._count(before, -1)
            self._count(part, 1)
            if part.state == "unpriced" or call.revision:
                self._revisable[call.event_id] = part
                if len(self._revisable) > _REVISABLE:
                    self._revisable.popitem(last=False)

    def _count(self, part: _Part, times: int) -> None:
        self._known_usd += part.usd * times
        left = self._states.get(part.state, 0) + times
        if left:
            self._states[part.state] = left
        else:
            self._states.pop(part.state, None)
        for unit, quantity in part.units.items():
            self._usage[unit] = self._usage.get(unit, 0) + quantity * times


def _priced(call: CallEvent) -> _Part:
    from llmobserve.pricing import PriceRequest, price_amount  # the price book is read when first asked

    state, usd = price_amount(PriceRequest.from_event(call))
    return _Part(state, usd or _ZERO, call.usage.units)


def _plain(usd: Decimal) -> Decimal:
    """The same amount without zeros at its end, to be printed."""
    short = usd.normalize()
    return short if short.as_tuple().exponent <= 0 else short.quantize(_ZERO)  # pyright: ignore[reportOperatorIssue] (finite)


_full: deque[Account] = deque()
_named: OrderedDict[str, Account] = OrderedDict()
_naming = threading.Lock()


def account_of(run_id: str) -> Account:
    """The account of a run that is known by its id alone; of the last 1,024 such runs."""
    with _naming:
        account = _named.get(run_id)
        if account is None:
            account = _named[run_id] = Account()
            if len(_named) > _NAMED_RUNS:
                _named.popitem(last=False)
        return account


def much_waits() -> bool:
    """True when `fold_waiting` has work."""
    return bool(_full)


def fold_waiting() -> None:
    """Price what waits in the accounts where much does."""
    while _full:
        _full.popleft().fold()


def forget_all() -> None:
    """In a child after a fork: the parent's runs are not this process's, and a lock of theirs may be held."""
    global _naming
    _naming = threading.Lock()
    _named.clear()
    _full.clear()
