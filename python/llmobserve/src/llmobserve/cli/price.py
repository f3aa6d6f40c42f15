"""`llmobserve price`: prices calls given as JSON lines, with the readers and the price book that recorded calls use."""

import argparse
import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timezone
from decimal import Decimal
from typing import Any, TextIO, cast

from llmobserve.pricing import PriceRequest, price_call
from llmobserve.providers.base import Endpoint, Provider, ProviderRequest, Reading
from llmobserve.providers.registry import PROVIDER_NAMES, Registry, load_provider
from llmobserve.wire import Cost, CostLine, now_us

__all__ = ["main", "price_lines"]

# Other spellings of our provider names, as public price lists have them.
_PROVIDER_NAMES = {
    "amazon": "aws_bedrock",
    "aws": "aws_bedrock",
    "azure": "azure_openai",
    "bedrock": "aws_bedrock",
    "fireworks_ai": "fireworks",
    "gemini": "google_gemini",
    "google": "google_gemini",
    "mistralai": "mistral",
    "moonshotai": "moonshot",
    "together_ai": "together",
    "togetherai": "together",
    "vertex_ai": "google_vertex",
    "voyageai": "voyage",
    "x-ai": "xai",
    "z-ai": "zai",
}
_SERVICE = re.compile(r"(?P<name>vertex|bedrock-runtime|bedrock)[ ./]+")
_NO_GROUPS = cast("re.Match[str]", re.match("", ""))
_REMARK = re.compile(r"\s*\([^)]*\)$")
_LONGEST_TEXT = 10_000_000
_MOST_IMAGES = 1000
_HTTP_ERROR = 400
_WORST_FIRST = ("unpriced", "estimated", "priced", "provider_reported", "free")


def main(arguments: Sequence[str] | None = None) -> int:
    """Read calls from standard input, write a priced line for each. Returns the exit status, 1 if a line was bad.

    A line is an object with `id`, `provider`, `model`, `endpoint`, `at` (ISO 8601, UTC; now when absent),
    `service_tier` (as served), `batch`, `response_usage`, and where they matter `request`, `response` and
    `stream_usage_events`. `request` may give `input_characters` or `audio_seconds` in place of the text or media, and
    `response` its `status_code` and `headers`. A line that cannot be read gives `{"id", "error"}` and the rest goes on.
    """
    parser = argparse.ArgumentParser(prog="llmobserve price", description="Price calls given as JSON lines.")
    parser.parse_args(arguments)
    return price_lines(sys.stdin, sys.stdout)


def price_lines(lines: Iterable[str], out: TextIO) -> int:
    """Price every line of `lines` into `out`. Returns 1 if any line could not be read, else 0."""
    status = 0
    for line in lines:
        if not line.strip():
            continue
        answer = _price_line(line)
        status = 1 if "error" in answer else status
        out.write(json.dumps(answer, ensure_ascii=False) + "\n")
        out.flush()
    return status


def _price_line(line: str) -> dict[str, Any]:
    name: Any = None
    try:
        decoded = json.loads(line)
        if not isinstance(decoded, dict):
            raise ValueError("the line is not a JSON object")
        call = cast("dict[str, Any]", decoded)
        name = call.get("id")
        costs = [price_call(request) for request in _requests(call)]
    except (ValueError, TypeError, RecursionError) as error:
        return {"id": name, "error": str(error)}
    state, usd = _total(costs)
    return {
        "id": name,
        "usd": None if usd is None else _shortest(usd),
        "state": state,
        "receipt": [_receipt_line(item) for cost in costs for item in cost.lines],
        "reason": " ".join(cost.reason for cost in costs if cost.reason) or None,
    }


def _total(costs: Sequence[Cost]) -> tuple[str, Decimal | None]:
    """One state and amount for an answer that may hold charges of several models."""
    state = min((cost.state for cost in costs), key=_WORST_FIRST.index)
    if state == "unpriced":
        return state, None
    return state, sum((cost.usd for cost in costs if cost.usd is not None), Decimal(0))


def _requests(call: Mapping[str, Any]) -> list[PriceRequest]:
    provider_name = _text(call, "provider")
    endpoint_name = _REMARK.sub("", str(call.get("endpoint") or ""))
    if (service := _SERVICE.match(endpoint_name)) is not None:
        # One company sells the same models by two services.
        provider_name = "google_vertex" if provider_name == "google" and service["name"] == "vertex" else provider_name
        endpoint_name = endpoint_name[service.end() :]
    provider_name = _PROVIDER_NAMES.get(provider_name, provider_name)
    at_us = _micros(call.get("at"))
    response = _object(call, "response")
    http_status = _http_status(response)
    if provider_name not in PROVIDER_NAMES:
        model = _optional_text(call, "model")
        request = PriceRequest(provider=provider_name, operation=endpoint_name, request_model=model, at_us=at_us)
        return [request]
    endpoint = _endpoint(load_provider(provider_name), endpoint_name)
    reading = _read(call, endpoint, response, http_status)
    shared = _shared_dimensions(call, response)
    return [
        PriceRequest(
            provider=provider_name,
            operation=item.operation or (endpoint.operation if item is reading else endpoint_name),
            request_model=item.request_model,
            response_model=item.response_model,
            usage=item.usage,
            dimensions={**_stated_tier(call, item), **item.dimensions, **shared},
            reported_cost_usd=item.reported_cost_usd,
            at_us=at_us,
            http_status=http_status,
        )
        for item in (reading, *reading.items)
    ]


def _stated_tier(call: Mapping[str, Any], item: Reading) -> dict[str, str]:
    """The tier of the line, for providers whose answers do not state it in the body."""
    tier = call.get("service_tier")
    return {"service_tier": tier} if isinstance(tier, str) and "batch" not in item.dimensions else {}


def _endpoint(provider: Provider, name: str) -> Endpoint:
    """The endpoint that `name` spells as an operation or as a path; else the provider's main one under that name."""
    plain = name.strip("/")
    for path in ("/v1/" + plain.removeprefix("v1/").replace(".", "/"), "/" + plain):
        found = Registry.endpoint_for(provider, "POST", path)
        if found is not None:
            return found[0]
    for endpoint in provider.endpoints:
        if f"{name}.".startswith(f"{endpoint.operation}.") and "POST" in endpoint.methods:
            return replace(endpoint, operation=name)
    return replace(provider.endpoints[0], operation=name or provider.endpoints[0].operation)


def _read(call: Mapping[str, Any], endpoint: Endpoint, response: Mapping[str, Any], http_status: int) -> Reading:
    """Put the facts of the line back into an exchange and let the provider's reader read it."""
    request = ProviderRequest(method="POST", host="", path="", body=_asked(call))
    reader = endpoint.reader(request, _NO_GROUPS, want_content=False)
    events = call.get("stream_usage_events")
    if isinstance(events, list) and events:
        for event in cast("list[Any]", events):
            kind = cast("dict[str, Any]", event).get("type") if isinstance(event, dict) else None
            reader.read_event(kind if isinstance(kind, str) else None, event)
        return reader.reading()
    body = {key: value for key, value in response.items() if key not in ("headers", "status_code")}
    seconds = _object(call, "request").get("audio_seconds")
    if seconds is not None:
        body.setdefault("duration", seconds)
    usage = call.get("response_usage")
    if endpoint.kind == "payment" and isinstance(usage, dict):
        body = {"status": "succeeded", **cast("dict[str, Any]", usage), **body}
    elif usage is not None and usage != {}:
        if endpoint.usage_key:
            body[endpoint.usage_key] = usage
        elif isinstance(usage, dict):
            body |= cast("dict[str, Any]", usage)
    elif endpoint.kind == "image" and "data" not in body and http_status < _HTTP_ERROR:
        body["data"] = [{}] * _count(call)
    tier = call.get("service_tier")
    if isinstance(tier, str):
        body.setdefault("service_tier", tier)
        if isinstance(usage, dict) and endpoint.usage_key == "usage" and "service_tier" not in usage:
            body["usage"] = {**cast("dict[str, Any]", usage), "service_tier": tier}
    reader.read_body(body, http_status, {})
    return reader.reading()


def _http_status(response: Mapping[str, Any]) -> int:
    """The stated status; without one an answer with an error object was refused, any other is a success."""
    status = response.get("status_code")
    if type(status) is int:
        return status
    return _HTTP_ERROR if isinstance(response.get("error"), dict) else 200


def _count(call: Mapping[str, Any]) -> int:
    """How many images were asked for; the interface makes one when nothing is said."""
    count = _object(call, "request").get("n")
    return count if type(count) is int and 0 < count <= _MOST_IMAGES else 1


def _asked(call: Mapping[str, Any]) -> dict[str, Any]:
    """The request's body. A length given in place of the text becomes a text of that length."""
    asked = dict(_object(call, "request"))
    length = asked.pop("input_characters", None)
    if isinstance(length, int) and "input" not in asked:
        if not 0 <= length <= _LONGEST_TEXT:
            raise ValueError(f"request.input_characters is {length}")
        asked["input"] = "x" * length
    model = _optional_text(call, "model")
    if model is not None:
        asked.setdefault("model", model)
    return asked


def _shared_dimensions(call: Mapping[str, Any], response: Mapping[str, Any]) -> dict[str, str]:
    shared: dict[str, str] = {}
    batch = call.get("batch")
    if not isinstance(batch, bool | None):
        raise ValueError(f"batch is {batch!r}, not true or false")
    if batch:
        shared["batch"] = "true"
    for key in ("region", "deployment_type", "inference_geo", "speed"):
        if isinstance(call.get(key), str):
            shared[key] = call[key]
    headers = {str(k).lower(): str(v) for k, v in _object(response, "headers").items()}
    if headers.get("x-llmobserve-cache", "").upper() == "HIT":
        shared["cache"] = "local_hit"
    return shared


def _text(call: Mapping[str, Any], key: str) -> str:
    value = call.get(key)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{key} is missing")
    return value


def _optional_text(call: Mapping[str, Any], key: str) -> str | None:
    value = call.get(key)
    if value is not None and not isinstance(value, str):
        raise ValueError(f"{key} is {value!r}, not text")
    return value or None


def _object(call: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = call.get(key)
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise ValueError(f"{key} is not an object")
    return cast("dict[str, Any]", value)


def _micros(at: Any) -> int:
    if at is None:
        return now_us()
    if not isinstance(at, str):
        raise ValueError(f"at is {at!r}, not an ISO 8601 time")
    # Python 3.10 does not read the suffix Z.
    moment = datetime.fromisoformat(at.replace("Z", "+00:00"))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    since = moment - datetime(1970, 1, 1, tzinfo=timezone.utc)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _receipt_line(line: CostLine) -> dict[str, Any]:
    return {
        "unit": line.unit,
        "quantity": str(line.quantity),
        "rate_usd": _shortest(line.rate_usd),
        "per": line.per,
        "usd": _shortest(line.usd),
        "price_id": line.price_id,
        "rule": line.rule,
        "source": line.source,
    }


def _shortest(amount: Decimal) -> str:
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
