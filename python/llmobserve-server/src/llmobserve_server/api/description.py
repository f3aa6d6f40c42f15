"""The description of the API: what FastAPI makes of the routes, with an example of every answer."""

import json
from importlib import resources
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import JSONResponse

__all__ = ["description_of", "router"]

router = APIRouter(include_in_schema=False)


@router.get("/openapi.json")
async def openapi(request: Request) -> JSONResponse:
    """OpenAPI 3.1 of everything below `/api/v1`."""
    return JSONResponse(description_of(request.app))


def description_of(app: FastAPI) -> dict[str, Any]:
    """The OpenAPI document of an application."""
    document: dict[str, Any] = app.openapi()
    examples = json.loads(resources.files(__package__ or "").joinpath("examples.json").read_text(encoding="utf-8"))
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            answer = _answer(operation)
            example = examples.get(f"{method.upper()} {path}")
            if answer is not None and example is not None:
                answer["example"] = example
    return document


def _answer(operation: dict[str, Any]) -> dict[str, Any] | None:
    """The JSON that a successful answer has."""
    for status, response in operation["responses"].items():
        if status.startswith("2"):
            return response.get("content", {}).get("application/json")
    return None
