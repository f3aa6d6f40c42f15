"""OTLP by gRPC: the same requests as by HTTP, on a port of their own. Needs the extra `grpc`."""

from llmobserve_server.otlp_grpc.service import OtlpGrpc, grpc_is_installed

__all__ = ["OtlpGrpc", "grpc_is_installed"]
