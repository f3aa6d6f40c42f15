"""What the API answers beyond the questions about events: itself, projects, keys and errors."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from llmobserve_server.query.answers import Model

__all__ = [
    "ApiKey",
    "ApiKeyCreated",
    "ApiKeyRequest",
    "Meta",
    "Problem",
    "Project",
    "ProjectRename",
    "ProjectRequest",
    "SignInRequest",
    "Text",
    "storable",
]


def storable(text: str) -> str:
    """The text, if every database takes it. Raises ValueError."""
    if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("it has a character that cannot be stored")
    return text


Text = Annotated[str, AfterValidator(storable)]
"""Text that every database takes: no NUL and no half of a surrogate pair."""


class Problem(Model):
    """Body of every error."""

    error: str
    """Stable code, as `bad_filter`."""
    message: str
    """What is wrong and what to do."""
    position: int | None = None
    """For a filter text: offset of the offending character."""
    field: str | None = None


class Project(Model):
    """A project: the unit of tenancy."""

    id: str
    name: str
    event_count: int | None = None


class Meta(Model):
    """What the page needs before anything else."""

    version: str
    store: str
    """`duckdb`, `postgresql`, `clickhouse`, `parquet`."""
    price_book: str
    local_mode: bool
    """True on loopback without accounts."""
    collector_url: str
    """URL to put into `observe(collector_url=…)`."""
    server_time: datetime
    projects: list[Project]
    has_events: bool


class ApiKey(Model):
    """A key of a project, without its secret."""

    id: str
    name: str
    project_id: str
    scope: Literal["ingest", "read", "admin"]
    prefix: str
    """First characters, to recognise it by."""
    created_at: datetime
    last_used_at: datetime | None
    expires_at: datetime | None
    """`None`: it does not expire."""
    revoked_at: datetime | None


class ApiKeyRequest(BaseModel):
    """Wanted key."""

    model_config = ConfigDict(extra="forbid")

    name: Text
    scope: Literal["ingest", "read", "admin"] = "ingest"
    project_id: Text | None = None
    """`None`: that of the request."""
    expires_in_days: Annotated[int, Field(ge=1, le=3650)] | None = None
    """`None`: it does not expire."""


class ApiKeyCreated(Model):
    """A new key; the secret is shown this once."""

    key: ApiKey
    secret: str


class ProjectRequest(BaseModel):
    """Wanted project."""

    model_config = ConfigDict(extra="forbid")

    name: Text
    id: Text | None = None
    """`None`: made from the name."""


class ProjectRename(BaseModel):
    """New name of a project; its id stays."""

    model_config = ConfigDict(extra="forbid")

    name: Text


class SignInRequest(BaseModel):
    """Token of a sign-in link."""

    model_config = ConfigDict(extra="forbid")

    token: Text
