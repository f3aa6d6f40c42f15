"""LlamaCloud: parsing, extraction and classification jobs, charged in credits that a finished job states.

Credits are null until billing has recorded them (response types of the client library llama_cloud 2.19.0); jobs of
the first interface state them in their metadata.
"""

from llmobserve.providers.base import Endpoint, LazyPattern, Provider, Reading
from llmobserve.providers.call_reader import CallReader, text_or_none
from llmobserve.providers.quantities import as_mapping
from llmobserve.wire import Quantity

__all__ = ["PROVIDER"]

_FAILED = frozenset({"FAILED", "CANCELLED", "ERROR"})
_DONE = frozenset({"COMPLETED", "SUCCESS", "PARTIAL_SUCCESS"})


class JobReader(CallReader):
    """Reads a job that may be over. It counts once its credits are known."""

    def identify(self, out: Reading) -> None:
        """Every product is billed in credits."""
        out.request_model = self.named("product") or "parse"
        out.operation = out.request_model

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """Credits and pages."""
        job = as_mapping(self.body.get("job")) or self.body
        usage = as_mapping(job.get("usage"))
        metadata = as_mapping(self.body.get("job_metadata"))
        out.remote_id = text_or_none(job.get("id")) or self.named("job")
        credit = self.counters.fraction(usage, "credits")
        if credit is None:
            credit = self.counters.fraction(job, "credits")
        if credit is None:
            credit = self.counters.fraction(metadata, "job_credits_usage")
        pages = self.counters.whole(metadata, "job_pages")
        details: dict[str, Quantity] = {} if pages is None else {"pages": pages}
        if tier := text_or_none(job.get("tier")):
            out.dimensions["tier"] = tier
        state = (text_or_none(job.get("status")) or "").upper()
        # A job that is over without a stated charge is recorded too: its amount is unknown, not zero.
        out.pending = credit is None and state not in _DONE
        out.usage = self.usage({} if credit is None else {"credits": credit}, "response", details=details)
        if state in _FAILED:
            out.error_type = state.lower()
            out.error_message = text_or_none(job.get("error_message"))


PROVIDER = Provider(
    name="llamacloud",
    endpoints=(
        Endpoint(
            operation="job",
            kind="other",
            methods=("GET",),
            path=LazyPattern(r"/api/v2/(?P<product>parse|extract|classify)/(?P<job>[^/]+)"),
            reader=JobReader,
        ),
        Endpoint(
            operation="job",
            kind="other",
            methods=("GET",),
            path=LazyPattern(r"/api/v1/(?:parsing|extraction)/jobs?/(?P<job>[^/]+)(?:/result/[a-z]+|/details)?"),
            reader=JobReader,
        ),
    ),
)
