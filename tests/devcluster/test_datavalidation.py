"""Config maps and secrets are refused, and kept, in the words and the form of a real API server."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from tests.devcluster.client import CONFIGMAPS, JSON, MERGE, SECRETS, Client

KEY = (
    "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  "
    "or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')"
)
MEBIBYTE = 1024 * 1024
TOO_LONG = f"Too long: may not be more than {MEBIBYTE} bytes"
IMMUTABLE = "Forbidden: field is immutable when `immutable` is set"


def named(**fields: Any) -> JSON:
    return {"metadata": {"name": "x"}, **fields}


def encoded(data: bytes) -> str:
    return base64.b64encode(data).decode()


@pytest.mark.parametrize(
    ("key", "problem"),
    [
        ("a b", KEY),
        ("a/b", KEY),
        ("", KEY),
        ("ä", KEY),
        (".", "must not be '.'"),
        ("..", "must not be '..'"),
        ("..a", "must not start with '..'"),
        ("...", "must not start with '..'"),
        ("a" * 254, "must be no more than 253 characters"),
    ],
)
async def test_a_key_that_cannot_be_a_file_is_refused(client: Client, key: str, problem: str) -> None:
    for path, kind, field in (
        (CONFIGMAPS, "ConfigMap", "data"),
        (CONFIGMAPS, "ConfigMap", "binaryData"),
        (SECRETS, "Secret", "data"),
    ):
        answer = await client.post(path, named(**{field: {key: "dg=="}}))
        assert answer.code == 422
        assert answer.body["message"] == f'{kind} "x" is invalid: {field}[{key}]: Invalid value: "{key}": {problem}'


@pytest.mark.parametrize("key", ["._-A1", ".a..", "a" * 253])
async def test_other_keys_are_fine(client: Client, key: str) -> None:
    assert (await client.post(CONFIGMAPS, named(data={key: "v"}))).code == 201


@pytest.mark.parametrize(
    ("path", "body", "field"),
    [
        (CONFIGMAPS, named(data={"a": "v" * (MEBIBYTE + 1)}), "[]"),
        (CONFIGMAPS, named(data={"a": "ä" * (MEBIBYTE // 2), "b": "v"}), "[]"),
        (CONFIGMAPS, named(binaryData={"a": encoded(b"v" * (MEBIBYTE + 1))}), "[]"),
        (CONFIGMAPS, named(data={"a": "v" * MEBIBYTE}, binaryData={"b": encoded(b"v")}), "[]"),
        (SECRETS, named(data={"a": encoded(b"v" * (MEBIBYTE + 1))}), "data"),
        (SECRETS, named(stringData={"a": "v" * (MEBIBYTE + 1)}), "data"),
    ],
)
async def test_a_mebibyte_is_the_most(client: Client, path: str, body: JSON, field: str) -> None:
    answer = await client.post(path, body)
    assert (answer.code, answer.fields) == (422, [field])
    assert answer.body["message"].endswith(f'"x" is invalid: {field}: {TOO_LONG}')


async def test_a_mebibyte_goes_in_and_three_do_not_even_arrive(client: Client) -> None:
    assert (await client.post(CONFIGMAPS, named(data={"a": "v" * MEBIBYTE}))).code == 201
    assert (await client.post(SECRETS, named(data={"a": encoded(b"v" * MEBIBYTE)}))).code == 201
    answer = await client.post(CONFIGMAPS, named(data={"a": "v" * 3 * MEBIBYTE}))
    assert (answer.code, answer.body["reason"]) == (413, "RequestEntityTooLarge")
    assert answer.body["message"] == "Request entity too large: limit is 3145728"


async def test_a_key_is_text_or_binary(client: Client) -> None:
    answer = await client.post(CONFIGMAPS, named(data={"a": ""}, binaryData={"a": "dg=="}))
    assert answer.body["message"].endswith('data[a]: Invalid value: "a": duplicate of key present in binaryData')


async def test_base64_is_checked_and_written_in_one_form(client: Client) -> None:
    for path, field, bad, at in (
        (SECRETS, "data", "!", 0),
        (SECRETS, "data", "dg", 0),
        (CONFIGMAPS, "binaryData", "dg==dg?=", 6),
    ):
        answer = await client.post(path, named(**{field: {"a": bad}}))
        assert answer.code == 400
        assert answer.body["message"].endswith(f": illegal base64 data at input byte {at}")
    answer = await client.post(SECRETS, named(data={"a": "dg\n==\n"}))
    assert answer.body["data"] == {"a": "dg=="}


async def test_text_of_a_secret_becomes_data_and_wins(client: Client) -> None:
    answer = await client.post(SECRETS, named(data={"a": "dg==", "c": "dg=="}, stringData={"a": "w", "b": "ä"}))
    assert answer.body["data"] == {"a": "dw==", "b": "w6Q=", "c": "dg=="}
    assert (answer.body["type"], "stringData" in answer.body) == ("Opaque", False)
    patched = await client.patch(f"{SECRETS}/x", {"stringData": {"c": "w"}}, MERGE)
    assert patched.body["data"]["c"] == "dw=="


async def test_what_is_immutable_changes_in_its_metadata_only(client: Client) -> None:
    await client.post(CONFIGMAPS, named(data={"a": "1"}, binaryData={"b": "dg=="}, immutable=True))
    for change, fields in (
        ({"data": {"a": "2"}}, ["data"]),
        ({"binaryData": {"b": "dw=="}}, ["binaryData"]),
        ({"data": None}, ["data"]),
        ({"immutable": None}, ["immutable"]),
        ({"immutable": False, "data": {"a": "2"}, "binaryData": None}, ["immutable", "data", "binaryData"]),
    ):
        answer = await client.patch(f"{CONFIGMAPS}/x", change, MERGE)
        assert (answer.code, answer.fields) == (422, fields)
        assert f"{fields[0]}: {IMMUTABLE}" in answer.body["message"]
    assert (await client.patch(f"{CONFIGMAPS}/x", {"metadata": {"labels": {"a": "b"}}}, MERGE)).code == 200


async def test_an_immutable_secret_takes_the_same_text_again_and_no_other(client: Client) -> None:
    await client.post(SECRETS, named(data={"a": "dg=="}, immutable=True))
    assert (await client.patch(f"{SECRETS}/x", {"stringData": {"a": "v"}}, MERGE)).code == 200
    assert (await client.patch(f"{SECRETS}/x", {"stringData": {"a": "w"}}, MERGE)).fields == ["data"]
    assert (await client.patch(f"{SECRETS}/x", {"type": "a/b"}, MERGE)).fields == ["type"]


async def test_anything_can_be_made_immutable(client: Client) -> None:
    await client.post(CONFIGMAPS, named(data={"a": "1"}))
    assert (await client.patch(f"{CONFIGMAPS}/x", {"immutable": True}, MERGE)).code == 200
    assert (await client.patch(f"{CONFIGMAPS}/x", {"data": {"a": "2"}}, MERGE)).code == 422


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("dockerconfigjson", ["data[.dockerconfigjson]"]),
        ("dockercfg", ["data[.dockercfg]"]),
        ("basic-auth", ["data[username]", "data[password]"]),
        ("ssh-auth", ["data[ssh-privatekey]"]),
        ("tls", ["data[tls.crt]", "data[tls.key]"]),
        ("service-account-token", ["metadata.annotations[kubernetes.io/service-account.name]"]),
    ],
)
async def test_a_secret_has_what_its_type_asks_for(client: Client, kind: str, fields: list[str]) -> None:
    answer = await client.post(SECRETS, named(type=f"kubernetes.io/{kind}"))
    assert (answer.code, answer.fields) == (422, fields)


async def test_a_secret_is_not_shown_by_its_refusal(client: Client) -> None:
    body = named(type="kubernetes.io/dockerconfigjson", stringData={".dockerconfigjson": "hunter2"})
    answer = await client.post(SECRETS, body)
    assert (answer.code, answer.fields) == (422, ["data[.dockerconfigjson]"])
    assert "hunter2" not in answer.body["message"]
    body["stringData"][".dockerconfigjson"] = "{}"
    assert (await client.post(SECRETS, body)).code == 201
    basic = {"metadata": {"name": "basic"}, "type": "kubernetes.io/basic-auth", "stringData": {"username": "u"}}
    assert (await client.post(SECRETS, basic)).code == 201
