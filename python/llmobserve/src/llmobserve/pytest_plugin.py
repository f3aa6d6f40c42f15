"""Plugin of pytest: the fixture `llm_calls`, the marker `llm_cost`, and `--llm-cost`, which tells what each test spent.

Loaded by pytest wherever llmobserve is installed; does nothing until one of the three is used.
"""

from collections.abc import Generator
from decimal import Decimal
from typing import TYPE_CHECKING, Any, cast

import pytest

if TYPE_CHECKING:
    from llmobserve.testing import Captured

__all__: list[str] = []

_MARKER = "llm_cost"
_FIXTURE = "llm_calls"
_MOST_TESTS = 20


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--llm-cost`."""
    group = parser.getgroup("llmobserve")
    group.addoption(
        "--llm-cost", action="store_true", help="record the LLM calls of every test, and print what they cost"
    )


def pytest_configure(config: pytest.Config) -> None:
    """Make the marker known."""
    config.addinivalue_line(
        "markers", f'{_MARKER}(max_usd): fail when the LLM calls of the test cost more, as "0.05"; of llmobserve'
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Have the calls of tests recorded that do not ask for the fixture themselves."""
    for item in items:
        names = getattr(item, "fixturenames", None)
        is_wanted = config.getoption("llm_cost") or item.get_closest_marker(_MARKER) is not None
        if is_wanted and isinstance(names, list) and _FIXTURE not in names:
            cast("list[str]", names).insert(0, _FIXTURE)


@pytest.fixture
def llm_calls() -> Generator[Any]:
    """What the test calls, as `llmobserve.testing.Captured`: `calls`, `cost_usd`, `assert_cost(max_usd=…)`."""
    from llmobserve.testing import captured

    with captured() as recorded:
        yield recorded


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, object, object]:
    """After the test: note what it spent, and fail it when that is too much."""
    __tracebackhide__ = True
    recorded: Captured | None = getattr(item, "funcargs", {}).get(_FIXTURE)
    try:
        result = yield
    finally:
        if recorded is not None:
            _note(item, recorded)
    marker = item.get_closest_marker(_MARKER)
    if recorded is not None and marker is not None:
        recorded.assert_cost(**dict(zip(("max_usd",), marker.args, strict=False)), **marker.kwargs)
    return result


def _note(item: pytest.Item, recorded: "Captured") -> None:
    costs = [recorded.cost_of(call).usd for call in recorded.calls]
    if costs:
        known = [usd for usd in costs if usd is not None]
        item.user_properties += [
            ("llm_calls", len(costs)),
            ("llm_cost_usd", f"{sum(known, Decimal(0)).normalize():f}"),
            ("llm_unpriced_calls", len(costs) - len(known)),
        ]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """The most expensive tests, and the sum."""
    if not config.getoption("llm_cost"):
        return
    rows: list[tuple[Decimal, int, int, str]] = []
    for report in terminalreporter.getreports("passed") + terminalreporter.getreports("failed"):
        facts = dict(cast("list[tuple[str, Any]]", report.user_properties))
        if report.when == "call" and "llm_calls" in facts:
            rows.append(
                (Decimal(facts["llm_cost_usd"]), facts["llm_unpriced_calls"], facts["llm_calls"], report.nodeid)
            )
    rows.sort(key=lambda row: (-row[0], row[3]))
    terminalreporter.section("cost of LLM calls")
    for usd, unpriced, calls, name in rows[:_MOST_TESTS]:
        terminalreporter.line(f"{_amount(usd, unpriced):>16}  {_number(calls)}  {name}")
    if len(rows) > _MOST_TESTS:
        terminalreporter.line(f"and {len(rows) - _MOST_TESTS} cheaper tests")
    total = _amount(sum((row[0] for row in rows), Decimal(0)), sum(row[1] for row in rows))
    terminalreporter.line(f"{total:>16}  {_number(sum(row[2] for row in rows))}  in all")


def _amount(usd: Decimal, unpriced: int) -> str:
    from llmobserve.testing import dollars

    return dollars(usd) + (f" + {unpriced} unpriced" if unpriced else "")


def _number(calls: int) -> str:
    return "1 call" if calls == 1 else f"{calls} calls"
