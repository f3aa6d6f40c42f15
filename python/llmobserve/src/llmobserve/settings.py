"""Every setting of the SDK: one row with name, environment variable, default and meaning.

An explicit argument wins over the environment, the environment over the default. `python -m llmobserve.settings`
prints the reference page.
"""

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from llmobserve.guard import text_of

__all__ = [
    "FRAMEWORKS",
    "INSTRUMENTORS",
    "ROWS",
    "Redactor",
    "SettingError",
    "SettingRow",
    "Settings",
    "load",
    "reference_page",
]

Durability = Literal["write", "fsync"]
Redactor = Callable[..., Any]
"""Gets a text and its `llmobserve.privacy.Origin`; gives the text to record, `None` to leave it out."""

INSTRUMENTORS = ("azure_speech", "claude_agent_sdk", "mongodb", "pinecone", "redis")
"""Libraries whose bytes no transport in Python moves: their own methods are hooked."""
FRAMEWORKS: tuple[str, ...] = (
    *("ag2", "autogen", "crewai", "dspy", "google_adk", "haystack", "langchain", "llama_index"),
    *("mcp", "openai_agents", "pydantic_ai", "smolagents"),
    *("arq", "celery", "dramatiq", "rq"),
)
"""Agent frameworks and workers whose names become sections."""
COVERED = ("anthropic", "cohere", "elevenlabs", "gemini", "openai", "stripe", "twilio", "voyage")
"""Libraries of which the transports show everything: their names are accepted and change nothing."""


class SettingError(ValueError):
    """A setting has a value that cannot be used. The message says which and what to write instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Settings in effect."""

    collector_url: str
    """Without a slash at the end."""
    backend: str | None = field(repr=False)
    """Address of storage that takes the place of the collector. It may hold a password; a path in it is absolute."""
    api_key: str | None = field(repr=False)
    enabled: bool
    capture_content: bool
    spool_dir: str
    service: str | None
    environment: str | None
    customer_id: str | None
    tenant_id: str | None
    flush_interval_ms: int
    durability: Durability
    use_instrumentors: frozenset[str]
    """Those of `INSTRUMENTORS` that are on."""
    frameworks: frozenset[str]
    """Those of `FRAMEWORKS` that are on."""
    hosts: Mapping[str, str]
    """Host, with its port if it has one → name of the provider whose API it speaks."""
    propagate_to: tuple[str, ...]
    """Hosts, each with its port if it has one, in lower case."""
    thread_context: bool
    redact_patterns: bool = True
    redact_keys: tuple[str, ...] = ()
    """In lower case."""
    redactor: Redactor | str | None = None
    """A name, as `module:function`, stays one until observation begins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingRow:
    """One setting as users see it."""

    name: str
    """Argument of `observe()`."""
    env: str
    type: str
    default: str
    """As shown in the reference."""
    doc: str
    read: Callable[[object], Any]
    """Turns an argument or the text of the variable into the value; raises ValueError with what is expected."""
    fallback: Callable[[], Any]


def _text(value: object) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("a text that is not empty")
    return value.strip()


def _url(value: object) -> str:
    expected = "a URL such as https://llmobserve.example.com or http://127.0.0.1:8000"
    if not isinstance(value, str):
        raise ValueError(expected)
    from urllib.parse import urlsplit  # slow to import, and the default needs no look

    try:
        parts = urlsplit(value.strip())
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        usable = False
        parts = urlsplit("")
    if not usable or parts.query or parts.fragment or "@" in parts.netloc:
        raise ValueError(expected)
    return value.strip().rstrip("/")


def _backend(value: object) -> str:
    expected = 'an address such as "parquet:DIR" or "postgresql://USER:PASSWORD@HOST/DATABASE"'
    if not isinstance(value, str):
        raise ValueError(expected)
    scheme, colon, rest = value.strip().partition(":")
    if not colon or not rest or not scheme.replace("-", "").replace("+", "").isalnum():
        raise ValueError(expected)
    if "//" in rest:
        return value.strip()
    # Absolute, as for `spool_dir`.
    path, mark, query = rest.partition("?")
    return f"{scheme}:{_directory(path)}{mark}{query}"


def _key(value: object) -> str:
    # It travels in a header: a line end inside would be refused there, with the key in the message.
    if not isinstance(value, str) or not value.strip() or not all("!" <= letter <= "~" for letter in value.strip()):
        raise ValueError("the key as it was shown, ASCII letters without blanks")
    return value.strip()


def _flag(value: object) -> bool:
    if isinstance(value, bool):
        return value
    word = str(value).strip().lower()
    if word in {"1", "true", "yes", "on"}:
        return True
    if word in {"0", "false", "no", "off"}:
        return False
    raise ValueError("true or false")


def _enabled(value: object) -> bool:
    # The variable is LLMOBSERVE_DISABLED, the argument is `enabled`: text means the former.
    return value if isinstance(value, bool) else not _flag(value)


def _interval(value: object) -> int:
    expected = "a whole number of milliseconds from 10 to 60000"
    try:
        number = int(str(value))
    except ValueError:
        raise ValueError(expected) from None
    if isinstance(value, bool) or not 10 <= number <= 60_000:
        raise ValueError(expected)
    return number


def _durability(value: object) -> str:
    if value not in {"write", "fsync"}:
        raise ValueError('"write" or "fsync"')
    return str(value)


def _directory(value: object) -> str:
    path = os.fspath(value) if isinstance(value, (str, os.PathLike)) else b""  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    if not isinstance(path, str) or not path.strip():
        raise ValueError("the path of a directory")
    # Absolute, or it would be another one after a change of directory (daemons go to `/`).
    return os.path.abspath(os.path.expanduser(path))  # noqa: PTH100, PTH111 (pathlib is slow to import)


def _hosts(value: object) -> dict[str, str]:
    expected = (
        'host=provider pairs such as {"llm.internal:8080": "openai"} or "llm.internal:8080=openai,other=anthropic"'
    )
    pairs: list[tuple[object, object]] = []
    if isinstance(value, Mapping):
        pairs = list(value.items())  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    elif isinstance(value, str):
        for part in filter(None, (piece.strip() for piece in value.split(","))):
            host, _, provider = part.partition("=")
            pairs.append((host.strip(), provider.strip()))
    else:
        raise ValueError(expected)
    for host, provider in pairs:
        if not (isinstance(host, str) and isinstance(provider, str) and host and provider) or {"/", "@"} & set(host):
            raise ValueError(expected)
    return {str(host).lower(): str(provider) for host, provider in pairs}


def _instrumentors(value: object) -> frozenset[str]:
    return _names(value, INSTRUMENTORS, COVERED)


def _frameworks(value: object) -> frozenset[str]:
    return _names(value, FRAMEWORKS)


def _names(value: object, names: tuple[str, ...], accepted: tuple[str, ...] = ()) -> frozenset[str]:
    """All or none of `names`, or those that are listed; `accepted` may be listed too and mean nothing."""
    known = (*names, *accepted)
    expected = f"true, false or names out of {', '.join(sorted(known))}"
    if isinstance(value, str) and not value.strip():
        raise ValueError(expected)
    listed: list[object] = []
    if isinstance(value, str):
        listed = [name.strip().lower() for name in value.split(",") if name.strip()]
    elif isinstance(value, (list, tuple, set, frozenset)):
        listed = list(value)  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    if isinstance(value, bool) or (isinstance(value, str) and len(listed) == 1 and listed[0] not in known):
        try:
            return frozenset(names if _flag(value) else ())
        except ValueError:
            raise ValueError(expected) from None
    if not listed or not all(name in known for name in listed):
        raise ValueError(expected)
    return frozenset(str(name) for name in listed if name in names)


def _keys(value: object) -> tuple[str, ...]:
    expected = 'names such as ["ssn", "iban"] or "ssn,iban"'
    if isinstance(value, str):
        value = value.split(",")
    if not isinstance(value, Iterable) or isinstance(value, (bytes, Mapping)):
        raise ValueError(expected)
    names: list[str] = []
    for name in value:  # pyright: ignore[reportUnknownVariableType]
        if not isinstance(name, str):
            raise ValueError(expected)
        names.append(name.strip().lower())
    return tuple(sorted(filter(None, names)))


def _places(value: object) -> tuple[str, ...]:
    expected = 'names of hosts such as ["billing.internal:8080"] or "billing.internal:8080,search.internal"'
    try:
        places = _keys(value)
    except ValueError:
        raise ValueError(expected) from None
    for place in places:
        if set("/@*?# ") & set(place):
            raise ValueError(expected)
    return places


def _redactor(value: object) -> Redactor | str:
    expected = 'a function of a text and its origin (no coroutine), or its name as "module:function"'
    if isinstance(value, str):
        module, colon, function = value.strip().partition(":")
        parts = [*module.split("."), *function.split(".")]
        if not colon or not all(part.isidentifier() for part in parts):
            raise ValueError(expected)
        return value.strip()
    from inspect import iscoroutinefunction  # slow to import, and few have a redactor

    if not callable(value) or iscoroutinefunction(value):
        raise ValueError(expected)
    return value


_SERVERLESS = ("AWS_LAMBDA_FUNCTION_NAME", "VERCEL", "K_SERVICE")
"""Set by AWS Lambda, Vercel and Cloud Run (docs.aws.amazon.com/lambda, configuration-envvars; vercel.com/docs,
system-environment-variables; cloud.google.com/run/docs/container-contract): only `/tmp` can be written there."""


def default_spool_dir() -> str:
    """`llmobserve/spool` in the user's cache directory (XDG where set); in `/tmp` where no home can be written."""
    cache = os.environ.get("XDG_CACHE_HOME", "")
    if not cache.startswith("/"):
        serverless = any(os.environ.get(name) for name in _SERVERLESS)
        cache = "/tmp" if serverless else os.path.expanduser("~/.cache")  # noqa: PTH111
    return f"{cache}/llmobserve/spool"


def _row(
    name: str,
    env: str,
    kind: str,
    default: str,
    doc: str,
    read: Callable[[object], Any],
    fallback: Callable[[], Any] = lambda: None,
) -> SettingRow:
    return SettingRow(name=name, env=env, type=kind, default=default, doc=doc, read=read, fallback=fallback)


ROWS: tuple[SettingRow, ...] = (
    _row(
        "collector_url",
        "LLMOBSERVE_COLLECTOR_URL",
        "URL",
        "http://127.0.0.1:8000",
        "Where the collector listens.",
        _url,
        lambda: "http://127.0.0.1:8000",
    ),
    _row(
        "backend",
        "LLMOBSERVE_BACKEND",
        "`parquet:DIR`, `postgresql://…`",
        "none",
        "Storage that records are written to instead of being sent to a collector "
        "([docs/guides/backends.md](../docs/guides/backends.md)).",
        _backend,
    ),
    _row(
        "api_key",
        "LLMOBSERVE_API_KEY",
        "text",
        "none",
        "Key of the project. Not needed for a collector on this machine. Sent to the collector only.",
        _key,
    ),
    _row(
        "enabled",
        "LLMOBSERVE_DISABLED",
        "true or false",
        "true",
        "`enabled=False`, or the variable set to a true value: `observe()` does nothing at all.",
        _enabled,
        lambda: True,
    ),
    _row(
        "capture_content",
        "LLMOBSERVE_CAPTURE_CONTENT",
        "true or false",
        "false",
        "Record prompts and answers too, redacted, and the messages of exceptions that end a section.",
        _flag,
        lambda: False,
    ),
    _row(
        "spool_dir",
        "LLMOBSERVE_SPOOL_DIR",
        "directory",
        "~/.cache/llmobserve/spool",
        "Where records wait until the collector has stored them. Follows XDG_CACHE_HOME. `/tmp/llmobserve/spool` on "
        "AWS Lambda, Vercel and Cloud Run.",
        _directory,
        default_spool_dir,
    ),
    _row("service", "LLMOBSERVE_SERVICE", "text", "none", "Name of the application.", _text),
    _row(
        "environment",
        "LLMOBSERVE_ENVIRONMENT",
        "text",
        "none",
        "Where it runs: `production`, `staging`, …",
        _text,
    ),
    _row(
        "customer_id",
        "LLMOBSERVE_CUSTOMER_ID",
        "text",
        "none",
        "Customer of everything for which the code sets no other.",
        _text,
    ),
    _row(
        "tenant_id",
        "LLMOBSERVE_TENANT_ID",
        "text",
        "none",
        "Tenant of everything for which the code sets no other; kept as metadata `tenant_id`.",
        _text,
    ),
    _row(
        "flush_interval_ms",
        "LLMOBSERVE_FLUSH_INTERVAL_MS",
        "milliseconds, 10 to 60000",
        "500",
        "How long a record waits at most before it is sent.",
        _interval,
        lambda: 500,
    ),
    _row(
        "durability",
        "LLMOBSERVE_DURABILITY",
        "`write` or `fsync`",
        "write",
        "`write`: a recorded call survives the death of the process. `fsync`: also a power cut, at some ms a call.",
        _durability,
        lambda: "write",
    ),
    _row(
        "use_instrumentors",
        "LLMOBSERVE_USE_INSTRUMENTORS",
        "`true`, `false` or names, comma separated",
        "true",
        "Libraries to hook where no transport shows their calls ([docs/capture.md](../docs/capture.md)): "
        + ", ".join(f"`{name}`" for name in INSTRUMENTORS)
        + ". Each only if the application imports it.",
        _instrumentors,
        lambda: frozenset(INSTRUMENTORS),
    ),
    _row(
        "frameworks",
        "LLMOBSERVE_FRAMEWORKS",
        "`true`, `false` or names, comma separated",
        "true",
        "Agent frameworks and workers whose agents, tools and tasks become sections "
        "([docs/guides/frameworks.md](../docs/guides/frameworks.md)): "
        + ", ".join(f"`{name}`" for name in FRAMEWORKS)
        + ". Each only if the application imports it.",
        _frameworks,
        lambda: frozenset(FRAMEWORKS),
    ),
    _row(
        "hosts",
        "LLMOBSERVE_HOSTS",
        "`host[:port]=provider`, comma separated",
        "none",
        "Own hosts that speak a provider's API (vLLM, a company gateway): `hosts={'llm.internal:8080': 'openai'}`.",
        _hosts,
        dict,
    ),
    _row(
        "propagate_to",
        "LLMOBSERVE_PROPAGATE_TO",
        "`host[:port]`, comma separated",
        "none",
        "Own services that continue the trace: `traceparent` and `baggage` (run, session, user, customer, tenant) are "
        "added to requests to exactly these hosts ([docs/guides/propagation.md](../docs/guides/propagation.md)). Never "
        "to providers.",
        _places,
        tuple,
    ),
    _row(
        "thread_context",
        "LLMOBSERVE_THREAD_CONTEXT",
        "true or false",
        "true",
        "Threads and work given to thread pools belong to the run and customer of the code that starts them.",
        _flag,
        lambda: True,
    ),
    _row(
        "redact_patterns",
        "LLMOBSERVE_REDACT_PATTERNS",
        "true or false",
        "true",
        "Search texts for credentials and replace them. `false` leaves that to `redactor`.",
        _flag,
        lambda: True,
    ),
    _row(
        "redact_keys",
        "LLMOBSERVE_REDACT_KEYS",
        "names, comma separated",
        "none",
        "Further names of fields whose values are replaced, beside `password`, `token`, `api_key` and their kind.",
        _keys,
        tuple,
    ),
    _row(
        "redactor",
        "LLMOBSERVE_REDACTOR",
        "`module:function`, or the function",
        "none",
        "Own last word on every text that was said: gets text and origin, gives the text or `None` to leave it out.",
        _redactor,
    ),
)


def load(arguments: Mapping[str, object] | None = None, environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from arguments (absent or `None` = not given), environment and defaults.

    An environment variable that is set but empty counts as not set.

    Raises:
        SettingError: an argument is unknown or a value cannot be used.
    """
    given = arguments or {}
    environ = os.environ if environ is None else environ
    unknown = given.keys() - {row.name for row in ROWS}
    if unknown:
        names = ", ".join(row.name for row in ROWS)
        raise SettingError(f"llmobserve.observe() has no setting {sorted(unknown)[0]!r}. There are: {names}.")
    values: dict[str, Any] = {}
    for row in ROWS:
        argument, text = given.get(row.name), environ.get(row.env, "")
        try:
            if argument is not None:
                values[row.name] = row.read(argument)
            else:
                values[row.name] = row.read(text) if text.strip() else row.fallback()
        except ValueError as error:
            where, value = (row.name, argument) if argument is not None else (row.env, text)
            # Any of them may hold a secret: the key, or a password or key in an address.
            hidden = row.name in {"api_key", "backend", "collector_url", "hosts", "propagate_to"}
            shown = "" if hidden else f" {text_of(value)!r}"
            raise SettingError(f"llmobserve: {where} cannot be{shown}: give {error}.") from None
    return Settings(**values)


def reference_page() -> str:
    """All settings as a Markdown page."""
    lines = [
        "# Settings of the SDK",
        "",
        "Generated from `llmobserve/settings.py`. An argument of `llmobserve.observe()` wins over the environment",
        "variable, the variable over the default.",
        "",
        "| Argument | Environment variable | Value | Default | Meaning |",
        "|---|---|---|---|---|",
    ]
    lines += [f"| `{row.name}` | `{row.env}` | {row.type} | {row.default} | {row.doc} |" for row in ROWS]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.stdout.write(reference_page())
