"""Registry credentials of image pull secrets, matched to images as kubelet does."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.facts import facts_of, keyed, lookup_of
from vk_core.materials.objects import KeyedObject, Notice, Ref, Unreadable
from vk_core.materials.pullsecrets import credentials_of, matching, pull_credentials
from vk_core.provider.materials import RegistryCredential

CONFIG_JSON, CONFIG = "kubernetes.io/dockerconfigjson", "kubernetes.io/dockercfg"


def auth(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def secret(content: object, *, name: str = "pull", type: str = CONFIG_JSON) -> KeyedObject:
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    key = ".dockerconfigjson" if type == CONFIG_JSON else ".dockercfg"
    return keyed("Secret", name, {key: data}, type=type)


@pytest.mark.parametrize(
    ("entry", "credential"),
    [
        pytest.param(
            {"username": "u", "password": "p", "email": "x"}, RegistryCredential("r.io", "u", "p"), id="in clear"
        ),
        pytest.param({"auth": auth("u:p:q")}, RegistryCredential("r.io", "u", "p:q"), id="auth"),
        pytest.param(
            {"auth": auth("u:pp").rstrip("=")}, RegistryCredential("r.io", "u", "pp"), id="auth without padding"
        ),
        pytest.param(
            {"auth": auth("u:p"), "username": "x", "password": "y"},
            RegistryCredential("r.io", "u", "p"),
            id="auth wins",
        ),
        pytest.param(
            {"auth": auth("u:"), "identitytoken": "t"}, RegistryCredential("r.io", "u", "", "t"), id="identity token"
        ),
        pytest.param({"password": None}, RegistryCredential("r.io", "", ""), id="nothing"),
        pytest.param(None, RegistryCredential("r.io", "", ""), id="null"),
    ],
)
def test_an_entry_is_read_as_docker_wrote_it(entry: dict[str, Any] | None, credential: RegistryCredential) -> None:
    assert credentials_of(secret({"auths": {"r.io": entry}, "credsStore": "x"})) == (credential,)
    assert credentials_of(secret({"r.io": entry}, type=CONFIG)) == (credential,)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(keyed("Secret", "s", {".dockerconfigjson": b"{}"}, type="Opaque"), id="type"),
        pytest.param(keyed("Secret", "s", {"x": b"{}"}, type=CONFIG_JSON), id="key"),
        pytest.param(keyed("Secret", "s", {".dockercfg": b""}, type=CONFIG), id="empty"),
        pytest.param(keyed("Secret", "s", {".dockerconfigjson": b'{"auths":null}'}, type=CONFIG_JSON), id="null"),
    ],
)
def test_another_secret_holds_no_credentials(other: KeyedObject) -> None:
    assert credentials_of(other) == ()


BROKEN = [
    pytest.param(b'{"auths": "hidden', id="JSON"),
    pytest.param(b'"hidden"', id="no object"),
    pytest.param({"auths": {"r.io": {"password": ["hidden"]}}}, id="type"),
    pytest.param({"auths": {"r.io": {"auth": auth("hidden")}}}, id="no colon"),
    pytest.param({"auths": {"r.io": {"auth": "hidden!"}}}, id="no base64"),
    pytest.param({"auths": {"r.io": {"auth": base64.b64encode(b"hidden:\xff").decode()}}}, id="no text"),
]


@pytest.mark.parametrize("content", BROKEN)
def test_a_broken_secret_is_refused_without_showing_anything_of_it(content: object) -> None:
    with pytest.raises(ValueError) as caught:
        credentials_of(secret(content))
    assert str(caught.value).startswith('secret "pull": ')
    assert "hidden" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_user_in_front_of_the_registry_is_not_shown() -> None:
    (credential,) = credentials_of(secret({"auths": {"https://user:hidden@r.io/v1/": {"password": "hidden"}}}))
    assert "hidden" not in repr(credential)
    assert matching([credential], "r.io/a") == (credential,)


def matched(image: str, *registries: str) -> list[str]:
    return [found.registry for found in matching((RegistryCredential(r, "u", "p") for r in registries), image)]


@pytest.mark.parametrize(
    ("registry", "image", "matches"),
    [
        pytest.param("r.io", "r.io/a/b:1", True, id="host"),
        pytest.param("https://r.io/v2/", "r.io/a", True, id="URL of the API"),
        pytest.param("http://r.io/v1/a", "r.io/a/b@sha256:00", True, id="URL with a path"),
        pytest.param("r.io", "r.io:5000/a", False, id="another port"),
        pytest.param("r.io:5000", "r.io:5000/a:1", True, id="port"),
        pytest.param("r.io", "x.r.io/a", False, id="sub domain"),
        pytest.param("r.io", "r.io.example.com/a", False, id="beginning of another host"),
        pytest.param("r.io/a", "r.io/ab", True, id="prefix of a path, even within a part"),
        pytest.param("r.io/a/b", "r.io/a", False, id="longer path"),
        pytest.param("r.io/a/b:1", "r.io/a/b:1", False, id="a tag is no part of it"),
        pytest.param("*.r.io", "x.r.io/a", True, id="wildcard"),
        pytest.param("*.r.io", "x.y.r.io/a", False, id="wildcard of one label only"),
        pytest.param("*.r.io", "r.io/a", False, id="wildcard for nothing"),
        pytest.param("*.*.io", "x.r.io/a", True, id="wildcards"),
        pytest.param("p*fix*.r.io", "prefix-1.r.io/a", True, id="wildcards within a label"),
        pytest.param("p?efix.r.io", "prefix.r.io/a", False, id="a question mark ends the host of a URL"),
        pytest.param("r[0-9].io", "r7.io/a", True, id="class"),
        pytest.param("r[^0-9].io", "r7.io/a", False, id="negated class"),
        pytest.param("localhost:5000", "localhost:5000/a", True, id="localhost"),
        pytest.param("https://index.docker.io/v1/", "nginx", True, id="Docker Hub"),
        pytest.param("https://index.docker.io/v1/", "user/app:1", True, id="Docker Hub with a user"),
        pytest.param("index.docker.io", "docker.io/library/nginx", True, id="Docker Hub in full"),
        pytest.param("docker.io", "nginx:1", True, id="Docker Hub's own name"),
        pytest.param("docker.io/library", "nginx:1", True, id="Docker Hub's own images"),
        pytest.param("docker.io/user", "nginx", False, id="another user of Docker Hub"),
        pytest.param("https://index.docker.io/v1/", "r.io/nginx", False, id="Docker Hub for others"),
        pytest.param("[", "r.io/a", False, id="no host"),
        pytest.param("", "nginx", False, id="nothing"),
    ],
)
def test_what_a_credential_is_for(registry: str, image: str, matches: bool) -> None:
    assert matched(image, registry) == ([registry] if matches else [])


def test_the_most_specific_credential_comes_first_and_equal_ones_stay_in_order() -> None:
    registries = ["*.io", "r.io", "https://r.io/v1/", "r.io/a/b", "r.io/a"]
    assert matched("r.io/a/b:1", *registries) == ["r.io/a/b", "r.io/a", "r.io", "https://r.io/v1/", "*.io"]


def test_credentials_under_the_old_name_of_docker_hub_count_only_without_others() -> None:
    assert matched("nginx", "https://index.docker.io/v1/", "docker.io") == ["docker.io"]


def test_a_pod_pulls_with_what_its_secrets_hold_and_is_warned_of_the_others() -> None:
    pod = facts_of({"imagePullSecrets": [{"name": name} for name in ("z", "pull", "a", "broken", "pull")]}).pod
    good = secret({"auths": {"r.io": {"auth": auth("u:p")}, "x.io": {"auth": auth("v:q")}}})
    lookup = lookup_of(good, secret(b"{", name="broken"), Unreadable(Ref("Secret", "ns", "a"), "forbidden"))
    assert pull_credentials(pod, lookup, "r.io/a") == (
        (RegistryCredential("r.io", "u", "p"),),
        (
            Notice(
                "FailedToRetrieveImagePullSecret",
                "Unable to retrieve some image pull secrets (a, broken, z); "
                "attempting to pull the image may not succeed.",
            ),
        ),
    )
    assert pull_credentials(facts_of().pod, lookup, "r.io/a") == ((), ())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["auths", "auth", "username", "password", "r.io", "*["]), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(
    st.one_of(st.binary(), JSON.map(lambda value: json.dumps(value).encode())), st.sampled_from([CONFIG, CONFIG_JSON])
)
def test_any_content_is_read_or_refused_and_any_registry_can_be_compared(data: bytes, type: str) -> None:
    try:
        credentials = credentials_of(secret(data, type=type))
    except ValueError as error:
        assert str(error).startswith('secret "pull": ')
    else:
        matching(credentials, "r.io/a")


@given(st.text(max_size=20), st.text(max_size=20))
def test_no_name_of_a_registry_or_image_breaks_the_comparison(registry: str, image: str) -> None:
    assert len(matched(image, registry)) <= 1
