"""Operations beside the main ones: ordered calls, look-ups, refunds, gateways, videos, dubbing."""

from decimal import Decimal
from typing import Any

import pytest
from loopback.exchanges import recorded, units
from loopback.given import exchange, form, only

FORM = {"content-type": "application/x-www-form-urlencoded"}
TWILIO = "https://api.twilio.com/2010-04-01/Accounts/AC1"
CALL: dict[str, Any] = {"sid": "CA1", "to": "+15550001111", "status": "queued", "duration": None, "price": None}
CHAT = {"prompt_tokens": 18, "completion_tokens": 35, "total_tokens": 53}


def dollars(told: dict[str, Any]) -> Decimal:
    return Decimal(told["cost"]["usd"])


def call(**changes: Any) -> dict[str, Any]:
    return {**CALL, "price_unit": "USD", **changes}


def test_an_ordered_phone_call_is_known_before_it_is_over() -> None:
    ordered = exchange(f"{TWILIO}/Calls.json", form({"To": "+15550001111"}), call(), sent=FORM, status=201)
    assert only(ordered).cost.state == "unpriced"
    assert exchange(f"{TWILIO}/Calls/CA1.json", None, call(status="in-progress"), method="GET") == []
    over = exchange(f"{TWILIO}/Calls/CA1.json", None, call(status="completed", duration="61"), method="GET")
    # Two started minutes at $0.014
    assert only(ordered, over).usd == "0.028"
    said = call(status="completed", duration="61", price="-0.03")
    assert only(ordered, over, exchange(f"{TWILIO}/Calls/CA1.json", None, said, method="GET")).usd == "0.03"
    busy = exchange(f"{TWILIO}/Calls/CA1.json", None, call(status="busy", duration="0"), method="GET")
    ended = only(ordered, busy)
    assert (ended.usd, ended.call.status) == ("0", "error")


def test_facts_about_a_number() -> None:
    url = "https://lookups.twilio.com/v2/PhoneNumbers/%2B15550001111"
    assert only(exchange(url, None, {"valid": True}, method="GET")).cost.state == "free"
    told = only(exchange(url + "?Fields=line_type_intelligence,caller_name", None, {"valid": True}, method="GET"))
    assert told.cost.state == "unpriced"
    assert told.call.dimensions["fields"] == "caller_name+line_type_intelligence"


def test_a_refund_of_paypal_is_free() -> None:
    url = "https://api-m.paypal.com/v2/payments/captures/CAP1/refund"
    seen = only(exchange(url, {}, {"id": "REF1", "status": "COMPLETED"}, status=201))
    assert (seen.cost.state, seen.usd) == ("free", "0")


@pytest.mark.parametrize("host", ["llm-gateway.assemblyai.com", "llm-gateway.eu.assemblyai.com"])
def test_language_models_of_assemblyai(host: str) -> None:
    usage = {**CHAT, "input_tokens": 18, "output_tokens": 35}
    body = {"request_id": "r-1", "choices": [{"message": {"role": "assistant", "content": "Hi"}}], "usage": usage}
    told = recorded(f"https://{host}/v1/chat/completions", request={"model": "claude-sonnet-5"}, body=body)
    assert (told["provider"], told["operation"], told["response_id"]) == ("assemblyai", "chat.completions", "r-1")
    assert units(told) == {"input_text_tokens": 18, "output_text_tokens": 35}
    assert told["cost"]["state"] == "unpriced"


def test_dictation_and_speech_of_assemblyai_are_not_taken_for_transcription() -> None:
    url = "https://dictation.assemblyai.com/v1/transcribe/live"
    told = recorded(url, body={"text": "Hi", "audio_duration_ms": 1500, "session_id": "s"})
    assert (units(told), told["cost"]["state"]) == ({"input_seconds": "1.5"}, "unpriced")
    url = "https://tts.us.assemblyai.com/v1/speech"
    billed = {"x-tts-billed-characters": "7", "x-tts-model": "assemblyai-tts-1"}
    told = recorded(url, request={"text": "Hello"}, body=b"\x00", content_type="audio/wav", headers=billed)
    assert (units(told), told["response_model"]) == ({"input_characters": 7}, "assemblyai-tts-1")
    told = recorded(url, request={"text": "Hello"}, body=b"\x00", content_type="audio/wav")
    assert units(told) == {"input_characters": 5}


@pytest.mark.parametrize("path", ["voice-changer/v1", "dubbing", "music/stem-separation", "text-to-voice/design"])
def test_voice_tools_of_elevenlabs_by_their_credits(path: str) -> None:
    url = f"https://api.elevenlabs.io/v1/{path}"
    told = recorded(url, request={}, body={"ok": True}, headers={"character-cost": "250"})
    # 250 credits at $0.10 a thousand
    assert (told["cost"]["state"], dollars(told)) == ("priced", Decimal("0.025"))
    assert recorded(url, request={}, body={"ok": True})["cost"]["state"] == "unpriced"


def test_music_whose_length_was_left_to_the_model() -> None:
    url = "https://api.elevenlabs.io/v1/music/detailed/stream"
    told = recorded(
        url, request={"prompt": "x"}, headers={"character-cost": "900"}, body=b"\x00", content_type="audio/mpeg"
    )
    assert dollars(told) == Decimal("0.09")
    told = recorded(url, request={"prompt": "x", "music_length_ms": 30_000}, body=b"\x00", content_type="audio/mpeg")
    assert dollars(told) == Decimal("0.15")


def test_videos_of_xai_are_charged_when_they_are_done() -> None:
    url = "https://api.x.ai/v1/videos"
    assert exchange(url + "/generations", {"model": "grok-imagine-video", "prompt": "x"}, {"request_id": "v1"}) == []
    assert exchange(url + "/v1", None, {"status": "pending"}, method="GET", status=202) == []
    done = {"status": "done", "model": "grok-imagine-video", "video": {"url": "https://x", "duration": 8}}
    stated = {**done, "usage": {"cost_in_usd_ticks": 4_000_000_000}}
    seen = only(*(exchange(url + "/v1", None, stated, method="GET") for _ in range(2)))
    assert (seen.cost.state, seen.usd, seen.units) == ("provider_reported", "0.4", {"output_seconds": 8})
    assert only(exchange(url + "/v1", None, done, method="GET")).cost.state in ("estimated", "unpriced")
    expired = only(exchange(url + "/v1", None, {"status": "expired"}, method="GET"))
    assert (expired.units, expired.call.status) == ({"output_seconds": 0}, "error")


def test_decisions_and_batches_of_perplexity() -> None:
    usage = {"input_tokens": 90, "output_tokens": 3, "cost": {"currency": "USD", "total_cost": 0.002}}
    told = recorded("https://api.perplexity.ai/v1/decisions", request={"model": "m"}, body={"usage": usage})
    assert (told["operation"], told["cost"]["state"], told["cost"]["usd"]) == (
        "decisions",
        "provider_reported",
        "0.002",
    )
    batch = {"id": "b1", "object": "batch", "status": "completed", "usage": {"input_tokens": 9, "output_tokens": 4}}
    told = recorded("https://api.perplexity.ai/v1/batches/b1", body=batch, method="GET")
    assert (units(told), told["dimensions"]) == ({"input_text_tokens": 9, "output_text_tokens": 4}, {"batch": "true"})


def test_openai_shape_of_cohere_and_hosts_behind_hugging_face() -> None:
    body = {"id": "c", "model": "command-a-03-2025", "choices": [], "usage": CHAT}
    told = recorded("https://api.cohere.ai/compatibility/v1/chat/completions", request={}, body=body)
    # 18 x 2.5 + 35 x 10 = 395 $/M
    assert dollars(told) == Decimal("0.000395")
    told = recorded(
        "https://router.huggingface.co/fal-ai/fal-ai/flux/dev", request={"prompt": "x"}, body={"images": []}
    )
    assert (told["operation"], told["request_model"], units(told)) == ("task", "fal-ai/flux/dev", {"requests": 1})
    assert told["cost"]["state"] == "unpriced"
