"""Real OTLP bodies of today's instrumentations: each provider call is charged once, however its spans arrive."""

import asyncio
import gzip
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from server.batches import PROJECT, Collector, batch, call, collector

from llmobserve_server.ingest.otlp.batch import trace_batch
from llmobserve_server.store.protocol import Row
from llmobserve_server.store.tables import events

_DATA = os.environ.get("LLMOBSERVE_TEST_DATA")


def _cases() -> list[Path]:
    if not _DATA:
        return []
    described = [file for file in sorted(Path(_DATA, "otlp").glob("*.json"))]
    return [file for file in described if json.loads(file.read_text()).get("signal") == "traces"]


pytestmark = pytest.mark.skipif(not _DATA, reason="LLMOBSERVE_TEST_DATA names no recordings")
CASES = pytest.mark.parametrize("file", _cases(), ids=lambda file: file.stem)


class Case:
    """A body and what it means."""

    def __init__(self, file: Path) -> None:
        facts = json.loads(file.read_text())
        body = file.with_suffix(".bin").read_bytes()
        self.body = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
        self.expected: dict[str, Any] = facts["expected"]

    def totals(self) -> dict[str, int]:
        return self.expected["totals"]

    def split(self) -> list[bytes]:
        """A request for each span."""
        whole = ExportTraceServiceRequest.FromString(self.body)
        parts: list[bytes] = []
        for resource in whole.resource_spans:
            for scope in resource.scope_spans:
                for span in scope.spans:
                    part = ExportTraceServiceRequest()
                    into = part.resource_spans.add()
                    into.resource.CopyFrom(resource.resource)
                    scoped = into.scope_spans.add()
                    scoped.scope.CopyFrom(scope.scope)
                    scoped.spans.add().CopyFrom(span)
                    parts.append(part.SerializeToString())
        return parts

    def native(self) -> bytes:
        """Records of our SDK about the same calls: what went over the wire while the spans lasted."""
        whole = ExportTraceServiceRequest.FromString(self.body)
        spans = {
            span.span_id.hex(): span
            for resource in whole.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        }
        # A call of which nobody says whose it was is none that an SDK of ours would see.
        named = [each for each in self.expected["calls"] if "provider" in each]
        return batch(*(_exchange(each, [spans[span] for span in each["span_ids"]]) for each in named))


def _exchange(told: Mapping[str, Any], spans: Sequence[Any]) -> dict[str, Any]:
    start_us = min(span.start_time_unix_nano for span in spans) // 1000 + 1000
    end_us = max(span.end_time_unix_nano for span in spans) // 1000
    units = {"input_text_tokens": told.get("input_tokens_total"), "output_text_tokens": told.get("output_tokens")}
    known = {unit: count for unit, count in units.items() if count is not None}
    return call(
        kind="embedding" if told["operation"] == "embeddings" else "llm",
        provider=_provider(told),
        operation=told["operation"],
        request_model=_model(told),
        response_model=None,
        response_id=told.get("response_id"),
        start_time_us=start_us,
        duration_ms=max(0.0, (end_us - start_us) / 1000 - 0.5),
        status="error" if told["error"] else "ok",
        http_status=told.get("http_status", 404 if told["error"] else 200),
        transport="httpx2",
        usage={"units": known, "source": "response"} if known else {},
    )


def _provider(told: Mapping[str, Any]) -> str:
    """Our name of who answered."""
    name: str = told["provider"]
    return {"google": "google_gemini"}.get(name, name)


def _model(told: Mapping[str, Any]) -> str:
    return told.get("model_requested") or told.get("model_served") or ""


def post(server: Collector, bodies: Iterable[bytes]) -> None:
    """Post OTLP requests one after the other."""
    read = partial(trace_batch, encoding="protobuf")
    for body in bodies:
        asyncio.run(server.ingestor.submit(body, content_encoding=None, project_id=PROJECT, entrance=read))


def totals(rows: Iterable[Row]) -> dict[str, int]:
    charged = [row for row in rows if row["type"] == "call" and row["billable"]]
    return {
        "ok_calls": sum(row["status"] != "error" for row in charged),
        "input_tokens_total": sum(row["input_tokens"] or 0 for row in charged),
        "output_tokens": sum(row["output_tokens"] or 0 for row in charged),
        "errors": sum(row["status"] == "error" for row in charged),
    }


@CASES
def test_each_call_is_charged_once_in_any_order(file: Path, tmp_path: Path) -> None:
    case = Case(file)
    parts = case.split()
    ways = {
        "as it is, twice": [case.body, case.body],
        "reversed": parts[::-1],
        "span by span": [*parts, case.body],
        "shuffled": Random(7).sample(parts, len(parts)),
    }
    found: dict[str, dict[str, int]] = {}
    for way, bodies in ways.items():
        with collector(tmp_path / way) as server:
            post(server, bodies)
            found[way] = totals(server.rows(events))
    assert found == dict.fromkeys(ways, case.totals())


@CASES
@pytest.mark.parametrize("is_first", [True, False], ids=["ours first", "ours last"])
def test_with_our_sdks_records_of_the_same_calls(file: Path, tmp_path: Path, is_first: bool) -> None:
    case = Case(file)
    with collector(tmp_path) as server:
        if is_first:
            server.post(case.native())
        post(server, case.split())
        if not is_first:
            server.post(case.native())
        rows = server.rows(events)
    assert totals(rows) == case.totals()
    charged = [row for row in rows if row["type"] == "call" and row["billable"]]
    assert sum(row["is_exchange"] for row in charged) == sum("provider" in each for each in case.expected["calls"])


@CASES
def test_session_and_user_are_those_of_the_call(file: Path, tmp_path: Path) -> None:
    case = Case(file)
    with collector(tmp_path) as server:
        post(server, case.split()[::-1])
        by_span = {row["span_id"]: row for row in server.rows(events) if row["type"] == "call"}
    rows = {row["event_id"]: row for row in by_span.values()}
    for told in case.expected["calls"]:
        records = [by_span[span] for span in told["span_ids"] if span in by_span]
        (charged,) = {record["merged_into"] or record["event_id"] for record in records}
        row = rows[charged]
        assert (row["session_id"], row["user_id"]) == (told.get("session_id"), told.get("user_id"))
        assert (row["status"] == "error") == told["error"]
        assert "provider" not in told or row["provider"] == _provider(told)
        assert (row["input_tokens"], row["output_tokens"]) == (
            told.get("input_tokens_total"),
            told.get("output_tokens"),
        )
