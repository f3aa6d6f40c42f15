"""Amazon Bedrock's own shapes: the uniform `converse` and the bodies of model families below `invoke`."""

from llmobserve.providers.bedrock_shape.converse import ConverseReader, converse_usage
from llmobserve.providers.bedrock_shape.invoke import InvokeReader
from llmobserve.providers.bedrock_shape.services import AsyncInvokeReader, GuardrailReader

__all__ = ["AsyncInvokeReader", "ConverseReader", "GuardrailReader", "InvokeReader", "converse_usage"]
