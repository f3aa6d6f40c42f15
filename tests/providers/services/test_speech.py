"""Speech, transcription and vision services: what is read, and what it costs by hand from the price lists."""

from decimal import Decimal

import pytest
from loopback.given import Seen, exchange, only

ELEVEN = "https://api.elevenlabs.io/v1"
DEEPGRAM = "https://api.deepgram.com/v1"
ASSEMBLY = "https://api.assemblyai.com/v2/transcript"
AZURE = "https://westeurope.tts.speech.microsoft.com/cognitiveservices/v1"
AUDIO = {"content-type": "audio/mpeg"}


def test_elevenlabs_speech_by_the_credits_of_the_answer() -> None:
    asked = {"text": "x" * 1000, "model_id": "eleven_flash_v2_5"}
    answer = {**AUDIO, "character-cost": "500", "request-id": "r1"}
    seen = only(exchange(f"{ELEVEN}/text-to-speech/voice/stream", asked, b"\xff\xfb" * 500, headers=answer))
    assert (seen.call.provider, seen.call.operation, seen.call.kind) == ("elevenlabs", "text_to_speech", "audio")
    assert (seen.units, seen.call.usage.source) == ({"credits": 500}, "header")
    assert seen.call.usage.details == {"input_characters": 1000}
    assert seen.call.request_id == "r1"
    # 500 credits x 0.10 / 1000
    assert (seen.usd, seen.cost.state) == ("0.05", "priced")


@pytest.mark.parametrize(
    ("model", "usd"),
    # 1000 characters x 50 and x 100 dollars a million; without a model the interface takes multilingual v2
    [("eleven_turbo_v2_5", "0.05"), ("eleven_v3", "0.1"), (None, "0.1"), ("eleven_flash_v9", "0.05")],
)
def test_elevenlabs_speech_by_the_characters_of_the_request(model: str | None, usd: str) -> None:
    asked = {"text": "é" * 1000} | ({"model_id": model} if model else {})
    for cut in (False, True):
        seen = only(exchange(f"{ELEVEN}/text-to-speech/v", asked, b"\xff", headers=AUDIO, cut=cut))
        assert (seen.units, seen.call.usage.source) == ({"input_characters": 1000}, "request")
        assert (seen.usd, seen.call.status) == (usd, "cancelled" if cut else "ok")


def test_elevenlabs_dialogue_sounds_and_music() -> None:
    lines = {"inputs": [{"text": "abc", "voice_id": "a"}, {"text": "de", "voice_id": "b"}]}
    assert only(exchange(f"{ELEVEN}/text-to-dialogue", lines, b"", headers=AUDIO)).units == {"input_characters": 5}
    sound = only(exchange(f"{ELEVEN}/sound-generation", {"text": "rain"}, b"", headers=AUDIO))
    assert (sound.units, sound.usd) == ({"requests": 1}, "0.12")
    music = only(exchange(f"{ELEVEN}/music", {"prompt": "p", "music_length_ms": 90_000}, b"", headers=AUDIO))
    # 90 s x 0.30 / 60
    assert (music.units, music.usd) == ({"output_seconds": Decimal(90)}, "0.45")
    unknown = only(exchange(f"{ELEVEN}/music", {"prompt": "p"}, b"", headers=AUDIO))
    assert (unknown.usd, unknown.cost.state) == (None, "unpriced")
    voice = only(exchange(f"{ELEVEN}/speech-to-speech/v", None, b"", headers=AUDIO))
    assert voice.cost.state == "unpriced"


def test_elevenlabs_transcription() -> None:
    sent = {"content-type": "multipart/form-data; boundary=B"}
    body = b'--B\r\nContent-Disposition: form-data; name="model_id"\r\n\r\nscribe_v2\r\n--B--\r\n'
    seen = only(exchange(f"{ELEVEN}/speech-to-text", body, {"text": "hi", "audio_duration_secs": 90.5}, sent=sent))
    # 90.5 s x 0.22 / 3600 = 0.00553055...
    assert (seen.units, seen.usd) == ({"input_seconds": Decimal("90.5")}, "0.005530555556")
    extra = body.replace(
        b"--B--", b'--B\r\nContent-Disposition: form-data; name="entity_detection"\r\n\r\nall\r\n--B--'
    )
    more = only(exchange(f"{ELEVEN}/speech-to-text", extra, {"audio_duration_secs": 90.5}, sent=sent))
    assert (more.call.dimensions["add_ons"], more.cost.state) == ("entity_detection", "estimated")


def test_elevenlabs_error_costs_nothing() -> None:
    detail = {"detail": {"status": "quota_exceeded", "message": "This request exceeds your quota."}}
    seen = only(exchange(f"{ELEVEN}/text-to-speech/v", {"text": "abc"}, detail, status=401))
    assert seen.call.error is not None
    assert (seen.call.status, seen.call.error.type) == ("error", "quota_exceeded")
    assert (seen.usd, seen.cost.state) == ("0", "free")


def listened(duration: float, **metadata: object) -> dict[str, object]:
    return {"metadata": {"request_id": "q", "duration": duration, "channels": 1, **metadata}, "results": {}}


def test_deepgram_transcription() -> None:
    seen = only(exchange(f"{DEEPGRAM}/listen?model=nova-2-meeting", b"RIFF", listened(125.5)))
    # 125.5 s x 0.0043 / 60
    assert (seen.units, seen.usd) == ({"input_seconds": Decimal("125.5")}, "0.008994166667")
    assert (seen.cost.state, seen.call.response_id) == ("priced", "q")
    # both channels are transcribed: 251 s x 0.0043 / 60
    url = f"{DEEPGRAM}/listen?model=nova-2&multichannel=true"
    assert only(exchange(url, b"RIFF", listened(125.5, channels=2))).usd == "0.017988333333"
    # several languages: 60 s at 0.0052 a minute
    assert only(exchange(f"{DEEPGRAM}/listen?model=nova-3&language=multi", b"R", listened(60.0))).usd == "0.0052"
    speakers = only(exchange(f"{DEEPGRAM}/listen?model=nova-3&diarize=true", b"R", listened(60.0)))
    assert (speakers.usd, speakers.cost.state) == ("0.0043", "estimated")


def test_deepgram_intelligence_tokens_have_no_certain_price() -> None:
    info = {
        "summary_info": {"input_tokens": 1000, "output_tokens": 100},
        "topics_info": {"input_tokens": 500, "output_tokens": 50},
    }
    seen = only(exchange(f"{DEEPGRAM}/listen?model=nova-2&summarize=v2&topics=true", b"R", listened(60.0, **info)))
    assert seen.units == {"input_seconds": 60, "input_text_tokens": 1500, "output_text_tokens": 150}
    # No list states the price of these tokens: the sum would look complete and is not.
    assert (seen.usd, seen.cost.state) == (None, "unpriced")
    read = only(exchange(f"{DEEPGRAM}/read?summarize=true", {"text": "t"}, {"metadata": info, "results": {}}))
    assert (read.call.kind, read.usd) == ("llm", "0.00054")


def test_deepgram_speech() -> None:
    headers = {**AUDIO, "dg-char-count": "200", "dg-model-name": "aura-2-thalia-en", "dg-request-id": "d"}
    seen = only(exchange(f"{DEEPGRAM}/speak?model=aura-2-thalia-en", {"text": "x"}, b"\0", headers=headers))
    # 200 x 30 dollars a million
    assert (seen.units, seen.usd, seen.call.request_id) == ({"input_characters": 200}, "0.006", "d")
    cut = only(exchange(f"{DEEPGRAM}/speak", {"text": "x" * 100}, b"\0", headers=AUDIO, cut=True))
    # 100 x 15 dollars a million
    assert (cut.units, cut.usd) == ({"input_characters": 100}, "0.0015")


def test_assemblyai_transcript_is_one_charge_however_often_it_is_polled() -> None:
    ordered = {"id": "t1", "status": "queued", "speech_models": ["universal-2"], "audio_duration": None}
    done = {**ordered, "status": "completed", "audio_duration": 600, "speech_model_used": "universal-2"}
    started = exchange(ASSEMBLY, {"audio_url": "https://x.test/a.mp3"}, ordered)
    waiting = exchange(f"{ASSEMBLY}/t1", None, {**ordered, "status": "processing"}, method="GET")
    assert waiting == []
    # a transcript that is told by webhook and never fetched stays visible, without an amount
    assert (only(started).usd, only(started).call.revision) == (None, 0)
    seen = only(started, *(exchange(f"{ASSEMBLY}/t1", None, done, method="GET") for _ in range(3)))
    # 600 s x 0.15 / 3600
    assert (seen.units, seen.usd, seen.call.revision) == ({"input_seconds": 600}, "0.025", 1)
    options = {**done, "speaker_labels": True, "sentiment_analysis": True, "redact_pii": False}
    extra = only(exchange(f"{ASSEMBLY}/t1", None, options, method="GET"))
    assert extra.call.dimensions["add_ons"] == "sentiment_analysis+speaker_labels"
    assert (extra.usd, extra.cost.state) == ("0.025", "estimated")
    failed = only(exchange(f"{ASSEMBLY}/t1", None, {**ordered, "status": "error", "error": "no audio"}, method="GET"))
    assert (failed.usd, failed.call.status) == ("0", "error")


def test_assemblyai_answers_at_once() -> None:
    url = "https://sync.assemblyai.com/v1/transcribe/live"
    seen = only(exchange(url, b"RIFF", {"text": "hi", "audio_duration_ms": 12_000, "session_id": "s"}))
    # 12 s x 0.30 / 3600
    assert (seen.call.operation, seen.usd, seen.call.response_id) == ("transcribe", "0.001", "s")


def test_playht_counts_characters_and_has_no_price() -> None:
    url = "https://api.play.ht/api/v2/tts/stream"
    seen = only(exchange(url, {"text": "hello", "voice_engine": "Play3.0-mini"}, b"\0", headers=AUDIO))
    assert (seen.units, seen.usd) == ({"input_characters": 5}, None)
    assert seen.cost.reason is not None
    assert "plans" in seen.cost.reason


def test_azure_speech_bills_the_text_and_ideographs_twice() -> None:
    ssml = '<speak version="1.0"><voice name="en-US-AvaNeural">Hello <break/>世界</voice></speak>'
    sent = {"content-type": "application/ssml+xml"}
    seen = only(exchange(AZURE, ssml.encode(), b"\0", sent=sent, headers=AUDIO))
    # "Hello " 6, "<break/>" 8, two ideographs 4
    assert seen.units == {"input_characters": 18}
    # 18 x 15 dollars a million
    assert (seen.usd, seen.call.request_model) == ("0.00027", "neural")
    better = ssml.replace("en-US-AvaNeural", "en-US-Ava:DragonHDLatestNeural")
    assert only(exchange(AZURE, better.encode(), b"\0", sent=sent, headers=AUDIO)).usd == "0.00054"


def test_azure_recognition() -> None:
    url = "https://westeurope.stt.speech.microsoft.com/speech/recognition/conversation/cognitiveservices/v1"
    answer = {"RecognitionStatus": "Success", "Offset": 5_000_000, "Duration": 12_300_000, "DisplayText": "Hi."}
    seen = only(exchange(url, b"RIFF", answer))
    # 0.5 s + 1.23 s, billed as 2 s at 1 dollar an hour
    assert (seen.units, seen.usd) == ({"input_seconds": Decimal("1.73")}, "0.000555555556")
    assert seen.cost.state == "estimated"
    fast = "https://westeurope.api.cognitive.microsoft.com/speechtotext/transcriptions:transcribe"
    # 100 s x 0.36 / 3600
    assert only(exchange(fast, b"--x", {"durationMilliseconds": 100_000})).usd == "0.01"


def test_polly_by_header_and_engine() -> None:
    url = "https://polly.eu-west-1.amazonaws.com/v1/speech"
    headers = {**AUDIO, "x-amzn-requestcharacters": "1000", "x-amzn-requestid": "a"}
    for engine, usd in ((None, "0.004"), ("neural", "0.016"), ("generative", "0.03"), ("long-form", "0.1")):
        asked = {"Text": "x", "OutputFormat": "mp3"} | ({"Engine": engine} if engine else {})
        seen = only(exchange(url, asked, b"\0", headers=headers))
        assert (seen.units, seen.usd, seen.call.usage.source) == ({"input_characters": 1000}, usd, "header")
        assert seen.call.dimensions["region"] == "eu-west-1"
    task = {"SynthesisTask": {"TaskId": "t", "RequestCharacters": 2000, "Engine": "neural"}}
    seen = only(exchange(url.replace("speech", "synthesisTasks"), {"Text": "x", "Engine": "neural"}, task))
    assert seen.usd == "0.032"


def test_transcribe_jobs_are_recorded_once_and_their_length_is_not_known() -> None:
    url = "https://transcribe.us-east-1.amazonaws.com/"
    kind = {"content-type": "application/x-amz-json-1.1"}

    def target(operation: str) -> dict[str, str]:
        return {**kind, "x-amz-target": f"Transcribe.{operation}"}

    job = {"TranscriptionJob": {"TranscriptionJobName": "j", "TranscriptionJobStatus": "IN_PROGRESS"}}
    assert exchange(url, {}, job, sent=target("StartTranscriptionJob"), headers=kind) == []
    assert (
        exchange(url, {}, {"TranscriptionJobSummaries": []}, sent=target("ListTranscriptionJobs"), headers=kind) == []
    )
    job["TranscriptionJob"]["TranscriptionJobStatus"] = "COMPLETED"
    seen = only(*(exchange(url, {}, job, sent=target("GetTranscriptionJob"), headers=kind) for _ in range(2)))
    assert (seen.units, seen.usd, seen.cost.state) == ({}, None, "unpriced")


def rekognition(operation: str, answer: object, asked: object = None, region: str = "us-east-1") -> list[Seen]:
    kind = {"content-type": "application/x-amz-json-1.1"}
    sent = {**kind, "x-amz-target": f"RekognitionService.{operation}"}
    url = f"https://rekognition.{region}.amazonaws.com/"
    return exchange(url, asked or {}, answer, sent=sent, headers=kind)


def test_rekognition_images_by_operation() -> None:
    for operation, usd in (("DetectLabels", "0.001"), ("CompareFaces", "0.001")):
        seen = only(rekognition(operation, {}))
        assert (seen.call.operation, seen.units, seen.usd) == (operation, {"images": 1}, usd)
    both = only(rekognition("DetectLabels", {}, {"Features": ["GENERAL_LABELS", "IMAGE_PROPERTIES"]}))
    # 0.001 + 0.00075
    assert both.usd == "0.00175"
    far = only(rekognition("DetectFaces", {}, region="sa-east-1"))
    assert (far.usd, far.cost.state) == ("0.001", "estimated")
    assert rekognition("ListCollections", {}) == []


def test_rekognition_video_by_length() -> None:
    running = rekognition("GetLabelDetection", {"JobStatus": "IN_PROGRESS"}, {"JobId": "v"})
    done = {"JobId": "v", "JobStatus": "SUCCEEDED", "VideoMetadata": {"DurationMillis": 90_000}}
    pages = [rekognition("GetLabelDetection", done, {"JobId": "v"}) for _ in range(2)]
    seen = only(running, *pages)
    # 90 s x 0.10 / 60
    assert (seen.call.kind, seen.units, seen.usd) == ("video", {"input_seconds": Decimal(90)}, "0.15")
