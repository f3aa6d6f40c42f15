"""What the first bytes of an image say: its format, and its width and height in pixels."""

__all__ = ["area_of", "format_of"]

_MOST_SEGMENTS = 1000
_PNG = b"\x89PNG\r\n\x1a\n"


def format_of(head: bytes) -> str | None:
    """`png`, `jpeg`, `gif`, `webp` or `bmp`; `None` for all else."""
    if head.startswith(_PNG):
        return "png"
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith((b"GIF87a", b"GIF89a")):
        return "gif"
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    # Two letters begin a text as well: the size of the second header is always one of a few (Windows GDI, BITMAPINFO).
    if head[:2] == b"BM" and int.from_bytes(head[14:18], "little") in {12, 40, 52, 56, 64, 108, 124}:
        return "bmp"
    return None


def area_of(head: bytes) -> tuple[int, int] | None:
    """Width and height, both above 0; `None` where the head does not say, or is too short to."""
    area = _stated_area(head)
    return area if area is not None and all(area) else None


def _stated_area(head: bytes) -> tuple[int, int] | None:
    kind = format_of(head)
    if kind == "png" and len(head) >= 24:
        return int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")
    if kind == "gif" and len(head) >= 10:
        return int.from_bytes(head[6:8], "little"), int.from_bytes(head[8:10], "little")
    if kind == "jpeg":
        return _jpeg_area(head)
    if kind == "webp" and len(head) >= 30:
        return _webp_area(head)
    if kind == "bmp" and len(head) >= 26:
        return _bmp_area(head)
    return None


def _jpeg_area(head: bytes) -> tuple[int, int] | None:
    """From the start-of-frame segment (ITU-T T.81, B.2.2)."""
    at = 2
    for _ in range(_MOST_SEGMENTS):
        if at + 9 >= len(head) or head[at] != 0xFF:
            break
        marker = head[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in {0xC4, 0xC8, 0xCC}:
            return int.from_bytes(head[at + 7 : at + 9], "big"), int.from_bytes(head[at + 5 : at + 7], "big")
        at += 2 + int.from_bytes(head[at + 2 : at + 4], "big")
    return None


def _webp_area(head: bytes) -> tuple[int, int] | None:
    """RFC 9649: lossy (`VP8 `), lossless (`VP8L`) and extended (`VP8X`) files."""
    kind = head[12:16]
    if kind == b"VP8X":
        return int.from_bytes(head[24:27], "little") + 1, int.from_bytes(head[27:30], "little") + 1
    if kind == b"VP8L":
        bits = int.from_bytes(head[21:25], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    if kind == b"VP8 ":
        return int.from_bytes(head[26:28], "little") & 0x3FFF, int.from_bytes(head[28:30], "little") & 0x3FFF
    return None


def _bmp_area(head: bytes) -> tuple[int, int]:
    """Sixteen bits a side in the oldest header, 32 since; a height below 0 says that the first row is on top."""
    if head[14] == 12:
        return int.from_bytes(head[18:20], "little"), int.from_bytes(head[20:22], "little")
    width, height = (int.from_bytes(head[at : at + 4], "little", signed=True) for at in (18, 22))
    return width, abs(height)
