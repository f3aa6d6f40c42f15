"""Stability AI: images, 3D objects and audio at a flat number of credits a result.

The path names the product; `sd3` has several models, named in the form. A refused result is marked by the header
`finish-reason` (https://platform.stability.ai/docs/api-reference, read 2026-11-21).
"""

from llmobserve.providers.base import Endpoint, LazyPattern, Provider, Reading
from llmobserve.providers.call_reader import CallReader, as_items, text_or_none
from llmobserve.providers.quantities import as_mapping

__all__ = ["PROVIDER"]

_DEFAULT_SD3 = "sd3.5-large"
_MADE = frozenset({"", "SUCCESS"})


class ResultReader(CallReader):
    """Reads one result, made at once or ordered."""

    def identify(self, out: Reading) -> None:
        """The model of the form where the path has several, else the product of the path."""
        product = self.named("product")
        asked = text_or_none(self.asked.get("model"))
        if product == "sd3" or product is None:
            out.request_model = asked or _DEFAULT_SD3
        else:
            out.request_model = f"{self.named('group')}/{product}"
            if asked is not None and asked != product:
                out.dimensions["variant"] = asked
        if self.want_content:
            out.input = {"prompt": self.asked.get("prompt")}

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """One result; a refused one is told apart, since the answer does not say whether it is charged."""
        out.usage = self.usage({"images": 1}, "request")
        out.response_id = text_or_none(self.body.get("id"))
        reason = self.headers.get("finish-reason") or text_or_none(self.body.get("finish_reason")) or ""
        if reason.upper() not in _MADE:
            out.dimensions["finish_reason"] = reason.lower()
            out.error_type = reason.lower()


class AudioReader(ResultReader):
    """Reads audio, which is billed each, whatever its length."""

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """One result."""
        super().describe(out, ended_early=ended_early)
        out.usage = self.usage({"requests": 1}, "request")


class EngineReader(CallReader):
    """Reads the engines of the first interface, whose charge depends on size and steps."""

    def identify(self, out: Reading) -> None:
        """The engine is part of the path."""
        out.request_model = self.named("engine")

    def describe(self, out: Reading, *, ended_early: bool) -> None:
        """Images by count."""
        made = as_items(self.body.get("artifacts"))
        count = sum(as_mapping(item).get("finishReason") != "ERROR" for item in made) if made else 1
        out.usage = self.usage({"images": count}, "response" if made else "request")


PROVIDER = Provider(
    name="stability",
    endpoints=(
        Endpoint(
            operation="stable_image",
            kind="image",
            methods=("POST",),
            path=LazyPattern(r"/v2beta/stable-image/(?P<group>generate|edit|control|upscale)/(?P<product>[a-z0-9.-]+)"),
            reader=ResultReader,
            binary_response=True,
            bulk_keys=(b"image",),
        ),
        Endpoint(
            operation="3d",
            kind="image",
            methods=("POST",),
            path=LazyPattern(r"/v2beta/(?P<group>3d)/(?P<product>[a-z0-9-]+)"),
            reader=ResultReader,
            binary_response=True,
        ),
        Endpoint(
            operation="audio",
            kind="audio",
            methods=("POST",),
            path=LazyPattern(r"/v2beta/(?P<group>audio)/[a-z0-9.-]+/(?P<product>[a-z-]+)"),
            reader=AudioReader,
            binary_response=True,
            bulk_keys=(b"audio",),
        ),
        Endpoint(
            operation="generation",
            kind="image",
            methods=("POST",),
            path=LazyPattern(r"/v1/generation/(?P<engine>[^/]+)/(?:text-to-image|image-to-image(?:/.+)?)"),
            reader=EngineReader,
            binary_response=True,
            bulk_keys=(b"base64",),
        ),
    ),
    request_id_headers=("x-request-id",),
)
