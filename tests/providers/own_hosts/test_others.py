"""Providers with a shape of their own: counts at the end of JSON lines, running counts, jobs, token lists."""

from decimal import Decimal
from typing import Any

import pytest
from loopback.exchanges import json_lines, recorded, units
from loopback.rig import observed
from loopback.server import Answer, Loopback, json_answer, sse

OLLAMA = "http://localhost:11434/api/"
LAST = {"model": "llama3.2", "done": True, "done_reason": "stop", "prompt_eval_count": 26, "eval_count": 290}


def test_ollama_whole_and_streamed() -> None:
    asked = {"model": "llama3.2", "messages": [{"role": "user", "content": "Hello"}]}
    whole = recorded(OLLAMA + "chat", request=asked, body={**LAST, "message": {"role": "assistant", "content": "Hi"}})
    lines = json_lines(
        {"model": "llama3.2", "message": {"role": "assistant", "content": "H"}, "done": False},
        {"model": "llama3.2", "message": {"role": "assistant", "content": "i"}, "done": False},
        LAST,
    )
    streamed = recorded(OLLAMA + "chat", request=asked, body=lines, content_type="application/x-ndjson")
    for answer in (whole, streamed):
        assert units(answer) == {"input_text_tokens": 26, "output_text_tokens": 290}
        assert (answer["provider"], answer["cost"]["state"], answer["cost"]["usd"]) == ("ollama", "free", "0")
    assert (whole.get("stream", False), streamed["stream"]) == (False, True)


def test_ollama_embeddings_and_its_openai_shape() -> None:
    body = {"model": "all-minilm", "embeddings": [[0.1, 0.2]], "prompt_eval_count": 8}
    embedded = recorded(OLLAMA + "embed", request={"model": "all-minilm", "input": "Hello"}, body=body)
    assert (units(embedded), embedded["kind"]) == ({"input_text_tokens": 8}, "embedding")
    chat = {"id": "c", "model": "llama3.2", "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}}
    answer = recorded("http://localhost:11434/v1/chat/completions", request={"model": "llama3.2"}, body=chat)
    assert (answer["provider"], units(answer)) == ("ollama", {"input_text_tokens": 3, "output_text_tokens": 4})


def test_ollama_client() -> None:
    ollama = pytest.importorskip("ollama")
    lines = [
        {"model": "llama3.2", "message": {"role": "assistant", "content": "Hi"}, "done": False},
        {**LAST, "message": {"role": "assistant", "content": ""}},
    ]
    answer = Answer(
        headers={"content-type": "application/x-ndjson"}, chunks=tuple(json_lines(one).encode() for one in lines)
    )
    with Loopback(answer) as server, observed(server, "ollama") as calls, ollama.Client(host=server.url) as client:
        parts = list(client.chat("llama3.2", [{"role": "user", "content": "Hello"}], stream=True))
    assert parts[0].message.content == "Hi"
    assert calls.units == {"input_text_tokens": 26, "output_text_tokens": 290}
    assert (calls.one.stream, calls.one.status) == (True, "ok")


@pytest.mark.parametrize(("port", "name"), [(8000, "vllm"), (1234, "lmstudio"), (5002, "local")])
def test_servers_of_ones_own(port: int, name: str) -> None:
    body = {"id": "c", "model": "m", "usage": {"prompt_tokens": 43, "total_tokens": 75, "completion_tokens": 32}}
    answer = recorded(f"http://localhost:{port}/v1/chat/completions", request={"model": "m"}, body=body)
    assert (answer["provider"], units(answer)) == (name, {"input_text_tokens": 43, "output_text_tokens": 32})
    # What answers at an unnamed port may be a gateway to a paid model: its price is not known.
    assert answer["cost"]["state"] == ("unpriced" if name == "local" else "free")


WATSONX = "https://us-south.ml.cloud.ibm.com/ml/v1/text/generation"


def test_watsonx_whole_and_streamed() -> None:
    asked = {"model_id": "ibm/granite-3-8b-instruct", "input": "Hello"}
    result = {"generated_text": "Hi", "generated_token_count": 2, "input_token_count": 7, "stop_reason": "eos_token"}
    whole = recorded(WATSONX + "?version=1", request=asked, body={"model_id": asked["model_id"], "results": [result]})
    assert units(whole) == {"input_text_tokens": 7, "output_text_tokens": 2}
    events = [
        {"results": [{"generated_text": text, "generated_token_count": n, "input_token_count": given}]}
        for n, (text, given) in enumerate([("", 8), ("a", 0), ("b", 0)])
    ]
    events[-1]["results"][0]["stop_reason"] = "eos_token"
    body = b"".join(sse(*events)).decode()
    streamed = recorded(WATSONX + "_stream", request=asked, body=body, content_type="text/event-stream")
    assert units(streamed) == {"input_text_tokens": 8, "output_text_tokens": 2}
    assert (streamed["request_model"], streamed["operation"]) == (asked["model_id"], "text.generation")


def test_watsonx_chat() -> None:
    body = {"id": "c", "model_id": "ibm/granite", "usage": {"prompt_tokens": 4, "completion_tokens": 5}}
    answer = recorded("https://eu-de.ml.cloud.ibm.com/ml/v1/text/chat", request={"model_id": "ibm/granite"}, body=body)
    assert (units(answer), answer["request_model"]) == (
        {"input_text_tokens": 4, "output_text_tokens": 5},
        "ibm/granite",
    )


REPLICATE = "https://api.replicate.com/v1/"
PREDICTION: dict[str, Any] = {"id": "p1", "model": "owner/name", "version": "v", "status": "starting", "urls": {}}


def test_replicate_is_recorded_when_it_is_over() -> None:
    started = recorded(REPLICATE + "predictions", request={"version": "v", "input": {}}, body=PREDICTION, status=201)
    assert started["recorded"] is False
    over = {**PREDICTION, "status": "succeeded", "metrics": {"predict_time": 2.811363}}
    answer = recorded(REPLICATE + "predictions/p1", method="GET", body=over)
    assert (units(answer), answer["revision"]) == ({"compute_seconds": "2.811363"}, 1)
    assert answer["request_model"] == "owner/name"
    waited = recorded(REPLICATE + "models/meta/llama/predictions", request={"input": {}}, body=over, status=201)
    assert (waited["event_id"], waited["request_model"]) == (answer["event_id"], "meta/llama")


def test_replicate_counts_what_official_models_made() -> None:
    metrics = {"predict_time": 1.5, "input_token_count": 11, "output_token_count": 22}
    body = {**PREDICTION, "status": "succeeded", "metrics": metrics}
    assert units(recorded(REPLICATE + "predictions/p1", method="GET", body=body)) == {
        "input_text_tokens": 11,
        "output_text_tokens": 22,
    }


def test_replicate_stream_is_recorded_at_once_and_failure_is_an_error() -> None:
    body = {**PREDICTION, "urls": {"stream": "https://stream.replicate.com/x"}}
    asked = {"input": {}, "stream": True}
    streamed = recorded(REPLICATE + "models/meta/llama/predictions", request=asked, body=body, status=201)
    assert (units(streamed), streamed["cost"]["state"]) == ({}, "unpriced")
    failed = {**PREDICTION, "status": "failed", "error": "out of memory", "metrics": {"predict_time": 1}}
    answer = recorded(REPLICATE + "predictions/p1", method="GET", body=failed)
    assert (answer["status"], answer["error"]["message"]) == ("error", "out of memory")


def test_replicate_client() -> None:
    replicate = pytest.importorskip("replicate")
    over = {**PREDICTION, "status": "succeeded", "metrics": {"predict_time": 2.5}, "output": ["x"], "input": {}}
    with (
        Loopback(json_answer({**PREDICTION, "input": {}}, status=201), json_answer(over)) as server,
        observed(server, "replicate") as calls,
    ):
        client = replicate.Client(api_token="k", base_url=server.url)
        prediction = client.predictions.create(version="v", input={"prompt": "x"})
        prediction.reload()
        client._client.close()
    assert (calls.units, calls.one.operation) == ({"compute_seconds": Decimal("2.5")}, "predictions")


def test_huggingface_endpoint_and_task() -> None:
    url = "https://abc.us-east-1.aws.endpoints.huggingface.cloud/"
    details = {"finish_reason": "eos_token", "generated_tokens": 75, "prefill": []}
    body = [{"generated_text": "x", "details": details}]
    assert units(recorded(url, request={"inputs": "Hello"}, body=body)) == {"output_text_tokens": 75}
    events = [
        {"token": {"text": "a"}, "generated_text": None, "details": None},
        {"token": {"text": "b"}, "generated_text": "ab", "details": {**details, "generated_tokens": 2}},
    ]
    stream = b"".join(sse(*events)).decode()
    answer = recorded(url + "generate_stream", request={"inputs": "x"}, body=stream, content_type="text/event-stream")
    assert (units(answer), answer["stream"]) == ({"output_text_tokens": 2}, True)
    task = "https://router.huggingface.co/hf-inference/models/BAAI/bge-small-en"
    answer = recorded(task, request={"inputs": "x"}, body=[[0.1, 0.2]])
    assert (units(answer), answer["request_model"]) == ({"requests": 1}, "BAAI/bge-small-en")


def test_huggingface_client() -> None:
    hub = pytest.importorskip("huggingface_hub")
    message = {"role": "assistant", "content": "Hi"}
    body = {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "org/model",
        "system_fingerprint": "f",
        "choices": [{"index": 0, "finish_reason": "stop", "message": message}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 6, "total_tokens": 11},
    }
    with Loopback(json_answer(body)) as server, observed(server, "huggingface") as calls:
        with hub.InferenceClient(base_url=f"{server.url}/v1", api_key="k") as client:
            client.chat.completions.create(model="org/model", messages=[{"role": "user", "content": "Hello"}])
        hub.close_session()
    assert calls.units == {"input_text_tokens": 5, "output_text_tokens": 6}


def test_ai21_of_both_ages() -> None:
    new = {"id": "c", "model": "jamba-mini", "usage": {"prompt_tokens": 4, "completion_tokens": 5, "total_tokens": 9}}
    answer = recorded("https://api.ai21.com/studio/v1/chat/completions", request={"model": "jamba-mini"}, body=new)
    assert units(answer) == {"input_text_tokens": 4, "output_text_tokens": 5}
    old = {"prompt": {"tokens": [{}] * 26}, "completions": [{"data": {"tokens": [{}] * 42}}]}
    answer = recorded("https://api.ai21.com/studio/v1/j2-mid/complete", request={"prompt": "x"}, body=old)
    assert (units(answer), answer["request_model"]) == (
        {"input_text_tokens": 26, "output_text_tokens": 42},
        "j2-mid",
    )


def test_aleph_alpha() -> None:
    body = {"model_version": "2022-04", "num_tokens_prompt_total": 9, "num_tokens_generated": 1000, "completions": []}
    answer = recorded("https://api.aleph-alpha.com/complete", request={"model": "luminous-base"}, body=body)
    assert (units(answer), answer["request_model"]) == (
        {"input_text_tokens": 9, "output_text_tokens": 1000},
        "luminous-base",
    )


def test_writer() -> None:
    url = "https://api.writer.com:443/v1/"
    usage = {"prompt_tokens": 40, "total_tokens": 340, "completion_tokens": 300, "prompt_token_details": None}
    chat = recorded(url + "chat", request={"model": "palmyra-x4"}, body={"id": "c", "choices": [], "usage": usage})
    assert (units(chat), chat["operation"]) == ({"input_text_tokens": 40, "output_text_tokens": 300}, "chat")
    body = b"".join(sse({"value": "Hell"}, {"value": "o th"}, {"value": "ere!"})).decode()
    asked = {"model": "palmyra-x4", "prompt": "x" * 20}
    pieces = recorded(url + "completions", request=asked, body=body, content_type="text/event-stream")
    # 20 and 12 bytes, four to a token.
    assert (units(pieces), pieces["usage"]["source"]) == (
        {"input_text_tokens": 5, "output_text_tokens": 3},
        "estimated",
    )
    assert "flags" not in pieces["usage"]
