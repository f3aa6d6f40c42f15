"""Amazon Transcribe: jobs, billed by the length of their audio, which no answer of the service states.

A job is recorded when it is seen complete. Its length is in the transcript file, which is fetched from storage; until
it is known the usage is unknown and the call unpriced
(https://docs.aws.amazon.com/transcribe/latest/APIReference/API_TranscriptionJob.html, read 2026-11-21).
"""

from llmobserve.providers.aws_target import AwsCallReader, aws_operation, aws_region
from llmobserve.providers.base import Endpoint, LazyPattern, Provider, Reading
from llmobserve.providers.call_reader import text_or_none
from llmobserve.providers.quantities import as_mapping
from llmobserve.wire import Usage

__all__ = ["PROVIDER"]

_JOBS = {
    "GetTranscriptionJob": ("TranscriptionJob", "TranscriptionJob", "standard"),
    "GetMedicalTranscriptionJob": ("MedicalTranscriptionJob", "MedicalTranscriptionJob", "medical"),
    "GetCallAnalyticsJob": ("CallAnalyticsJob", "CallAnalyticsJob", "call-analytics"),
}
"""Operation → key of the job, beginning of its fields, product."""


class JobReader(AwsCallReader):
    """Reads what is asked about jobs; everything else is no charge."""

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """A job that is over. Its audio is not known."""
        operation = aws_operation(self.request)
        key, prefix, product = _JOBS.get(operation, ("", "", ""))
        job = as_mapping(self.body.get(key))
        state = job.get(f"{prefix}Status")
        out.operation = operation or None
        out.remote_id = text_or_none(job.get(f"{prefix}Name"))
        out.pending = out.remote_id is None or state not in ("COMPLETED", "FAILED")
        out.request_model = product or None
        if region := aws_region(self.request):
            out.dimensions["region"] = region
        if state == "FAILED":
            out.usage = Usage(units={"input_seconds": 0}, source="response")
            out.error_type = "job_failed"
            out.error_message = text_or_none(job.get("FailureReason"))


PROVIDER = Provider(
    name="aws_transcribe",
    endpoints=(
        Endpoint(operation="Transcribe", kind="audio", methods=("POST",), path=LazyPattern(r"/"), reader=JobReader),
    ),
    request_id_headers=("x-amzn-requestid",),
)
