"""Which frameworks are watched for, and where the hooks of each are. Hooks are loaded when their framework appears."""

from llmobserve.capture.libraries import Library
from llmobserve.settings import Settings

__all__ = ["FRAMEWORKS", "wanted"]

FRAMEWORKS: tuple[Library, ...] = ()


def wanted(settings: Settings) -> tuple[Library, ...]:
    """Those that the setting `frameworks` lets be hooked."""
    return tuple(one for one in FRAMEWORKS if one.instrumentor in settings.frameworks)
