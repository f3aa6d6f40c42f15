"""A gRPC server on 127.0.0.1 that answers any method as told, in bytes, and keeps a ledger of what it received."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import grpc

__all__ = ["GrpcLoopback", "Handler", "ReceivedCall"]

Handler = Callable[[Iterator[bytes], Any], Iterable[bytes]]
"""Gets the messages of the request and the context of the call, and gives those of the answer."""


@dataclass
class ReceivedCall:
    """One call as it arrived; `messages` grows while the handler reads."""

    method: str
    metadata: dict[str, Any]
    messages: list[bytes] = field(default_factory=list)


class GrpcLoopback(grpc.GenericRpcHandler):
    """One handler for all methods; it serves every kind of call, since these look alike on the wire."""

    def __init__(self, handler: Handler) -> None:
        self.handler = handler
        self.calls: list[ReceivedCall] = []
        self._threads = ThreadPoolExecutor(8)
        self._server = grpc.server(self._threads)
        self._server.add_generic_rpc_handlers((self,))
        self.port: int = self._server.add_insecure_port("127.0.0.1:0")

    @property
    def netloc(self) -> str:
        return f"127.0.0.1:{self.port}"

    def service(self, handler_call_details: Any) -> Any:
        call = ReceivedCall(handler_call_details.method, dict(handler_call_details.invocation_metadata))
        self.calls.append(call)

        def behave(requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
            def kept() -> Iterator[bytes]:
                for message in requests:
                    call.messages.append(message)
                    yield message

            yield from self.handler(kept(), context)

        return grpc.stream_stream_rpc_method_handler(behave)

    def __enter__(self) -> "GrpcLoopback":
        self._server.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.stop(None).wait()
        self._threads.shutdown(cancel_futures=True)
