"""What can be refused is refused before the upgrade, in words that kubectl shows."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from multidict import MultiDict

from tests.support.kubelet import ScriptedProvider, backend_of, running_pod
from tests.support.pods import ended, pod_with, running, status_of, waiting
from vk_core.api.pod import Pod
from vk_core.api.podstatus import ContainerStatus
from vk_core.kubelet.refusal import Refusal
from vk_core.kubelet.remotecommand.request import (
    StreamOptions,
    exec_command,
    run_command,
    running_target,
    stream_options,
)

PATH = {"namespace": "default", "pod": "web", "container": "main"}


def query(text: str) -> MultiDict[str]:
    return MultiDict(parse_qsl(text, keep_blank_values=True))


@pytest.mark.parametrize(
    ("text", "options"),
    [
        pytest.param(
            "input=1&output=1&error=1", StreamOptions(stdin=True, stdout=True, stderr=True, tty=False), id="kubelet"
        ),
        pytest.param(
            "stdin=true&stdout=true", StreamOptions(stdin=True, stdout=True, stderr=False, tty=False), id="api-server"
        ),
        pytest.param(
            "output=1&error=1&tty=1",
            StreamOptions(stdin=False, stdout=True, stderr=False, tty=True),
            id="a-terminal-has-no-stderr",
        ),
        pytest.param(
            "output=1&input=0&error=false",
            StreamOptions(stdin=False, stdout=True, stderr=False, tty=False),
            id="not-set",
        ),
    ],
)
def test_streams_are_known_by_both_names(text: str, options: StreamOptions) -> None:
    assert stream_options(query(text)) == options


@pytest.mark.parametrize("text", ["", "input=0", "tty=1", "tty=1&error=1", "output=yes"])
def test_a_request_for_no_stream_is_refused_in_kubelets_words(text: str) -> None:
    with pytest.raises(Refusal, match=r"^you must specify at least 1 of stdin, stdout, stderr$") as refused:
        stream_options(query(text))
    assert refused.value.status == 400


def test_the_command_keeps_its_words_whole_and_in_order() -> None:
    assert exec_command(query("command=sh&tty=1&command=-c&command=echo a  b")) == ("sh", "-c", "echo a  b")


def test_run_splits_its_command_at_blanks() -> None:
    assert run_command(query("cmd=ls  -l /tmp")) == ("ls", "-l", "/tmp")


@pytest.mark.parametrize("parse", [exec_command, run_command])
def test_no_command_is_refused(parse: object) -> None:
    assert callable(parse)
    with pytest.raises(Refusal) as refused:
        parse(query("cmd= &x=1"))
    assert refused.value.status == 400


@given(st.lists(st.tuples(st.sampled_from(["command", "input", "output", "tty", "error", "stdin"]), st.text())))
def test_any_query_is_understood_or_refused(pairs: list[tuple[str, str]]) -> None:
    parsed = MultiDict(pairs)
    try:
        options, command = stream_options(parsed), exec_command(parsed)
    except Refusal as refused:
        assert refused.status == 400
    else:
        assert not (options.tty and options.stderr)
        assert command


def pod_of(status: ContainerStatus | None) -> Pod:
    return replace(pod_with("main", name="web"), status=status_of(*([status] if status else [])))


@pytest.mark.parametrize(
    ("status", "words"),
    [
        pytest.param(
            ended(
                code=3,
            ),
            'container "main" in pod "web" is terminated',
            id="terminated",
        ),
        pytest.param(
            waiting(reason="ImagePullBackOff"),
            'container "main" in pod "web" is waiting to start: ImagePullBackOff',
            id="waiting",
        ),
        pytest.param(None, 'container "main" in pod "web" is waiting to start: ContainerCreating', id="not-seen-yet"),
    ],
)
def test_a_container_that_does_not_run_is_refused_in_kubelets_words(status: ContainerStatus | None, words: str) -> None:
    with pytest.raises(Refusal, match=words) as refused:
        running_target(backend_of(ScriptedProvider(), [pod_of(status)]), PATH)
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("path", "words"),
    [
        pytest.param({**PATH, "pod": "db"}, "^pod does not exist$", id="no-such-pod"),
        pytest.param({**PATH, "uid": "another"}, "^pod does not exist$", id="another-uid"),
        pytest.param({**PATH, "container": "sidecar"}, 'container "sidecar" .* does not exist', id="no-such-container"),
    ],
)
def test_what_does_not_exist_is_404(path: dict[str, str], words: str) -> None:
    with pytest.raises(Refusal, match=words) as refused:
        running_target(backend_of(ScriptedProvider(), [running_pod()]), path)
    assert refused.value.status == 404


def test_a_running_ephemeral_container_is_a_target_of_the_pod_with_its_uid() -> None:
    pod = replace(
        running_pod(),
        spec=replace(running_pod().spec, ephemeral_containers=pod_with("debugger").spec.containers),
        status=replace(status_of(running()), ephemeral_container_statuses=(running("debugger"),)),
    )
    target = running_target(
        backend_of(ScriptedProvider(), [pod]), {**PATH, "container": "debugger", "uid": pod.metadata.uid}
    )
    assert (target.pod.uid, target.container) == (pod.metadata.uid, "debugger")
