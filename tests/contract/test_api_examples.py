"""The examples of the API's description are answers that the API can give, and none is missing."""

import json
from typing import Any

import jsonschema
import pytest
from contract.api_examples import EXAMPLES

from llmobserve_server.app import openapi_text

_FILES = {f"/api/v1/export/{table}" for table in ("events", "runs", "scores", "totals")} | {"/api/v1/prices/book"}
"""Whose answer, or request, is a file."""
DOCUMENT: dict[str, Any] = json.loads(openapi_text())
ANSWERED = {
    f"{method.upper()} {path}": content["application/json"]
    for path, methods in DOCUMENT["paths"].items()
    for method, operation in methods.items()
    for status, response in operation["responses"].items()
    if status.startswith("2") and "application/json" in (content := response.get("content", {}))
    if path not in _FILES
}


@pytest.mark.parametrize("operation", sorted(ANSWERED))
def test_has_an_example_that_is_an_answer(operation: str):
    content = ANSWERED[operation]
    schema = {**content["schema"], "components": DOCUMENT["components"]}
    jsonschema.validate(content["example"], schema, jsonschema.Draft202012Validator)


def test_there_is_no_example_of_what_is_not_there():
    there = {f"{method.upper()} {path}" for path, methods in DOCUMENT["paths"].items() for method in methods}
    assert json.loads(EXAMPLES.read_text("utf-8")).keys() <= there
