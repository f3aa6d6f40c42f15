"""A refund of a payment, at any provider that answers with the refund's id."""

from llmobserve.providers.base import Reading
from llmobserve.providers.call_reader import CallReader, text_or_none

__all__ = ["RefundReader"]


class RefundReader(CallReader):
    """Reads a refund, which costs nothing; the fee of the payment is kept."""

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """One refund."""
        out.request_model = "refund"
        out.remote_id = text_or_none(self.body.get("id"))
        out.pending = out.remote_id is None
        out.usage = self.usage({"payments": 1}, "response")
