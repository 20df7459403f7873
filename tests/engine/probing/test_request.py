"""What probes and hooks ask for, byte by byte as a kubelet does, and where redirects lead."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vk_core.api.container import ContainerPort, HTTPGetAction, HTTPHeader
from vk_core.engine.probing.request import HttpRequest, http_request, redirected, request_target
from vk_core.testing import make_container


def request(path: str = "/", headers: tuple[tuple[str, str], ...] = (), **action: object) -> HttpRequest:
    fields = {"port": 8080, **action}
    given = tuple(HTTPHeader(name=name, value=value) for name, value in headers)
    container = make_container(ports=(ContainerPort(name="web", container_port=81),))
    get = HTTPGetAction(path=path, http_headers=given, **fields)  # type: ignore[arg-type]
    return http_request(get, container, pod_ip="10.0.0.5", purpose="probe")


def sent(request: HttpRequest) -> list[str]:
    head = request.encode().decode()
    assert head.endswith("\r\n\r\n")
    return head.removesuffix("\r\n\r\n").split("\r\n")


@pytest.mark.parametrize(
    ("path", "target"),
    [
        pytest.param("", "/", id="none"),
        pytest.param("healthz", "/healthz", id="relative"),
        pytest.param("/a?b=c&d#e", "/a?b=c&d", id="query and fragment"),
        pytest.param("/a b/ä", "/a%20b/%C3%A4", id="characters that are not allowed"),
        pytest.param("/a%2Fb/%41", "/a%2Fb/%41", id="escaped by whoever wrote it"),
        pytest.param("/a%zz", "/a%25zz", id="a percent sign that escapes nothing"),
        pytest.param("/[x]!'()*;,=@", "/[x]!'()*;,=@", id="characters that are allowed"),
        pytest.param("//other/x", "/x", id="another host"),
        pytest.param("http://other:1/x?y", "/x?y", id="a whole address"),
        pytest.param("/a\r\nHost: x", "/a%0D%0AHost:%20x", id="a line break"),
        pytest.param("/a?b\nc", "/a%3Fb%0Ac", id="a line break in the query"),
    ],
)
def test_a_path_is_asked_for_as_a_go_client_writes_it(path: str, target: str) -> None:
    assert request_target(path) == target


@given(st.text())
def test_no_path_can_break_out_of_its_line(path: str) -> None:
    target = request_target(path)
    assert target.startswith("/")
    assert not any(character in target for character in "\r\n\0")


def test_a_request_introduces_itself_and_wants_no_more_than_one_answer() -> None:
    assert sent(request()) == [
        "GET / HTTP/1.1",
        "Host: 10.0.0.5:8080",
        "User-Agent: kube-probe/1.36",
        "Accept: */*",
        "Connection: close",
    ]


def test_headers_are_sorted_and_written_as_usual_and_may_come_twice() -> None:
    headers = (("x-token", " secret\t"), ("X-TOKEN", "other"), ("accept", "text/html"), ("Content-Length", "9"))
    assert sent(request(headers=headers))[2:] == [
        "User-Agent: kube-probe/1.36",
        "Accept: text/html",
        "X-Token: secret",
        "X-Token: other",
        "Connection: close",
    ]


def test_headers_can_say_whom_to_ask_and_who_asks_and_be_left_out() -> None:
    headers = (("host", "web.example"), ("User-Agent", "me"), ("Accept", ""))
    assert sent(request(headers=headers))[1:] == ["Host: web.example", "User-Agent: me", "Connection: close"]
    assert "User-Agent" not in "".join(sent(request(headers=(("User-Agent", ""),))))
    assert sent(request(headers=(("Host", "no/such host"),)))[1] == "Host: "


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        pytest.param("X-A", "b\r\nHost: c", 'net/http: invalid header field value for "X-A"', id="value"),
        pytest.param("Host", "b\nc", 'net/http: invalid header field value for "Host"', id="host"),
        pytest.param("a b", "c", 'net/http: invalid header field name "a b"', id="name"),
    ],
)
def test_headers_that_would_break_the_request_are_not_sent(name: str, value: str, problem: str) -> None:
    assert request(headers=((name, value),)).problem == problem
    assert request(headers=(("X-Fine", "a\tb"),)).problem == ""


@pytest.mark.parametrize(
    ("port", "number"),
    [pytest.param(8080, 8080, id="number"), pytest.param("web", 81, id="name"), pytest.param("82", 82, id="text")],
)
def test_a_port_may_have_a_name(port: int | str, number: int) -> None:
    assert request(port=port).port == number


@pytest.mark.parametrize(
    ("port", "words"),
    [
        pytest.param("db", 'strconv.Atoi: parsing "db": invalid syntax', id="unknown name"),
        pytest.param(0, "invalid port number: 0", id="zero"),
        pytest.param("65536", "invalid port number: 65536", id="too high"),
    ],
)
def test_a_port_that_is_none_is_refused(port: int | str, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        request(port=port)


def test_another_host_and_scheme_may_be_asked() -> None:
    asked = request(host="fd00::1", scheme="HTTPS")
    assert asked.url == "https://[fd00::1]:8080/"
    assert sent(asked)[1] == "Host: [fd00::1]:8080"


@pytest.mark.parametrize(
    ("location", "url"),
    [
        pytest.param("/next?a=b", "http://10.0.0.5:8080/next?a=b", id="path"),
        pytest.param("next", "http://10.0.0.5:8080/dir/next", id="relative"),
        pytest.param("?q", "http://10.0.0.5:8080/dir/file?q", id="query"),
        pytest.param("https://10.0.0.5/x", "https://10.0.0.5:443/x", id="other scheme"),
        pytest.param("//10.0.0.5:9/x", "http://10.0.0.5:9/x", id="other port"),
    ],
)
def test_a_redirect_on_the_same_host_is_followed(location: str, url: str) -> None:
    following = redirected(request("/dir/file"), 302, location)
    assert following is not None
    assert following.url == url
    assert ("Referer", "http://10.0.0.5:8080/dir/file") in following.headers


@pytest.mark.parametrize(
    ("status", "location"),
    [
        pytest.param(302, "http://169.254.169.254/latest", id="other host"),
        pytest.param(302, "", id="no location"),
        pytest.param(302, "mailto:somebody", id="no host"),
        pytest.param(305, "/next", id="no redirect"),
        pytest.param(200, "/next", id="no redirect at all"),
    ],
)
def test_a_container_cannot_make_the_node_ask_somebody_else(status: int, location: str) -> None:
    assert redirected(request(), status, location) is None


@given(st.text())
def test_whatever_a_redirect_says_it_stays_on_the_host(location: str) -> None:
    try:
        following = redirected(request(), 302, location)
    except ValueError as error:
        assert str(error).startswith("Get ")
        return
    assert following is None or (following.host == "10.0.0.5" and following.encode().count(b"\r\n\r\n") == 1)


def test_a_redirect_keeps_the_name_of_the_server_only_if_it_names_none_itself() -> None:
    asked = request(headers=(("Host", "web.example"),))
    relative, absolute = (redirected(asked, 301, location) for location in ("/x", "http://10.0.0.5:8080/x"))
    assert relative is not None
    assert absolute is not None
    assert (relative.host_header, absolute.host_header) == ("web.example", "")


def test_what_was_asked_over_tls_is_not_told_to_a_server_without() -> None:
    following = redirected(request(scheme="HTTPS"), 302, "http://10.0.0.5/x")
    assert following is not None
    assert "Referer" not in dict(following.headers)


@pytest.mark.parametrize(
    ("location", "words"),
    [
        pytest.param("ftp://10.0.0.5/", 'Get "ftp://10.0.0.5/": unsupported protocol scheme "ftp"', id="scheme"),
        pytest.param("http://[::1", "failed to parse Location header", id="no address"),
        pytest.param("http://10.0.0.5:99999/", "failed to parse Location header", id="port"),
    ],
)
def test_a_redirect_that_cannot_be_followed_is_an_error(location: str, words: str) -> None:
    with pytest.raises(ValueError, match=words.replace("[", r"\[")):
        redirected(request(), 302, location)
