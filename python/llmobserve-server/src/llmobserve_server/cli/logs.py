"""What the server writes to its log: one line an occurrence, with every key and token masked."""

import logging
import re
import sys

__all__ = ["MaskedFormatter", "mask", "set_up_logs"]

_SECRETS = re.compile(
    r"""(llmo_(?:ingest|read|admin)_)[0-9A-Za-z]+          # our keys
      | (\b[sp]k-)[0-9A-Za-z_-]{8,}                        # keys of providers
      | (\b(?:token|api[_-]?key|key|password|secret)["']?\s*[=:]\s*["']?)[^\s"'&,;]+
      | (\b(?:bearer|basic)\s+)[0-9A-Za-z._~+/=-]+
      | (\bllmobserve_\d+=)[^\s;"']+                       # session cookie
      | (://[^\s/:@]*:)[^\s/@]+(?=@)                       # password in a URL
    """,
    re.VERBOSE | re.IGNORECASE,
)


def mask(text: str) -> str:
    """`text` with keys, tokens, cookies and passwords replaced by `***`."""
    return _SECRETS.sub(lambda found: next(part for part in found.groups() if part is not None) + "***", text)


class MaskedFormatter(logging.Formatter):
    """Masks the finished text, traceback included, and keeps what came from outside on one line."""

    def formatMessage(self, record: logging.LogRecord) -> str:
        """The line without traceback."""
        return super().formatMessage(record).replace("\r", "\\r").replace("\n", "\\n")

    def format(self, record: logging.LogRecord) -> str:
        """The whole entry."""
        return mask(super().format(record))


def set_up_logs(level: str) -> None:
    """Send all logs to standard error through the mask. The access log stays off: it would hold addresses and ids."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(MaskedFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("llmobserve_server").setLevel(level.upper())
    logging.getLogger("uvicorn.access").disabled = True
