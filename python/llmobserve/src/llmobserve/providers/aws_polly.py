"""Amazon Polly: speech, billed by character and engine.

The answer states the characters in the header `x-amzn-RequestCharacters`, a task in its own field
(https://docs.aws.amazon.com/polly/latest/dg/API_SynthesizeSpeech.html, read 2026-11-21).
"""

from llmobserve.providers.aws_target import AwsCallReader, aws_region
from llmobserve.providers.base import Endpoint, LazyPattern, Provider, Reading
from llmobserve.providers.call_reader import text_or_none, whole_text
from llmobserve.providers.quantities import as_mapping

__all__ = ["PROVIDER"]


class SpeechReader(AwsCallReader):
    """Reads speech. The characters are known even when the audio was not read."""

    def identify(self, out: Reading) -> None:
        """The engine decides the price."""
        out.request_model = text_or_none(self.asked.get("Engine")) or "standard"
        if region := aws_region(self.request):
            out.dimensions["region"] = region

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """Characters by the answer's header, else of the request, which may hold unbilled SSML tags."""
        text = self.asked.get("Text")
        counted = whole_text(self.headers.get("x-amzn-requestcharacters"))
        if counted is not None:
            out.usage = self.usage({"input_characters": counted}, "header")
        elif isinstance(text, str):
            source = "estimated" if self.asked.get("TextType") == "ssml" else "request"
            out.usage = self.usage({"input_characters": len(text)}, source)
        if self.want_content:
            out.input = text


class TaskReader(SpeechReader):
    """Reads a synthesis task, whose characters are counted when it is ordered."""

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """Characters that the task states."""
        task = as_mapping(self.body.get("SynthesisTask"))
        out.remote_id = text_or_none(task.get("TaskId"))
        counted = self.counters.whole(task, "RequestCharacters")
        if counted is None:
            super().describe(out, ended_early=ended_early)
        else:
            out.usage = self.usage({"input_characters": counted}, "response")


PROVIDER = Provider(
    name="aws_polly",
    endpoints=(
        Endpoint(
            operation="SynthesizeSpeech",
            kind="audio",
            methods=("POST",),
            path=LazyPattern(r"/v1/speech"),
            reader=SpeechReader,
            binary_response=True,
        ),
        Endpoint(
            operation="StartSpeechSynthesisTask",
            kind="audio",
            methods=("POST",),
            path=LazyPattern(r"/v1/synthesisTasks"),
            reader=TaskReader,
        ),
    ),
    request_id_headers=("x-amzn-requestid",),
)
