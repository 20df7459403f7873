"""What the API server refuses comes out as an error that says what to do."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vk_core.api.meta import Status, StatusCause, StatusDetails
from vk_core.kube import errors
from vk_core.kube.errors import ApiError, error_from
from vk_core.kube.request import build
from vk_core.kube.resources import PODS

REQUEST = build("patch", PODS, namespace="default", name="web", subresource="status")


def refused(code: int, status: Status | bytes, retry_after_seconds: float | None = None) -> ApiError:
    body = status if isinstance(status, bytes) else msgspec.json.encode(status)
    return error_from(code, body, what=REQUEST.what, grant=REQUEST.grant, retry_after_seconds=retry_after_seconds)


def test_forbidden_names_verb_resource_and_the_rule_that_grants_it() -> None:
    message = 'pods "web" is forbidden: User "vk" cannot patch resource "pods/status" in API group ""'
    error = refused(403, Status(reason="Forbidden", message=message))
    assert isinstance(error, errors.AccessForbidden)
    assert str(error).startswith("patch pods/status default/web: ")
    assert message in str(error)
    assert str(error).endswith(
        'grant it with the rule {"apiGroups": [""], "resources": ["pods/status"], "verbs": ["patch"]}'
    )


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (401, errors.NotAuthenticated),
        (404, errors.ObjectNotFound),
        (409, errors.ObjectConflict),
        (410, errors.ResourceExpired),
        (422, ApiError),
        (429, errors.TooManyRequests),
        (500, errors.ApiUnavailable),
        (503, errors.ApiUnavailable),
        (520, errors.ApiUnavailable),
    ],
)
def test_each_code_has_its_error(code: int, kind: type[ApiError]) -> None:
    error = refused(code, b"")
    assert type(error) is kind
    assert error.code == code


def test_a_patch_that_meets_another_object_of_the_same_name_is_a_conflict() -> None:
    cause = StatusCause(field="metadata.uid", message="field is immutable")
    error = refused(422, Status(reason="Invalid", details=StatusDetails(causes=(cause,))))
    assert isinstance(error, errors.ObjectConflict)


def test_a_body_that_is_not_from_an_api_server_is_quoted_in_short() -> None:
    error = refused(502, b"<html>Bad Gateway</html>" + b"x" * 10_000)
    assert "<html>Bad Gateway</html>" in str(error)
    assert len(str(error)) < 300


def test_the_time_to_wait_comes_from_the_header_or_else_from_the_body() -> None:
    body = Status(reason="TooManyRequests", details=StatusDetails(retry_after_seconds=7))
    assert refused(429, body).retry_after_seconds == 7.0
    assert refused(429, body, 3.0).retry_after_seconds == 3.0
    assert refused(429, b"").retry_after_seconds is None


@given(
    st.integers(300, 999),
    st.binary() | st.sampled_from([b"[]", b"{}", b'"x"', b'{"message":3}', b'{"details":[]}', b'{"message":"\xff"}']),
)
def test_whatever_the_answer_is_there_is_an_error_for_it(code: int, body: bytes) -> None:
    error = refused(code, body)
    assert str(error).startswith("patch pods/status default/web: ")
