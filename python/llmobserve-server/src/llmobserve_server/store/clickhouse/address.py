"""What a URL of ClickHouse names: a server, a cluster, or the directory of an engine in this process."""

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from llmobserve_server.errors import StoreError
from llmobserve_server.store.protocol import Store, StoreOptions

__all__ = ["Address", "parse_address", "store_at"]

_SCHEMES = ("clickhouse", "chdb")
_KNOWN = frozenset({"cluster", "secure", "verify"})
_TRUE, _FALSE = frozenset({"1", "true", "yes"}), frozenset({"0", "false", "no"})


@dataclass(frozen=True, slots=True)
class Address:
    """Where the tables are."""

    shown: str
    """The URL without its password, for messages."""
    directory: Path | None = None
    """Of chDB; `None` for a server."""
    host: str = ""
    port: int = 0
    username: str = "default"
    password: str = ""
    database: str = "default"
    cluster: str | None = None
    """Name of the cluster in the servers' configuration; `None` for a single server."""
    is_secure: bool = False
    """HTTPS instead of HTTP."""
    verify: bool = True
    """Whether the server's certificate is checked."""


def store_at(url: str, options: StoreOptions) -> Store:
    """The store of a `clickhouse:` or `chdb:` URL, not opened. Raises StoreError: see `parse_address`."""
    address = parse_address(url)
    from llmobserve_server.store.clickhouse.engine import ClickHouseStore

    return ClickHouseStore(address, options)


def parse_address(url: str) -> Address:
    """The address in `clickhouse://user:password@host:8123/database?cluster=…&secure=true` or `chdb:///DIR`.

    Raises StoreError for any other URL.
    """
    parts = urlsplit(url)
    if parts.scheme == "chdb":
        path = unquote(parts.path).removeprefix("/")
        if parts.netloc or not path or parts.query:
            raise StoreError(f"LLMOBSERVE_DB={url} names no directory. Write chdb:////var/lib/llmobserve/chdb")
        return Address(shown=url, directory=Path(path).expanduser())
    if parts.scheme not in _SCHEMES or not parts.hostname:
        raise StoreError("LLMOBSERVE_DB names no server. Write clickhouse://user:password@host:8123/database")
    asked = {name: values[-1] for name, values in parse_qs(parts.query, keep_blank_values=True).items()}
    if unknown := sorted(asked.keys() - _KNOWN):
        raise StoreError(
            f"LLMOBSERVE_DB: a ClickHouse URL has no option {unknown[0]!r}, but {', '.join(sorted(_KNOWN))}"
        )
    is_secure = _flag(asked, "secure", default=False)
    try:
        port = parts.port or (8443 if is_secure else 8123)
    except ValueError as error:
        raise StoreError(f"LLMOBSERVE_DB: {error}") from error
    database = unquote(parts.path).strip("/") or "default"
    username = unquote(parts.username or "") or "default"
    return Address(
        shown=f"clickhouse://{username}@{parts.hostname}:{port}/{database}",
        host=parts.hostname,
        port=port,
        username=username,
        password=unquote(parts.password or ""),
        database=database,
        cluster=asked.get("cluster") or None,
        is_secure=is_secure,
        verify=_flag(asked, "verify", default=True),
    )


def _flag(asked: dict[str, str], name: str, *, default: bool) -> bool:
    value = asked.get(name, "").lower()
    if not value:
        return default
    if value not in _TRUE | _FALSE:
        raise StoreError(f"LLMOBSERVE_DB: {name} is true or false, not {value[:20]!r}")
    return value in _TRUE
