"""`llmobserve reprice` and `llmobserve prices`: through the running collector, with a key, and without a collector."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from server import price_books
from server.batches import batch as batch_body
from server.batches import call, collector
from server.live_server import LiveServer, batch, running
from sqlalchemy import func, select

from llmobserve.pricing import price_book_version
from llmobserve_server.cli import prices, reprice
from llmobserve_server.cli.tables import money_text, table_text
from llmobserve_server.control.database import open_control
from llmobserve_server.control.models import AuditEntry, BrowserSession
from llmobserve_server.settings import ServerSettings
from llmobserve_server.store.open import open_store
from llmobserve_server.store.tables import cost_versions, events

NOVEMBER_US = 1_793_491_200_000_000  # 2026-11-01 00:00 UTC
Command = Callable[[Sequence[str]], int]


def run(capsys: pytest.CaptureFixture[str], command: Command, *arguments: str) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        command(arguments)
    code = ended.value.code
    said = capsys.readouterr()
    return code if isinstance(code, int) else 0, said.out, said.err


@pytest.fixture
def book(tmp_path: Path) -> str:
    path = tmp_path / "book.json.gz"
    path.write_bytes(price_books.book())
    return str(path)


def fill(server: LiveServer) -> None:
    calls = [call(start_time_us=NOVEMBER_US) for _ in range(3)]
    with server.client() as sender:
        assert sender.post("/v1/events", json={**batch(0), "events": calls}).json()["accepted"] == 3


# 3 calls of gpt-4o-mini, 1000 tokens in and 100 out: 3 × 0.00021 = 0.00063 by the shipped book, 3 × 0.00014 = 0.00042
# by the new one.
DIFFERENCE = [
    "openai", "gpt-4o-mini", "2026-11", "3", "3", "0.00063", "0.00042", "-0.00021", "3", "priced",
]  # fmt: skip


def row_of(output: str, first: str) -> list[str]:
    return next(line.split() for line in output.splitlines() if line.startswith(first))


def test_through_the_collector_of_this_machine(tmp_path: Path, book: str, capsys: pytest.CaptureFixture[str]) -> None:
    with running(tmp_path / "data") as server:
        fill(server)
        here = ("--port", str(server.port), "--data-dir", str(tmp_path / "data"))
        code, output, _ = run(capsys, prices.main, "diff", book, *here)
        assert code == 0
        assert row_of(output, "openai ")[0] == "openai"
        assert "$0.15 / 1,000,000" in output
        assert "-33.33" in output  # 0.10 / 0.15 - 1
        assert server.app.state.books.current.version == price_book_version()
        code, output, error = run(capsys, prices.main, "load", book, *here)
        assert (code, "--yes" in error) == (1, True)
        assert server.app.state.books.current.version == price_book_version()
        code, output, _ = run(capsys, prices.main, "load", book, "--yes", *here)
        assert code == 0
        assert server.app.state.books.current.version in output
        assert server.app.state.books.current.version.startswith(price_books.DAY)

        code, output, _ = run(capsys, reprice.main, *here)
        assert code == 0
        assert row_of(output, "openai ") == DIFFERENCE
        assert "3 of 3 calls would change, by $-0.00021." in output
        store = server.app.state.store
        assert store.fetch(select(cost_versions)) == []
        code, output, _ = run(capsys, reprice.main, "--apply", "--model", "gpt-4o-mini", "--from", "2026-11-01", *here)
        assert (code, "3 of 3 calls have changed" in output) == (0, True)
        assert str(store.fetch(select(func.sum(events.c.cost_usd).label("usd")))[0]["usd"]) == "0.000420000000"
        code, output, error = run(capsys, reprice.main, "--state", "cheap", *here)
        assert (code, "state" in error) == (1, True)
        # The commands signed in and out again.
        with server.control.session() as session:
            assert session.scalars(select(BrowserSession)).all() == []


def test_with_a_key(tmp_path: Path, book: str, capsys: pytest.CaptureFixture[str]) -> None:
    with running(tmp_path / "data", host="0.0.0.0") as server:
        there = ("--url", server.url, "--key", server.new_key("admin"))
        code, output, _ = run(capsys, prices.main, "load", book, "--yes", *there)
        assert (code, "from now on" in output) == (0, True)
        code, output, _ = run(capsys, reprice.main, "--apply", *there)
        assert (code, "0 of 0 calls have changed, by $0.00" in output) == (0, True)
        reader = ("--url", server.url, "--key", server.new_key("read"))
        code, _, error = run(capsys, reprice.main, *reader)
        assert (code, "scope `read`" in error) == (1, True)
    code, _, error = run(capsys, reprice.main, *there)
    assert (code, "cannot be reached" in error) == (1, True)


def test_without_a_collector(
    tmp_path: Path, book: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    here = ("--port", str(free_port()), "--data-dir", str(data))
    code, _, error = run(capsys, reprice.main, *here)
    assert (code, "no collector's data" in error) == (1, True)
    data.mkdir()
    settings = ServerSettings(data_dir=data)
    open_control(settings.control_db_url).close()
    with collector(data) as filled:
        filled.post(batch_body(*(call(start_time_us=NOVEMBER_US) for _ in range(3))))
    code, output, _ = run(capsys, prices.main, "load", book, "--yes", *here)
    assert (code, "from now on" in output) == (0, True)
    code, output, _ = run(capsys, reprice.main, *here)
    assert (code, row_of(output, "openai ")) == (0, DIFFERENCE)
    code, output, _ = run(capsys, reprice.main, "--apply", *here)
    assert (code, "3 of 3 calls have changed" in output) == (0, True)
    code, _, error = run(capsys, reprice.main, "--project", "nobody", *here)
    assert (code, "no project 'nobody'" in error) == (1, True)
    code, _, error = run(capsys, prices.main, "diff", str(tmp_path / "nothing"), *here)
    assert (code, "cannot be read" in error) == (1, True)
    store = open_store(settings.db_url)
    assert len(store.fetch(select(cost_versions))) == 3
    store.close()
    control = open_control(settings.control_db_url)
    with control.session() as session:
        found = session.execute(select(AuditEntry.actor, AuditEntry.action)).all()
    control.close()
    assert [tuple(row) for row in found] == [
        ("console", "prices.load"),
        ("console", "reprice.begin"),
        ("console", "reprice.apply"),
    ]


def free_port() -> int:
    from llmobserve_server.cli.listen import bind

    with bind("127.0.0.1", 0) as listener:
        return int(listener.getsockname()[1])


def test_another_collector_on_the_port_is_not_asked(
    tmp_path: Path, book: str, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "mine"
    mine.mkdir()
    open_control(ServerSettings(data_dir=mine).control_db_url).close()
    with running(tmp_path / "other") as server:
        here = ("--port", str(server.port), "--data-dir", str(mine))
        assert run(capsys, prices.main, "load", book, "--yes", *here)[0] == 0
        assert server.app.state.books.current.version == price_book_version()
    assert list((mine / "prices").glob("*.json.gz"))


def test_a_loss_of_prices_is_pointed_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "empty.json"
    path.write_bytes(price_books.book(lambda openai: openai["models"].pop("gpt-4o-mini")))
    with running(tmp_path / "data") as server:
        fill(server)
        here = ("--port", str(server.port), "--data-dir", str(tmp_path / "data"))
        run(capsys, prices.main, "load", str(path), "--yes", *here)
        code, output, _ = run(capsys, reprice.main, *here)
        assert (code, "! 3 more calls have no price then" in output) == (0, True)
        assert row_of(output, "openai ")[5:8] == ["0.00063", "–", "-0.00063"]


def test_amounts_and_tables() -> None:
    assert [money_text(one) for one in ("0", "-0.00021", "1234.5", "-12", None)] == [
        "0.00", "-0.00021", "1,234.50", "-12.00", "–",
    ]  # fmt: skip
    assert table_text([("a", "bbb"), ("cc", "d")], right={1}).splitlines() == ["a   bbb", "──  ───", "cc    d"]
