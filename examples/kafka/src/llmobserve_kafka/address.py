"""Addresses of a topic: `kafka://broker1:9092,broker2:9092/topic?security.protocol=ssl`."""

from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote, urlsplit

__all__ = ["Topic", "topic_of"]


@dataclass(frozen=True)
class Topic:
    """Where batches go."""

    name: str
    config: dict[str, str]
    """For librdkafka: the brokers, and what the query of the address says."""


def topic_of(address: str) -> Topic:
    """The topic of an address; its query has settings of librdkafka. Raises ValueError with what is expected."""
    parts = urlsplit(address)
    name = unquote(parts.path.strip("/"))
    if parts.scheme != "kafka" or not parts.netloc or not name or "/" in name:
        raise ValueError("kafka://BROKER:9092/TOPIC, with settings of librdkafka after a question mark")
    return Topic(name, {"bootstrap.servers": parts.netloc, **dict(parse_qsl(parts.query))})
