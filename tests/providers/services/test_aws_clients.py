"""boto3 for speech, images and transcripts: what is billed, in the shapes of the services, with costs and errors."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from loopback.rig import Recorded, observed
from loopback.server import Answer, Loopback, json_answer

from llmobserve.pricing import price_event

AUDIO = b"\xff\xf3" * 2000
SPEECH: dict[str, Any] = {"Text": "Hello there", "VoiceId": "Joanna", "OutputFormat": "mp3", "Engine": "neural"}
IMAGE = {"Image": {"Bytes": b"\x89PNG" * 20}}
REQUEST_ID = "11111111-2222-3333-4444-555555555555"


def client_of(service: str, server: Loopback) -> Any:
    return boto3.client(
        service,
        endpoint_url=server.url,
        region_name="us-east-1",
        aws_access_key_id="k",
        aws_secret_access_key="s",
        config=Config(retries={"total_max_attempts": 1, "mode": "standard"}, read_timeout=5),
    )


def both(service: str, answer: Answer, use: Callable[[Any], Any]) -> Recorded:
    """Use the client bare and observed: the application gets the same."""
    with Loopback(answer) as server:
        bare = _outcome(client_of(service, server), use)
        client = client_of(service, server)
        with observed(server, f"aws_{service}") as recorded:
            assert _outcome(client, use) == bare
        first, second = (request.body for request in server.ledger)
        assert first == second
    return recorded


def _outcome(client: Any, use: Callable[[Any], Any]) -> Any:
    try:
        return use(client)
    except ClientError as error:
        return error.response["Error"]
    finally:
        client.close()


def spoken(*, characters: str | None = "11", **headers: str) -> Answer:
    counted = {} if characters is None else {"x-amzn-RequestCharacters": characters}
    fixed = {"content-type": "audio/mpeg", "x-amzn-RequestId": REQUEST_ID}
    return Answer(headers={**fixed, **counted, **headers}, chunks=(AUDIO[:1000], AUDIO[1000:]))


def speak(client: Any) -> Any:
    answer = client.synthesize_speech(**SPEECH)
    return answer["RequestCharacters"], answer["AudioStream"].read()


def test_polly() -> None:
    recorded = both("polly", spoken(), speak)
    call = recorded.one
    assert (call.provider, call.operation, call.kind, call.status) == ("aws_polly", "SynthesizeSpeech", "audio", "ok")
    assert (call.request_model, call.request_id, call.transport) == ("neural", REQUEST_ID, "urllib3")
    assert (recorded.units, call.usage.source) == ({"input_characters": 11}, "header")
    # 11 x $16 for a million characters
    assert (price_event(call).state, price_event(call).usd) == ("priced", Decimal("0.000176"))


def test_polly_with_new_headers() -> None:
    recorded = both("polly", spoken(**{"x-amzn-something-new": "1"}), speak)
    assert (recorded.one.status, recorded.units) == ("ok", {"input_characters": 11})


def test_polly_without_the_header() -> None:
    # "Hello there" has 11 characters.
    recorded = both(
        "polly", spoken(characters=None), lambda client: client.synthesize_speech(**SPEECH)["AudioStream"].read()
    )
    assert (recorded.units, recorded.one.usage.source) == ({"input_characters": 11}, "request")


def test_polly_whose_audio_is_not_read() -> None:
    def use(client: Any) -> Any:
        client.synthesize_speech(**SPEECH)["AudioStream"].close()

    recorded = both("polly", spoken(), use)
    assert (recorded.one.status, recorded.units) == ("cancelled", {"input_characters": 11})
    assert price_event(recorded.one).usd == Decimal("0.000176")


@pytest.mark.parametrize("size", [None, 1, 300])
def test_polly_piece_by_piece(size: int | None) -> None:
    def use(client: Any) -> bytes:
        stream = client.synthesize_speech(**SPEECH)["AudioStream"]
        return b"".join(iter(lambda: stream.read(size), b"")) if size else b"".join(stream.iter_chunks())

    assert both("polly", spoken(), use).one.status == "ok"


def test_polly_task() -> None:
    task = {"TaskId": "t-1", "TaskStatus": "scheduled", "RequestCharacters": 2000, "Engine": "generative"}

    def use(client: Any) -> Any:
        return client.start_speech_synthesis_task(**{**SPEECH, "Engine": "generative"}, OutputS3BucketName="b")[
            "SynthesisTask"
        ]

    recorded = both("polly", json_answer({"SynthesisTask": task}), use)
    assert (recorded.one.operation, recorded.units) == ("StartSpeechSynthesisTask", {"input_characters": 2000})
    # 2000 x $30 for a million characters
    assert price_event(recorded.one).usd == Decimal("0.06")


def test_polly_refused() -> None:
    answer = json_answer({"message": "Too long"}, status=400, x_amzn_ErrorType="TextLengthExceededException")
    call = both("polly", answer, speak).one
    assert (call.status, call.http_status) == ("error", 400)
    assert call.error is not None
    assert (call.error.type, call.error.message) == ("TextLengthExceededException", "Too long")
    assert not call.usage.units


LABELS = {"Labels": [{"Name": "Boat", "Confidence": 99.0}], "LabelModelVersion": "3.0"}


def vision(body: Any, status: int = 200) -> Answer:
    answer = json_answer(body, status=status)
    return Answer(status=status, headers={"content-type": "application/x-amz-json-1.1"}, body=answer.body)


@pytest.mark.parametrize(
    ("use", "body", "model"),
    [
        (lambda client: client.detect_labels(**IMAGE)["Labels"], LABELS, "image-group-2"),
        (lambda client: client.detect_labels(**IMAGE)["Labels"], {**LABELS, "SomethingNew": {"a": 1}}, "image-group-2"),
        (lambda client: client.detect_text(**IMAGE)["TextDetections"], {"TextDetections": []}, "image-group-2"),
        (
            lambda client: client.search_faces_by_image(CollectionId="c", **IMAGE)["FaceMatches"],
            {"FaceMatches": []},
            "image-group-1",
        ),
    ],
    ids=["labels", "new field", "text", "faces"],
)
def test_rekognition(use: Callable[[Any], Any], body: Any, model: str) -> None:
    recorded = both("rekognition", vision(body), use)
    assert (recorded.one.provider, recorded.one.request_model) == ("aws_rekognition", model)
    assert (recorded.one.kind, recorded.units) == ("image", {"images": 1})
    # $0.001 an image of both groups
    assert (price_event(recorded.one).state, price_event(recorded.one).usd) == ("estimated", Decimal("0.001"))


def test_rekognition_features_are_billed_each() -> None:
    features = ["GENERAL_LABELS", "IMAGE_PROPERTIES"]
    recorded = both(
        "rekognition", vision(LABELS), lambda client: client.detect_labels(Features=features, **IMAGE)["Labels"]
    )
    # $0.001 + $0.00075
    assert price_event(recorded.one).usd == Decimal("0.00175")


def test_rekognition_video_job() -> None:
    started = both(
        "rekognition",
        vision({"JobId": "j-1"}),
        lambda client: client.start_label_detection(Video={"S3Object": {"Bucket": "videos", "Name": "n"}})["JobId"],
    )
    assert started.calls == []
    for state, number in (("IN_PROGRESS", 0), ("SUCCEEDED", 1)):
        body = {"JobStatus": state, "VideoMetadata": {"DurationMillis": 90_000, "Format": "mp4"}, "Labels": []}
        seen = both("rekognition", vision(body), lambda client: client.get_label_detection(JobId="j-1")["JobStatus"])
        assert len(seen.calls) == number
    assert (seen.one.kind, seen.units) == ("video", {"input_seconds": Decimal(90)})
    # 90 seconds at $0.10 a minute
    assert price_event(seen.one).usd == Decimal("0.15")


def test_rekognition_refused() -> None:
    body = {"__type": "com.amazonaws.rekognition#InvalidImageFormatException", "Message": "Not an image"}
    call = both("rekognition", vision(body, 400), lambda client: client.detect_labels(**IMAGE)["Labels"]).one
    assert (call.status, call.http_status) == ("error", 400)
    assert call.error is not None
    assert (call.error.type, call.error.message) == ("InvalidImageFormatException", "Not an image")
    assert price_event(call).state == "free"


def test_rekognition_without_a_price() -> None:
    recorded = both(
        "rekognition", vision({"CollectionIds": []}), lambda client: client.list_collections()["CollectionIds"]
    )
    assert recorded.calls == []


def transcript(state: str, **more: Any) -> Answer:
    job = {"TranscriptionJobName": "j", "TranscriptionJobStatus": state, "MediaSampleRateHertz": 8000, **more}
    return vision({"TranscriptionJob": job})


def look_up(client: Any) -> Any:
    return client.get_transcription_job(TranscriptionJobName="j")["TranscriptionJob"]["TranscriptionJobStatus"]


def test_transcribe_is_recorded_when_the_job_is_over() -> None:
    def start(client: Any) -> Any:
        return client.start_transcription_job(
            TranscriptionJobName="j", Media={"MediaFileUri": "s3://sounds/a.wav"}, LanguageCode="en-US"
        )["TranscriptionJob"]["TranscriptionJobStatus"]

    assert both("transcribe", transcript("IN_PROGRESS"), start).calls == []
    assert both("transcribe", transcript("IN_PROGRESS"), look_up).calls == []
    done = both("transcribe", transcript("COMPLETED", SomethingNew=1), look_up).one
    assert (done.provider, done.operation, done.status) == ("aws_transcribe", "GetTranscriptionJob", "ok")
    assert done.request_model == "standard"
    # No answer of the service states the length of the audio: the cost is unknown and never 0.
    assert (done.usage.source, price_event(done).state, price_event(done).usd) == ("unknown", "unpriced", None)


def test_transcribe_failed_job_costs_nothing() -> None:
    call = both("transcribe", transcript("FAILED", FailureReason="No speech"), look_up).one
    assert call.error is not None
    assert (call.status, call.error.type, call.error.message) == ("error", "job_failed", "No speech")
    assert price_event(call).usd in (None, Decimal(0))


def test_transcribe_refused() -> None:
    body = {"__type": "NotFoundException", "Message": "There is no such job"}
    call = both("transcribe", vision(body, 400), look_up).one
    assert call.error is not None
    assert (call.status, call.error.type, call.error.message) == ("error", "NotFoundException", "There is no such job")
