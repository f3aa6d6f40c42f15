"""Amazon Rekognition: images by operation, stored video by its length.

Groups of operations: https://aws.amazon.com/rekognition/pricing/, read 2026-11-21. Video jobs are recorded when they
are seen complete, which is where the answer states their length.
"""

from llmobserve.providers.aws_target import AwsCallReader, aws_operation, aws_region
from llmobserve.providers.base import Endpoint, LazyPattern, Provider, Reading
from llmobserve.providers.call_reader import as_items, seconds_of, text_or_none
from llmobserve.providers.quantities import as_mapping
from llmobserve.wire import Usage

__all__ = ["PROVIDER"]

_GROUP_1 = frozenset(
    {
        "AssociateFaces",
        "CompareFaces",
        "DisassociateFaces",
        "IndexFaces",
        "SearchFaces",
        "SearchFacesByImage",
        "SearchUsers",
        "SearchUsersByImage",
    }
)
_GROUP_2 = frozenset(
    {
        "DetectFaces",
        "DetectLabels",
        "DetectModerationLabels",
        "DetectProtectiveEquipment",
        "DetectText",
        "RecognizeCelebrities",
    }
)
_VIDEO = frozenset(
    {
        "GetCelebrityRecognition",
        "GetContentModeration",
        "GetFaceDetection",
        "GetFaceSearch",
        "GetLabelDetection",
        "GetPersonTracking",
        "GetSegmentDetection",
        "GetTextDetection",
    }
)


class VisionReader(AwsCallReader):
    """Reads all operations; those that are not billed are no charge."""

    def identify(self, out: Reading) -> None:
        """The operation decides the product."""
        operation = aws_operation(self.request)
        out.operation = operation or None
        if region := aws_region(self.request):
            out.dimensions["region"] = region
        if operation in _GROUP_1:
            out.request_model = "image-group-1"
        elif operation in _GROUP_2:
            out.request_model = "image-group-2"
        elif operation in _VIDEO:
            out.request_model = "video"
            out.kind = "video"
        elif operation == "GetFaceLivenessSessionResults":
            out.request_model = "face-liveness"
        elif operation == "DetectCustomLabels":
            out.request_model = "custom-labels"

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """One image an operation, or the length of a video whose job is over."""
        if out.request_model is None:
            out.pending = True
        elif out.request_model == "video":
            self._describe_job(out)
        elif out.request_model == "face-liveness":
            out.remote_id = text_or_none(self.body.get("SessionId"))
            out.pending = self.body.get("Status") != "SUCCEEDED"
            out.usage = self.usage({"requests": 1}, "response")
        else:
            out.usage = self.usage({"images": 1}, "request")
            features = as_items(self.asked.get("Features"))
            if out.operation == "DetectLabels" and "IMAGE_PROPERTIES" in features:
                out.dimensions["features"] = "properties" if len(features) == 1 else "labels+properties"

    def _describe_job(self, out: Reading) -> None:
        state = self.body.get("JobStatus")
        job = text_or_none(self.body.get("JobId")) or text_or_none(self.asked.get("JobId"))
        out.remote_id = job
        out.pending = job is None or state not in ("SUCCEEDED", "FAILED")
        if state == "FAILED":
            out.usage = Usage(units={"input_seconds": 0}, source="response")
            out.error_type, out.error_message = "job_failed", text_or_none(self.body.get("StatusMessage"))
            return
        video = self.body.get("VideoMetadata")
        described = as_mapping(as_items(video)[0]) if as_items(video) else as_mapping(video)
        seconds = seconds_of(described.get("DurationMillis"), 1000)
        out.usage = self.usage({} if seconds is None else {"input_seconds": seconds}, "response")


PROVIDER = Provider(
    name="aws_rekognition",
    endpoints=(
        Endpoint(operation="Rekognition", kind="image", methods=("POST",), path=LazyPattern(r"/"), reader=VisionReader),
    ),
    request_id_headers=("x-amzn-requestid",),
)
