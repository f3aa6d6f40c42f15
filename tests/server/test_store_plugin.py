"""An engine of another package: the example of the documentation, found by its entry point and used by a collector."""

import json
from decimal import Decimal
from pathlib import Path

import pytest
import tomllib
from server.live_server import batch, get, running
from wheels import ROOT

from llmobserve_server.errors import StoreError
from llmobserve_server.store.open import make_store, open_store

EXAMPLE = ROOT / "examples" / "store"


@pytest.fixture(autouse=True)
def installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The package on a path, with the entry points that its project file declares, as pip would have laid it."""
    project = tomllib.loads((EXAMPLE / "pyproject.toml").read_text())["project"]
    metadata = tmp_path / "site" / "llmobserve_ledger-1.0.0.dist-info"
    metadata.mkdir(parents=True)
    (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: 1.0.0\n")
    lines = ["[llmobserve_server.stores]"]
    lines += [f"{name} = {value}" for name, value in project["entry-points"]["llmobserve_server.stores"].items()]
    lines += ["broken = llmobserve_ledger:nothing", "duckdb = llmobserve_ledger:store_at"]
    (metadata / "entry_points.txt").write_text("\n".join(lines))
    (tmp_path / "site" / "llmobserve_ledger").symlink_to(EXAMPLE / "src" / "llmobserve_ledger")
    monkeypatch.syspath_prepend(tmp_path / "site")


def test_a_collector_stores_into_it(tmp_path: Path) -> None:
    url = f"ledger+duckdb:///{tmp_path / 'events.duckdb'}"
    with running(tmp_path / "data", db=url) as server:
        body = batch(4, usage={"units": {"input_text_tokens": 1_000_000}, "source": "response"})
        server.send(body)
        with server.client() as client:
            assert client.post("/v1/events", json=body).json()["duplicates"] == 4
        with server.api() as api:
            assert get(api, "meta")["store"] == "ledger+duckdb"
    lines = [json.loads(line) for line in (tmp_path / "events.duckdb.ledger").read_text().splitlines()]
    # gpt-5: a million input tokens cost $1.25.
    assert [(line["calls"], Decimal(line["usd"])) for line in lines] == [(4, Decimal("5.00"))]


def test_what_cannot_be_loaded_is_told_and_ours_are_not_replaced(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"broken: URLs \(llmobserve_ledger:nothing\) cannot be loaded"):
        open_store("broken:///x")
    with pytest.raises(StoreError, match="has no options"):
        make_store("ledger+duckdb:///x?a=b")
    with pytest.raises(StoreError, match=r"It has: .*duckdb, .*ledger\+duckdb"):
        make_store("nothing:///x")
    assert type(make_store(f"duckdb:///{tmp_path / 'e'}")).__name__ == "DuckDBStore"
