"""Amazon Bedrock's own shapes: the uniform `converse` and the bodies of model families below `invoke`."""

from llmobserve.providers.bedrock_shape.converse import ConverseReader, converse_usage
from llmobserve.providers.bedrock_shape.invoke import InvokeReader

__all__ = ["ConverseReader", "InvokeReader", "converse_usage"]
