"""Tables of the control plane."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, DateTime, Dialect, ForeignKey, Index, String, Text
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from sqlalchemy.types import TypeDecorator

__all__ = [
    "ApiKey",
    "AuditEntry",
    "Base",
    "BrowserSession",
    "Organisation",
    "PriceRule",
    "Project",
    "SignInToken",
    "utc_now",
]


def utc_now() -> datetime:
    """The time now, in UTC and with its zone."""
    return datetime.now(UTC)


class UtcTime(TypeDecorator[datetime]):
    """A time with its zone in Python; without one, in UTC, in the database, where SQLite knows no zones."""

    impl = DateTime(timezone=False)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To the database."""
        return None if value is None else value.astimezone(UTC).replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """From the database."""
        return None if value is None else value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    """Base of the tables."""

    type_annotation_map = {datetime: UtcTime, str: String(255), dict[str, Any]: JSON}  # noqa: RUF012 (read by SQLAlchemy)


class Organisation(Base):
    """Owner of projects."""

    __tablename__ = "organisations"

    id: Mapped[str] = mapped_column(primary_key=True)
    name: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class Project(Base):
    """The unit of tenancy: every event belongs to one."""

    __tablename__ = "projects"

    id: Mapped[str] = mapped_column(primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisations.id"))
    name: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)


class ApiKey(Base):
    """A key of a project; only the SHA-256 of its secret is kept."""

    __tablename__ = "api_keys"

    id: Mapped[str] = mapped_column(primary_key=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"), index=True)
    name: Mapped[str]
    scope: Mapped[str]
    """`ingest`, `read` or `admin`."""
    prefix: Mapped[str]
    secret_hash: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    last_used_at: Mapped[datetime | None]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class SignInToken(Base):
    """A link that signs a browser in once."""

    __tablename__ = "sign_in_tokens"

    token_hash: Mapped[str] = mapped_column(primary_key=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]


class BrowserSession(Base):
    """A signed-in browser; only the SHA-256 of its cookie is kept."""

    __tablename__ = "sessions"

    id: Mapped[str] = mapped_column(primary_key=True)
    token_hash: Mapped[str] = mapped_column(unique=True)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime]
    address: Mapped[str | None]


class PriceRule(Base):
    """What a project pays where that is not what the price book says. Rows are added and ended, never changed."""

    __tablename__ = "price_rules"

    id: Mapped[str] = mapped_column(primary_key=True)
    project_id: Mapped[str] = mapped_column(ForeignKey("projects.id"), index=True)
    kind: Mapped[str]
    """`override`, `discount`, `free` or `mapping`."""
    provider: Mapped[str | None]
    """`None`: any."""
    model: Mapped[str | None]
    """`None`: every model of the provider."""
    to_provider: Mapped[str | None]
    to_model: Mapped[str | None]
    """Of a mapping: model of the price book that the name means."""
    rates: Mapped[list[dict[str, Any]]] = mapped_column(JSON, default=list)
    """Of an override: `unit`, `usd` as a decimal string, and the number of units (`per`) that it buys."""
    dimensions: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    above_input_tokens: Mapped[int | None] = mapped_column(BigInteger)
    percent: Mapped[str | None]
    """Of a discount, as a decimal string."""
    units: Mapped[list[str] | None] = mapped_column(JSON(none_as_null=True))
    """Of a discount; `None`: all."""
    valid_from: Mapped[datetime]
    """The rule holds for calls that start from then on …"""
    valid_to: Mapped[datetime | None]
    """… and before this, as was planned when it was made; `None`: until further notice."""
    stops_at: Mapped[datetime | None]
    """Calls that start from then on are priced without it, because somebody ended it; `None`: nobody did."""
    note: Mapped[str] = mapped_column(Text, default="")
    replaces: Mapped[str | None] = mapped_column(ForeignKey("price_rules.id"))
    """The rule that was ended when this one was made in its place."""
    created_by: Mapped[str]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    ended_by: Mapped[str | None]
    ended_at: Mapped[datetime | None]


class AuditEntry(Base):
    """Who did what to which object; rows are only ever added."""

    __tablename__ = "audit"
    __table_args__ = (Index("ix_audit_at", "at"),)

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    at: Mapped[datetime] = mapped_column(default=utc_now)
    actor: Mapped[str]
    """`session:<id>`, `key:<id>`, or `console` for the person who started the server."""
    action: Mapped[str]
    """As `key.create`."""
    object_id: Mapped[str | None]
    project_id: Mapped[str | None]
    address: Mapped[str | None]
    detail: Mapped[dict[str, Any] | None]
