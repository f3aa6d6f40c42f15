"""Redis vector search, through its own protocol.

Commands: https://redis.io/docs/latest/commands/ (FT.SEARCH, FT.AGGREGATE and FT.HYBRID of the query engine, VADD and
VSIM of vector sets), read 2026-11-21. Redis Cloud bills memory by the hour; searches are counted.
"""

from llmobserve.providers.base import OWN_PROTOCOL, Endpoint, LazyPattern, Provider, Reading
from llmobserve.providers.call_reader import CallReader

__all__ = ["PROVIDER"]


class CommandReader(CallReader):
    """Reads one command."""

    def identify(self, out: Reading) -> None:
        """Databases are one product."""
        out.request_model = "database"
        out.operation = (self.named("command") or "").lower()

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """One search or one vector."""
        out.usage = self.usage({"requests": 1}, "request")


PROVIDER = Provider(
    name="redis",
    endpoints=(
        Endpoint(
            operation="search",
            kind="vector_db",
            methods=(OWN_PROTOCOL,),
            path=LazyPattern(r"/(?P<command>FT\.SEARCH|FT\.AGGREGATE|FT\.HYBRID|VADD|VSIM)"),
            reader=CommandReader,
        ),
    ),
)
