"""What the OpenAPI document says is answered, and how the API is described."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from typing import Any, Final

import pytest
from evalstream_service.errors import KEYED
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from tests.unit.api.embedded import client

__all__ = ["client"]

PROBLEM: Final = {"$ref": "#/components/schemas/Problem"}
INVALID: Final = {"$ref": "#/components/schemas/Invalid"}


def _errors(client: TestClient) -> dict[tuple[str, str], dict[str, Any]]:
    """Of each operation the errors that it declares, by status."""
    paths = client.get("/openapi.json").json()["paths"]
    return {
        (method, path): {status: told for status, told in operation["responses"].items() if status >= "4"}
        for path, operations in paths.items()
        for method, operation in operations.items()
    }


def test_every_error_is_declared_with_its_body(client: TestClient) -> None:
    for operation, errors in _errors(client).items():
        for status, told in errors.items():
            schema = told["content"]["application/json"]["schema"]
            assert schema == (INVALID if status == "422" else PROBLEM), (operation, status)


def test_every_model_that_is_named_is_described_and_errors_cost_no_validators(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    named = set(re.findall(r'"#/components/schemas/(\w+)"', json.dumps(document)))
    assert {"Problem", "Invalid", "WrongField"} <= named <= document["components"]["schemas"].keys()
    routes = [route for route in client.app.router.routes if isinstance(route, APIRoute)]  # type: ignore[attr-defined]
    assert len(routes) > 40
    assert not any(route.response_fields for route in routes)


def test_every_operation_that_wants_a_key_declares_what_any_of_them_may_answer(client: TestClient) -> None:
    for (method, path), errors in _errors(client).items():
        if path.startswith("/v1"):
            assert {int(status) for status in errors} >= set(KEYED), (method, path)


@pytest.mark.parametrize(
    ("method", "path", "more"),
    [
        ("post", "/v1/datasets/{dataset}/annotations", {"408", "409", "413", "415", "507"}),
        ("put", "/v1/datasets/{dataset}/ontology", {"409", "413"}),
        ("delete", "/v1/datasets/{dataset}", {"404", "409"}),
        ("get", "/v1/dead-letters/{id}", {"404"}),
        ("get", "/v1/datasets/{dataset}/runs/{run}/summary", {"404", "504"}),
        ("get", "/v1/datasets", {"504"}),
    ],
)
def test_an_operation_declares_what_is_its_own(client: TestClient, method: str, path: str, more: set[str]) -> None:
    assert _errors(client)[method, path].keys() >= more


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PATCH", "/v1/datasets/d/ontology", "GET, PUT"),
        ("GET", "/v1/datasets/d/annotations", "POST"),
        ("PUT", "/v1/dead-letters", "GET, DELETE"),
        ("POST", "/v1/datasets", "GET"),
    ],
)
def test_a_wrong_method_is_told_all_right_ones(client: TestClient, method: str, path: str, allowed: str) -> None:
    answer = client.request(method, path)
    assert (answer.status_code, answer.headers["Allow"]) == (405, allowed)
    assert allowed in answer.json()["detail"]


def test_the_description_loads_nothing_from_elsewhere(client: TestClient) -> None:
    page = client.get("/docs")
    sources = re.findall(r'(?:src|href)="([^"]*)"', page.text)
    assert len(sources) == 3
    for source in sources:
        assert source.startswith("/docs/")
        assert client.get(source).headers["X-Content-Type-Options"] == "nosniff"
    assert client.get("/redoc").status_code == 404  # which would


def test_the_description_runs_its_own_scripts_only(client: TestClient) -> None:
    page = client.get("/docs")
    policy = dict(part.strip().split(" ", 1) for part in page.headers["Content-Security-Policy"].split(";"))
    [inline] = re.findall(r"<script>(.*?)</script>", page.text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
    assert policy["script-src"] == f"'self' 'sha256-{digest}'"
    assert policy["default-src"] == "'self'"
    assert page.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize("since", ["0.5", "1700000000", "2026-01-31"])
def test_a_date_is_no_number(client: TestClient, since: str) -> None:
    answer = client.get("/v1/dead-letters", params={"since": since})
    assert answer.status_code == 422
    assert "such as 2026-01-31T12:00:00Z" in answer.json()["detail"][0]["msg"]
    assert client.get("/v1/dead-letters", params={"since": "2026-01-31T12:00:00Z"}).status_code == 200


def test_an_upload_of_nothing_is_declared(client: TestClient) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert not paths["/v1/datasets/{dataset}/annotations"]["post"]["requestBody"]["required"]


@pytest.mark.parametrize("path", ["/v1/dead-letters/replay", "/v1/reconcile"])
def test_a_body_that_is_no_text_is_answered_as_declared(client: TestClient, path: str) -> None:
    answer = client.post(path, content=b"\t\xff*", headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert "400" in _errors(client)["post", path]


def test_every_operation_with_a_document_declares_what_may_be_wrong_with_it(client: TestClient) -> None:
    """That it is no text, falls silent or is too large."""
    found = [
        (f"{method} {path}", set(operation["responses"]))
        for path, operations in client.get("/openapi.json").json()["paths"].items()
        for method, operation in operations.items()
        if "$ref" in operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    ]
    assert len(found) >= 5
    assert not [name for name, declared in found if not {"400", "408", "413"} <= declared]
