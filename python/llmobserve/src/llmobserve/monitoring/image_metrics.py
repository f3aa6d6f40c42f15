"""Number, size and format of the images that a function returned. No image is decoded."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from llmobserve.image_header import area_of, format_of
from llmobserve.monitoring.data import Data
from llmobserve.monitoring.media import MediaReader, same, total
from llmobserve.monitoring.result_collector import ResultCollector
from llmobserve.monitoring.results import TooMuch, read

__all__ = ["ImageCollector"]

_HEAD_BYTES = 64
_LONG_HEAD_BYTES = 256 * 1024
"""A JPEG may have its profile and a small picture of itself before its size."""
_CHANNELS = frozenset({1, 3, 4})
"""Grey, colours, colours with transparency."""


class ImageCollector(ResultCollector):
    """`count`, `pixels`, `width`, `height`, `bytes` and `format`.

    `pixels` and `bytes` are sums; `width`, `height` and `format` are left out where the images differ, and every
    figure but `count` where it is not known of one of them. `bytes` is the size of the file, of an array that in
    memory; images of Pillow have none. Arrays are one image (height, width[, channels], or channels first) or a stack
    of such with channels. Nothing where there is no image.
    """

    later = frozenset({bytes, type(None)})  # a `str` may be the path of a file, which may be gone

    @property
    def metric_type(self) -> str:
        """`image`."""
        return "image"

    def measure(self, result: Any) -> Mapping[str, Any]:
        """The figures of all images in the result."""
        reader = _Images()
        try:
            read(result, reader)
        except TooMuch as error:
            return {"not_measured": str(error)}
        return reader.figures()


class _Image(NamedTuple):
    area: tuple[int, int] | None
    """Width and height."""
    size_bytes: int | None
    format: str | None
    number: int = 1
    """Of images that are alike."""


class _Images(MediaReader):
    """Notes what is known of each image."""

    kind = "image"
    formats = {  # noqa: RUF012 (a Mapping, which nobody can change)
        "png": "png",
        "jpg": "jpeg",
        "jpeg": "jpeg",
        "gif": "gif",
        "webp": "webp",
        "bmp": "bmp",
        "tif": "tiff",
        "tiff": "tiff",
        "avif": "avif",
        "heic": "heic",
        "svg": "svg",
        "svg+xml": "svg",
    }

    def __init__(self) -> None:
        self._images: list[_Image] = []

    def found(self, data: Data | None, stated: str | None, media_type: str | None) -> None:
        if data is None:
            self._images.append(_Image(None, None, stated or None))
            return
        head = data.at(0, _HEAD_BYTES)
        kind = format_of(head)
        if kind is None and stated is None:
            return
        area = area_of(head)
        if area is None and kind == "jpeg":
            area = area_of(data.at(0, _LONG_HEAD_BYTES))
        self._images.append(_Image(area, data.size, kind or stated or None))

    def picture(self, image: Any) -> None:
        kind = image.format
        self._images.append(_Image(tuple(image.size), None, kind.lower() if isinstance(kind, str) else None))

    def array(self, array: Any, rate_hz: int | None) -> None:
        shape: tuple[int, ...] = array.shape
        number, one = (shape[0], shape[1:]) if len(shape) == 4 else (1, shape)
        if len(one) == 2 or (len(one) == 3 and one[2] in _CHANNELS):
            area = one[1], one[0]
        elif len(one) == 3 and one[0] in _CHANNELS:
            area = one[2], one[1]
        else:
            return
        if rate_hz is None and number and all(area):
            self._images.append(_Image(area, int(array.nbytes), None, number))

    def figures(self) -> Mapping[str, Any]:
        images = self._images
        if not images:
            return {}
        area = same(image.area for image in images) or (None, None)
        pixels = (image.area and image.area[0] * image.area[1] * image.number for image in images)
        return {
            "count": sum(image.number for image in images),
            "pixels": total(pixels),
            "width": area[0],
            "height": area[1],
            "bytes": total(image.size_bytes for image in images),
            "format": same(image.format for image in images),
        }
