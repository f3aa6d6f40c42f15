"""What the invented applications say of themselves: the libraries they use, and how many calls went through each."""

from collections.abc import Sequence

from llmobserve.wire import CallEvent, LibraryReport, ProcessReport, Record

__all__ = ["process_report"]

_VERSIONS = {"httpx2": "2.16.2", "urllib3": "2.8.0", "http.client": None}
_TARGETS = {
    "httpx2": "Client._send_single_request, AsyncClient._send_single_request",
    "urllib3": "HTTPConnectionPool._make_request",
    "http.client": "HTTPConnection.endheaders, HTTPConnection.getresponse",
}


def process_report(records: Sequence[Record], now_us: int, *, ended: bool) -> ProcessReport:
    """The report of the process that made these records."""
    calls = [record for record in records if isinstance(record, CallEvent)]
    starts: dict[str, list[int]] = {"http.client": []}
    for call in calls:
        starts.setdefault(call.transport or "httpx2", []).append(call.start_time_us)
    return ProcessReport(
        made_at_us=now_us,
        started_at_us=min((call.start_time_us for call in calls), default=None),
        ended=ended,
        libraries=tuple(_library(name, times) for name, times in sorted(starts.items())),
        counts={"calls": len(calls), "sent": len(records)},
    )


def _library(name: str, times: Sequence[int]) -> LibraryReport:
    return LibraryReport(
        name=name,
        version=_VERSIONS[name],
        target=_TARGETS[name],
        state="active",
        calls=len(times),
        first_call_us=min(times, default=None),
        last_call_us=max(times, default=None),
    )
