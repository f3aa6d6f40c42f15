"""The messages of OTLP as protobuf reads them here, made of the published descriptions of `opentelemetry-proto`.

They differ in two ways, which change nothing on the wire: texts may be invalid UTF-8 (protobuf then refuses the whole
message; here the text is bytes, to be repaired), and enumerations are numbers, so that unknown ones are kept.
"""

from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.logs.v1 import logs_pb2
from opentelemetry.proto.metrics.v1 import metrics_pb2
from opentelemetry.proto.resource.v1 import resource_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

__all__ = ["read_log", "read_metric", "read_resource", "read_scope", "read_span"]

_Field = descriptor_pb2.FieldDescriptorProto
# Each file after those that it imports.
_FILES: tuple[Any, ...] = (common_pb2, resource_pb2, trace_pb2, logs_pb2, metrics_pb2)


def _pool() -> descriptor_pool.DescriptorPool:
    pool = descriptor_pool.DescriptorPool()
    for module in _FILES:
        file = descriptor_pb2.FileDescriptorProto.FromString(module.DESCRIPTOR.serialized_pb)
        file.syntax = "proto2"
        for message in file.message_type:
            _loosen(message)
        pool.AddSerializedFile(file.SerializeToString())
    return pool


def _loosen(message: descriptor_pb2.DescriptorProto) -> None:
    invented: set[int] = set()
    for field in message.field:
        if field.type == _Field.TYPE_ENUM:
            field.type = _Field.TYPE_INT32
            field.ClearField("type_name")
        if field.proto3_optional:
            invented.add(field.oneof_index)
            field.ClearField("proto3_optional")
            field.ClearField("oneof_index")
    # Those that stand for `optional` come after all others, so no index of another field changes.
    for index in sorted(invented, reverse=True):
        del message.oneof_decl[index]
    for nested in message.nested_type:
        _loosen(nested)


def _reader(pool: descriptor_pool.DescriptorPool, name: str) -> Any:
    descriptor = pool.FindMessageTypeByName(f"opentelemetry.proto.{name}")
    return message_factory.GetMessageClass(descriptor).FromString


_ours = _pool()
read_span = _reader(_ours, "trace.v1.Span")
"""Message of a span. All readers raise `google.protobuf.message.DecodeError` for bytes that are no message."""
read_log = _reader(_ours, "logs.v1.LogRecord")
read_metric = _reader(_ours, "metrics.v1.Metric")
read_resource = _reader(_ours, "resource.v1.Resource")
read_scope = _reader(_ours, "common.v1.InstrumentationScope")
