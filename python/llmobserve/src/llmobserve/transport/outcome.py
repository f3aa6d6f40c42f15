"""What an answer of the collector means for the batch and for the next attempt."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from llmobserve.privacy import clean
from llmobserve.transport.base import Reply
from llmobserve.wire import now_us

__all__ = ["Outcome", "backoff_s", "judge", "rejected"]

_PARK_S = 300.0
_RETRY_AFTER_MOST_S = 900.0
_FIRST_S, _MOST_S = 0.5, 60.0

Verb = Literal["done", "retry", "split", "dead", "park"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Verdict on one attempt."""

    verb: Verb
    """`park`: nothing is wrong with the batch, but someone has to change a setting first."""
    reason: str = ""
    wait_s: float | None = None
    """Wait stated by the collector, or the time between two tries while parked; `None` = back off."""


def judge(reply: Reply) -> Outcome:
    """Map an HTTP answer to what is to be done."""
    status = reply.status
    if 200 <= status < 300:
        return Outcome("done")
    said = f"HTTP {status}{_detail(reply.body)}"
    if status == 413:
        return Outcome("split", said)
    if status in {401, 403}:
        return Outcome("park", f"the collector does not accept the API key ({said})", _PARK_S)
    if status in {408, 429} or status >= 500:
        return Outcome("retry", said, _retry_after_s(reply.headers))
    if status in {400, 422}:
        return Outcome("dead", said)
    return Outcome("park", f"no collector at this URL ({said})", _PARK_S)


def rejected(reply: Reply) -> list[tuple[int, str]]:
    """Index and message of each record that the collector will never take."""
    try:
        answer = json.loads(reply.body)
        verdicts = answer.get("verdicts", [])
        return [
            (int(entry["index"]), str(entry.get("message") or "rejected"))
            for entry in verdicts
            if entry.get("status") == "rejected"
        ]
    except (ValueError, TypeError, KeyError, AttributeError):
        return []


def backoff_s(failures: int) -> float:
    """Full jitter: anything between nothing and 0.5 s, doubled with every failure in a row up to 60 s."""
    from random import uniform  # first needed after a failure; observe() is to be quick

    return uniform(0.0, min(_MOST_S, _FIRST_S * 2.0 ** min(failures - 1, 10)))


def _retry_after_s(headers: Mapping[str, str]) -> float | None:
    """Seconds from a Retry-After header in either of its forms (RFC 9110, 10.2.3), at most 15 minutes."""
    text = headers.get("retry-after", "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        from email.utils import parsedate_to_datetime  # the rarer form; observe() is to be quick

        try:
            seconds = parsedate_to_datetime(text).timestamp() - now_us() / 1_000_000
        except ValueError:
            return None
    if seconds != seconds:
        return None
    return min(max(seconds, 0.0), _RETRY_AFTER_MOST_S)


def _detail(body: bytes) -> str:
    # It may quote what it was sent: a proxy the key, a collector a record.
    text = clean(body[:2000].decode("utf-8", "replace").strip(), "log")[:300]
    return f": {text}" if text else ""
