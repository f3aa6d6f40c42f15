"""Pricing stored calls again: what a dry run says, what applying does, and that nothing that was said is lost."""

import threading
import time
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import pytest
from server import price_books
from server.batches import call
from server.live_server import LiveServer, batch, running
from sqlalchemy import func, select

from llmobserve.pricing import price_book_version
from llmobserve_server.control.models import AuditEntry
from llmobserve_server.store.protocol import Store
from llmobserve_server.store.tables import contents, cost_versions, events, metadata, reprice_log

# gpt-4o-mini, 1000 tokens in and 100 out. OpenAI's price page (2026-11): $0.15 and $0.60 a million:
#   1000 × 0.15 / 10^6 + 100 × 0.60 / 10^6 = 0.00015 + 0.00006 = 0.00021
# The new book of these tests: $0.10 and $0.40: 0.0001 + 0.00004 = 0.00014.
MINI_OLD, MINI_NEW = Decimal("0.00021"), Decimal("0.00014")
# gpt-9-mini, $2 and $8 in the new book, unknown to the old one: 0.002 + 0.0008 = 0.0028.
NINE_NEW = Decimal("0.0028")
OCTOBER_US = 1_790_812_800_000_000  # 2026-10-01 00:00 UTC
NOVEMBER_US = 1_793_491_200_000_000  # 2026-11-01 00:00 UTC


def store_of(server: LiveServer) -> Store:
    return server.app.state.store


def send(server: LiveServer, *calls: dict[str, Any]) -> None:
    with server.client() as sender:
        answer = sender.post("/v1/events", json={**batch(0), "events": list(calls)})
    assert answer.json()["accepted"] == len(calls), answer.text


def fill(server: LiveServer) -> None:
    """3 calls of gpt-4o-mini in October and 2 in November, 2 of an unknown model, 1 with the provider's own figure."""
    nine = {"request_model": "gpt-9-mini", "response_model": "gpt-9-mini", "start_time_us": NOVEMBER_US}
    send(
        server,
        *(call(start_time_us=OCTOBER_US + n) for n in range(3)),
        *(call(start_time_us=NOVEMBER_US + n) for n in range(2)),
        *(call(**nine) for _ in range(2)),
        call(start_time_us=NOVEMBER_US, reported_cost_usd="0.01"),
    )


def load_book(api: httpx.Client, content: bytes | None = None) -> dict[str, Any]:
    answer = api.post("prices/book", content=content or price_books.book())
    assert answer.status_code == 200, answer.text
    return answer.json()


def reprice(api: httpx.Client, **order: Any) -> dict[str, Any]:
    answer = api.post("reprice", json=order)
    assert answer.status_code == 202, answer.text
    return ended(api, answer.json()["id"])


def ended(api: httpx.Client, job_id: str) -> dict[str, Any]:
    while (job := api.get(f"reprice/{job_id}").json())["status"] == "running":
        time.sleep(0.01)
    assert job["finished_at"]
    return job


def everything(store: Store) -> dict[str, list[str]]:
    """Every row of every table."""
    return {table.name: sorted(map(str, store.fetch(select(table)))) for table in metadata.sorted_tables}


def audited(server: LiveServer, action: str) -> list[AuditEntry]:
    with server.control.session() as session:
        return list(session.scalars(select(AuditEntry).where(AuditEntry.action == action)))


def total_usd(store: Store) -> Decimal:
    return store.fetch(select(func.sum(events.c.cost_usd).label("usd")))[0]["usd"]


def test_a_dry_run_says_what_would_change_and_changes_nothing(server: LiveServer, api: httpx.Client) -> None:
    fill(server)
    load_book(api)
    before = everything(store_of(server))
    job = reprice(api)
    assert everything(store_of(server)) == before
    assert (job["status"], job["dry_run"], job["calls_done"], job["calls_found"]) == ("done", True, 7, 7)
    rows = {(row["model"], row["month"]): row for row in job["rows"]}
    assert set(rows) == {("gpt-4o-mini", "2026-10"), ("gpt-4o-mini", "2026-11"), ("gpt-9-mini", "2026-11")}
    # Three calls: 3 × 0.00021 = 0.00063, then 3 × 0.00014 = 0.00042.
    october = rows["gpt-4o-mini", "2026-10"]
    assert (october["calls"], october["changed"]) == (3, 3)
    assert (october["old_usd"], october["new_usd"], october["difference_usd"]) == ("0.00063", "0.00042", "-0.00021")
    nine = rows["gpt-9-mini", "2026-11"]
    # What was not known was not 0: 2 × 0.0028 are added.
    assert (nine["old_usd"], nine["new_usd"], nine["difference_usd"]) == (None, "0.0056", "0.0056")
    assert (nine["states_before"], nine["states_after"]) == ({"unpriced": 2}, {"priced": 2})
    # 5 × 0.00021 = 0.00105; 5 × 0.00014 + 0.0056 = 0.0063; the reported call is in neither.
    total = job["total"]
    assert (total["calls"], total["changed"], total["old_usd"], total["new_usd"]) == (7, 7, "0.00105", "0.0063")
    assert total["difference_usd"] == "0.00525"
    assert audited(server, "reprice.apply") == []


def test_applying_keeps_what_was_said_before(server: LiveServer, api: httpx.Client) -> None:
    fill(server)
    book = load_book(api)
    job = reprice(api, dry_run=False)
    assert (job["status"], job["price_book"], job["total"]["changed"]) == ("done", book["new_version"], 7)
    # 0.0063 and the reported 0.01.
    assert total_usd(store_of(server)) == Decimal("0.0163")
    (kept,) = store_of(server).fetch(select(func.count().label("n"), func.sum(cost_versions.c.cost_usd).label("usd")))
    assert (kept["n"], kept["usd"]) == (7, Decimal("0.00105"))

    listed = api.get("events", params={"from": "2026-10-01", "to": "2026-11-30"}).json()["events"]
    mini = next(row for row in listed if row["model"] == "gpt-4o-mini" and row["cost_state"] == "priced")
    detail = api.get(f"events/{mini['event_id']}").json()
    assert (detail["row"]["cost_usd"], detail["price_book"]) == ("0.00014", book["new_version"])
    assert [line["rate_usd"] for line in detail["receipt"]] == ["0.1", "0.4"]
    (earlier,) = detail["cost_history"]
    assert (earlier["cost_usd"], earlier["cost_state"], earlier["price_book"]) == (
        "0.00021",
        "priced",
        price_book_version(),
    )
    assert [line["usd"] for line in earlier["receipt"]] == ["0.00015", "0.00006"]
    assert earlier["job_id"] == job["id"]
    reported = next(row for row in listed if row["cost_state"] == "provider_reported")
    assert reported["cost_usd"] == "0.01"
    assert api.get(f"events/{reported['event_id']}").json()["cost_history"] == []

    (entry,) = audited(server, "reprice.apply")
    assert (entry.object_id, entry.project_id) == (job["id"], "default")
    assert entry.actor.startswith("session:")
    assert entry.detail is not None
    assert entry.detail["total"]["difference_usd"] == "0.00525"


def test_own_rates_reach_calls_whose_cost_the_provider_reported(server: LiveServer, api: httpx.Client) -> None:
    fill(server)
    rule = {
        "kind": "override",
        "provider": "openai",
        "model": "gpt-4o-mini",
        "rates": [
            {"unit": unit, "rate_usd": "1", "per": 1_000_000} for unit in ("input_text_tokens", "output_text_tokens")
        ],
        "valid_from": "2026-10-01T00:00:00Z",
    }
    made = api.post("price-rules", json=rule)
    assert made.status_code == 201, made.text
    # Six calls of 1,100 tokens at a dollar a million, one of which the provider had put at 0.01.
    assert reprice(api, dry_run=False)["total"]["changed"] == 6
    assert total_usd(store_of(server)) == Decimal("0.0066")
    # Withdrawn, the list prices and the provider's figure are back: 5 x 0.00021 + 0.01.
    assert api.post(f"price-rules/{made.json()['id']}/end", json={"at": "2026-10-01T00:00:00Z"}).status_code == 200
    assert reprice(api, dry_run=False)["total"]["changed"] == 6
    assert total_usd(store_of(server)) == Decimal("0.01105")


def test_applying_again_changes_nothing(server: LiveServer, api: httpx.Client) -> None:
    fill(server)
    load_book(api)
    first = reprice(api, dry_run=False)
    rows = store_of(server).fetch(select(events).order_by(events.c.event_id))
    again = reprice(api, dry_run=False)
    assert (again["total"]["calls"], again["total"]["changed"], again["total"]["difference_usd"]) == (7, 0, "0")
    assert store_of(server).fetch(select(events).order_by(events.c.event_id)) == rows
    jobs = {row["job_id"] for row in store_of(server).fetch(select(cost_versions.c.job_id))}
    assert jobs == {first["id"]}


def test_two_re_pricings_leave_two_versions(server: LiveServer, api: httpx.Client) -> None:
    one = call(start_time_us=NOVEMBER_US)
    send(server, one)
    load_book(api)
    reprice(api, dry_run=False)

    def dearer(openai: dict[str, Any]) -> None:
        openai["models"]["gpt-4o-mini"] = price_books.list_price("1", "4")

    load_book(api, price_books.book(dearer))
    reprice(api, dry_run=False)
    detail = api.get(f"events/{one['event_id']}").json()
    # 0.001 + 0.0004
    assert detail["row"]["cost_usd"] == "0.0014"
    assert [version["cost_usd"] for version in detail["cost_history"]] == ["0.00014", "0.00021"]


def test_what_makes_a_cost_an_estimate_is_said_again(server: LiveServer, api: httpx.Client) -> None:
    usage = {
        "units": {"input_text_tokens": 1000, "output_text_tokens": 100},
        "details": {"input_text_bytes": 4000, "output_text_bytes": 400},
        "source": "estimated",
        "flags": ["partial"],
    }
    late = call(start_time_us=NOVEMBER_US, usage=usage)
    audio = call(start_time_us=NOVEMBER_US, usage={"units": {"input_seconds": "1.50"}, "source": "response"})
    send(server, late, audio)
    before = api.get(f"events/{late['event_id']}").json()
    assert (before["row"]["cost_state"], before["row"]["cost_usd"]) == ("estimated", "0.00021")
    load_book(api)
    assert reprice(api, dry_run=False)["total"]["changed"] == 1
    after = api.get(f"events/{late['event_id']}").json()
    assert (after["row"]["cost_state"], after["row"]["cost_usd"]) == ("estimated", "0.00014")
    assert after["cost_reason"] == before["cost_reason"]
    assert "four bytes a token" in after["cost_reason"]


@pytest.mark.parametrize(
    ("order", "calls"),
    [
        ({"state": "unpriced"}, 2),
        ({"model": "gpt-4o-mini"}, 5),
        ({"model": "gpt-4o-mini-2024-07-18"}, 5),
        ({"model": "gpt-4o"}, 0),
        ({"provider": "anthropic"}, 0),
        ({"provider": "openai", "time_to": "2026-11-01T00:00:00Z"}, 3),
        ({"time_from": "2026-11-01T01:00:00+01:00"}, 4),
        ({"time_from": "2026-10-01", "time_to": "2026-10-02"}, 3),
    ],
)
def test_filters(server: LiveServer, api: httpx.Client, order: dict[str, Any], calls: int) -> None:
    fill(server)
    load_book(api)
    job = reprice(api, dry_run=False, **order)
    assert (job["calls_done"], job["total"]["changed"]) == (calls, calls)
    assert len(store_of(server).fetch(select(cost_versions))) == calls


@pytest.mark.parametrize(
    ("order", "field"),
    [
        ({"time_from": "yesterday"}, "time_from"),
        ({"time_from": "2026-11-02", "time_to": "2026-11-01"}, "time_from"),
        ({"state": "cheap"}, "state"),
        ({"model": ""}, "model"),
        ({"modell": "x"}, "modell"),
        ({"dry_run": "perhaps"}, "dry_run"),
    ],
)
def test_what_cannot_be_understood_is_refused(api: httpx.Client, order: dict[str, Any], field: str) -> None:
    answer = api.post("reprice", json=order)
    assert (answer.status_code, answer.json()["field"]) == (400, field)


def test_the_price_rules_of_the_project_count(server: LiveServer, api: httpx.Client) -> None:
    fill(server)
    rule = {"kind": "discount", "provider": "openai", "percent": "50", "valid_from": "2026-01-01T00:00:00Z"}
    made = api.post("price-rules", json=rule)
    assert made.status_code in (200, 201), made.text
    job = reprice(api, model="gpt-4o-mini")
    # Half of 5 × 0.00021.
    assert (job["total"]["old_usd"], job["total"]["new_usd"]) == ("0.00105", "0.000525")


def test_a_project_re_prices_its_own_calls_and_sees_its_own_jobs(server: LiveServer, api: httpx.Client) -> None:
    fill(server)
    load_book(api)
    assert api.post("projects", json={"name": "Other", "id": "other"}).status_code == 201
    job = reprice(api)
    with server.client(server.new_key("admin", "other")) as other:
        mine = other.post("/api/v1/reprice", json={"dry_run": False})
        assert mine.status_code == 202
        other.base_url = f"{server.url}/api/v1/"
        assert ended(other, mine.json()["id"])["total"]["calls"] == 0
        assert other.get(f"reprice/{job['id']}").status_code == 404
    assert api.get(f"reprice/{mine.json()['id']}").status_code == 404
    assert store_of(server).fetch(select(cost_versions)) == []


def many(server: LiveServer, count: int) -> None:
    for _ in range(count // 1000):
        send(server, *(call(start_time_us=NOVEMBER_US + n) for n in range(1000)))


def test_ingest_goes_on_while_a_re_pricing_runs_and_a_second_one_waits(server: LiveServer, api: httpx.Client) -> None:
    many(server, 4000)
    load_book(api)
    answer = api.post("reprice", json={"dry_run": False})
    assert answer.status_code == 202, answer.text
    refused = api.post("reprice", json={})
    sent = 0
    while api.get(f"reprice/{answer.json()['id']}").json()["status"] == "running":
        send(server, call(start_time_us=OCTOBER_US))
        sent += 1
    assert (refused.status_code, refused.json()["error"]) == (409, "conflict")
    assert sent > 0
    job = ended(api, answer.json()["id"])
    assert job["total"]["changed"] == 4000
    # Each call has the new price once: those sent meanwhile on arrival.
    assert total_usd(store_of(server)) == MINI_NEW * (4000 + sent)
    # 4000 × 0.00021
    (kept,) = store_of(server).fetch(select(func.sum(cost_versions.c.cost_usd).label("usd")))
    assert kept["usd"] == Decimal("0.84")
    assert reprice(api)["total"]["changed"] == 0


def test_a_re_pricing_that_is_stopped_keeps_what_it_did_and_does_not_go_on(tmp_path: Path) -> None:
    with running(tmp_path) as live, live.browser() as api:
        api.base_url = f"{live.url}/api/v1/"
        many(live, 5000)
        load_book(api)
        job_id = api.post("reprice", json={"dry_run": False}).json()["id"]
        while not api.get(f"reprice/{job_id}").json()["calls_done"]:
            time.sleep(0.005)
        stopped = api.delete(f"reprice/{job_id}").json()
        assert (stopped["status"], "stopped" in stopped["error"]) == ("failed", True)
        changed = stopped["total"]["changed"]
        assert 1000 <= changed < 5000
        assert [entry.object_id for entry in audited(live, "reprice.stop")] == [job_id]
        assert api.delete(f"reprice/{job_id}").json() == stopped
        assert api.delete("reprice/none").status_code == 404
    with running(tmp_path) as live, live.browser() as api:
        api.base_url = f"{live.url}/api/v1/"
        assert api.get(f"reprice/{job_id}").json()["status"] == "failed"
        # The changed ones are $0.00007 cheaper.
        assert total_usd(live.app.state.store) == MINI_OLD * 5000 - Decimal("0.00007") * changed
        assert reprice(api, dry_run=False)["total"]["changed"] == 5000 - changed


def test_a_call_that_is_sent_anew_meanwhile_keeps_its_newer_facts(server: LiveServer, api: httpx.Client) -> None:
    calls = [call(start_time_us=NOVEMBER_US + n) for n in range(2000)]
    send(server, *calls)
    load_book(api)
    # Twice the usage: 2000 × 0.1 / 10^6 + 200 × 0.4 / 10^6 = 0.00028.
    usage = {"units": {"input_text_tokens": 2000, "output_text_tokens": 200}, "source": "response"}
    newer = [{**one, "revision": 1, "usage": usage} for one in calls[::4]]
    job = api.post("reprice", json={"dry_run": False}).json()
    sender = threading.Thread(target=lambda: [send(server, *newer[at : at + 20]) for at in range(0, len(newer), 20)])
    sender.start()
    ended(api, job["id"])
    sender.join()
    assert total_usd(store_of(server)) == MINI_NEW * 1500 + Decimal("0.00028") * 500


def test_applied_jobs_are_known_after_a_restart(tmp_path: Path) -> None:
    with running(tmp_path) as live, live.browser() as api:
        api.base_url = f"{live.url}/api/v1/"
        fill(live)
        load_book(api)
        job = reprice(api, dry_run=False)
        dry = reprice(api)
        log = live.app.state.store.fetch(select(reprice_log))
    with running(tmp_path) as live, live.browser() as api:
        api.base_url = f"{live.url}/api/v1/"
        again = api.get(f"reprice/{job['id']}").json()
        assert again == {**job, "finished_at": again["finished_at"]}
        assert api.get(f"reprice/{dry['id']}").status_code == 404
        assert live.app.state.store.fetch(select(reprice_log)) == log
        assert live.app.state.store.fetch(select(contents)) == []
