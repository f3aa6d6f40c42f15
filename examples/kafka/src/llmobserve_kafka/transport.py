"""The SDK's side: each batch becomes one message, and is delivered when the brokers have acknowledged it."""

from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from llmobserve.transport import Reply, TransportError
from llmobserve_kafka.address import topic_of

__all__ = ["KafkaTransport"]

_WAIT_S = 10.0


class KafkaTransport:
    """`observe(backend="kafka://…")`. The sender's thread uses it, and keeps in its spool what was not delivered."""

    gather_s = 1.0
    """How long the sender lets a batch grow."""

    def __init__(self, address: str) -> None:
        """Raises ValueError for an address that cannot be used."""
        self._topic = topic_of(address)
        self._producer: Producer | None = None
        self._of_parent: Producer | None = None

    def post(self, body: bytes) -> Reply:
        """Deliver a batch to all in-sync replicas. Raises TransportError when no broker has acknowledged it in time."""
        outcome: list[KafkaError | None] = []

        def delivered(error: KafkaError | None, _: Any) -> None:
            outcome.append(error)

        try:
            producer = self._producer or self._connect()
            producer.produce(self._topic.name, body, on_delivery=delivered)
            producer.flush(_WAIT_S)
        except KafkaException as error:
            outcome.append(error.args[0])
        except BufferError as error:
            raise TransportError(str(error)) from error
        if not outcome:
            # librdkafka goes on trying: should it still arrive, the collector knows the records by their ids.
            raise TransportError(f"no broker has acknowledged the batch within {_WAIT_S:g} s")
        error = outcome[0]
        if error is None:
            return Reply(200)
        if error.code() == KafkaError.MSG_SIZE_TOO_LARGE:
            # The sender posts it again in halves.
            return Reply(413, {}, str(error).encode())
        raise TransportError(str(error))

    def after_fork(self) -> None:
        """In a forked child: its copy of the producer has no threads, and is neither used nor freed."""
        self._of_parent, self._producer = self._producer, None

    def close(self) -> None:
        """Give up the connections."""
        producer, self._producer = self._producer, None
        if producer is not None:
            producer.flush(_WAIT_S)

    def _connect(self) -> Producer:
        standard = {
            "acks": "all",
            "enable.idempotence": "true",
            "compression.type": "zstd",
            "delivery.timeout.ms": str(int(_WAIT_S * 1000)),
            "linger.ms": "0",
            "message.max.bytes": "2000000",
        }
        self._producer = Producer({**standard, **self._topic.config})
        return self._producer
