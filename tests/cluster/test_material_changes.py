"""Objects that are missing, change, go away and come back, while pods of a real control plane refer to them."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from scripts.control_plane.cluster import ControlPlane
from scripts.control_plane.nodeagent import NodeAgent
from tests.cluster.kubectl import Kubectl, Object, until
from tests.cluster.kubeletclient import ask
from tests.cluster.ledger import LedgerFolder
from tests.cluster.materials import (
    EDIT_SECONDS,
    Inside,
    config_map,
    key_ref,
    mounted,
    put,
    reasons,
    seconds_until,
    secret,
    start,
    waiting,
)

if TYPE_CHECKING:
    from tests.cluster.conftest import StartVirtualKubelet


def test_an_edit_is_seen_in_a_running_pod_at_once_and_nobody_ever_reads_half_of_it(either: Kubectl) -> None:
    put(either, config_map("settings", {"a": "0" * 1000, "b": "0" * 1000}))
    start(either, **mounted({"name": "map", "configMap": {"name": "settings"}}))
    inside = Inside(either, "web")
    assert inside.text("/etc/map/a") == "0" * 1000
    for number in "123":
        put(either, config_map("settings", {"a": number * 1000, "b": number * 1000}))
        assert seconds_until(lambda: inside.shows("/etc/map/a", number * 1000)) < EDIT_SECONDS  # noqa: B023
        assert inside.text("/etc/map/b") == number * 1000


def test_a_reader_in_a_loop_never_sees_a_partial_file_or_a_mixture(kubectl: Kubectl) -> None:
    put(kubectl, config_map("settings", {"a": "0" * 100_000}))
    loop = "while :; do tr -d '\\n' < etc/map/a | fold -w1 | sort -u | tr -d '\\n'; wc -c < etc/map/a; done"
    kubectl.start_pod("web", loop, **mounted({"name": "map", "configMap": {"name": "settings"}}))
    for number in range(1, 9):
        put(kubectl, config_map("settings", {"a": str(number) * 100_000}))
        time.sleep(0.2)
    until(lambda: "8100000" in kubectl("logs", "web").split())
    seen = set(kubectl("logs", "web").split())
    assert seen <= {f"{number}100000" for number in range(9)}, seen


@pytest.mark.parametrize("kind", ["configMap", "secret"])
def test_a_mandatory_object_that_is_missing_is_waited_for_and_healed_within_a_second(
    either: Kubectl, kind: str
) -> None:
    wanted = {"env": [{"name": "LEVEL", **key_ref(kind, "settings", "level")}]}
    start(either, phase="Pending", container=wanted)
    until(lambda: waiting(either).get("reason") == "CreateContainerConfigError")
    assert waiting(either)["message"] == f'{kind.lower()} "settings" not found'
    long_kind = {"configMap": "ConfigMap", "secret": "Secret"}[kind]
    until(lambda: f"Mandatory{long_kind}NotFound" in reasons(either))
    (event,) = either.get("events", "--field-selector", f"reason=Mandatory{long_kind}NotFound")["items"]
    assert event["involvedObject"]["fieldPath"] == "spec.containers{main}"
    put(either, config_map("settings") if kind == "configMap" else secret("settings", {}))
    until(lambda: "couldn't find key" in waiting(either).get("message", ""))
    until(lambda: f"Mandatory{long_kind}KeyNotFound" in reasons(either))
    time.sleep(3)  # long enough for a back-off to be longer than a second
    value = config_map("settings", {"level": "x"}) if kind == "configMap" else secret("settings", {"level": b"x"})
    put(either, value)
    began = time.monotonic()
    either.wait_phase("web", "Running")
    assert time.monotonic() - began < 1.0
    assert Inside(either, "web").environment()["LEVEL"] == "x"


def test_a_volume_that_is_missing_is_a_failed_mount_until_it_is_there(either: Kubectl) -> None:
    start(either, phase="Pending", **mounted({"name": "map", "configMap": {"name": "settings"}}))
    until(lambda: "FailedMount" in reasons(either))
    assert waiting(either).get("reason") == "ContainerCreating"
    put(either, config_map("settings", {"level": "info"}))
    either.wait_phase("web", "Running")
    assert Inside(either, "web").text("/etc/map/level") == "info"


def test_a_volume_of_a_kind_that_the_provider_cannot_mount_is_said_and_never_left_out(either: Kubectl) -> None:
    start(either, phase="Pending", **mounted({"name": "data", "nfs": {"server": "nas", "path": "/"}}))
    until(lambda: "FailedMount" in reasons(either))
    event = either.get("events", "--field-selector", "reason=FailedMount")["items"][0]
    assert 'volume "data" is of the kind nfs' in event["message"]


def test_other_containers_run_while_one_waits_for_its_environment(kubectl: Kubectl) -> None:
    late = {
        "name": "late",
        "image": "local",
        "command": ["sleep", "1000"],
        "env": [{"name": "LEVEL", **key_ref("configMap", "settings", "level")}],
    }
    early = {"name": "early", "image": "local", "command": ["sleep", "1000"]}
    body = {"metadata": {"name": "web"}, "spec": {"nodeName": kubectl.node, "containers": [late, early]}}
    kubectl.plane.api.request("POST", f"/api/v1/namespaces/{kubectl.namespace}/pods", body)

    def states() -> dict[str, Object]:
        statuses = kubectl.get("pod", "web")["status"].get("containerStatuses", [])
        return {status["name"]: status["state"] for status in statuses}

    until(lambda: "running" in states().get("early", {}))
    until(lambda: states()["late"].get("waiting", {}).get("reason") == "CreateContainerConfigError")
    put(kubectl, config_map("settings", {"level": "x"}))
    until(lambda: "running" in states()["late"], 3)


def test_what_changes_and_goes_away_shows_in_files_and_the_rest_stays(either: Kubectl) -> None:
    put(either, config_map("settings", {"old": "1", "same": "x"}))
    optional = {"name": "optional", "configMap": {"name": "perhaps", "optional": True}}
    start(either, **mounted({"name": "map", "configMap": {"name": "settings"}}, optional))
    inside = Inside(either, "web")
    put(either, config_map("settings", {"new": "2", "same": "x"}))
    until(lambda: inside.has("/etc/map/new"))
    assert not inside.has("/etc/map/old")
    assert inside.text("/etc/map/same") == "x"
    put(either, config_map("perhaps", {"there": "now"}))
    until(lambda: inside.has("/etc/optional/there"))
    either("delete", "configmap", "perhaps")
    until(lambda: not inside.has("/etc/optional/there"))


def test_a_mandatory_object_that_is_deleted_leaves_its_files_and_a_new_one_is_taken_over(kubectl: Kubectl) -> None:
    put(kubectl, config_map("settings", {"level": "1"}))
    start(kubectl, **mounted({"name": "map", "configMap": {"name": "settings"}}))
    inside = Inside(kubectl, "web")
    kubectl("delete", "configmap", "settings")
    until(lambda: "FailedMount" in reasons(kubectl))
    assert inside.text("/etc/map/level") == "1"
    put(kubectl, config_map("settings", {"level": "2"}))
    assert seconds_until(lambda: inside.shows("/etc/map/level", "2")) < EDIT_SECONDS


def watches(plane: ControlPlane, agent: NodeAgent, resource: str) -> int:
    """How many objects of a kind a node watches by name."""
    status, text = ask(plane, agent.node, "/metrics")
    assert status == 200
    name = f'virtual_kubelet_material_watches{{resource="{resource}"}}'
    return next((int(float(line.split()[-1])) for line in text.splitlines() if line.startswith(name)), 0)


def test_objects_are_watched_once_and_only_while_a_pod_refers_to_them_and_they_can_change(
    control_plane: ControlPlane, namespace: str, virtual_kubelet: StartVirtualKubelet
) -> None:
    agent = virtual_kubelet()
    kubectl = Kubectl(control_plane, namespace, agent.node)
    put(kubectl, config_map("settings", {"level": "1"}), config_map("fixed", {"level": "1"}, immutable=True))
    volumes = mounted(
        {"name": "map", "configMap": {"name": "settings"}}, {"name": "fixed", "configMap": {"name": "fixed"}}
    )
    for name in ("web", "other"):
        start(kubectl, name, **volumes, automountServiceAccountToken=False)
    until(lambda: watches(control_plane, agent, "configmaps") == 1)
    put(kubectl, config_map("settings", {"level": "2"}, immutable=True))
    until(lambda: watches(control_plane, agent, "configmaps") == 0)
    assert Inside(kubectl, "web").text("/etc/map/level") == "2"
    put(kubectl, config_map("later", {"level": "1"}))
    start(
        kubectl, "third", **mounted({"name": "map", "configMap": {"name": "later"}}), automountServiceAccountToken=False
    )
    until(lambda: watches(control_plane, agent, "configmaps") == 1)
    kubectl("delete", "pod", "third")
    until(lambda: watches(control_plane, agent, "configmaps") == 0)


def test_a_change_while_the_api_server_is_away_is_caught_up_with(control_plane: ControlPlane, kubectl: Kubectl) -> None:
    put(kubectl, config_map("settings", {"level": "1"}))
    start(kubectl, **mounted({"name": "map", "configMap": {"name": "settings"}}))
    inside = Inside(kubectl, "web")
    control_plane.kill("kube-apiserver")
    try:
        time.sleep(2)
    finally:
        control_plane.start_part("kube-apiserver")
    put(kubectl, config_map("settings", {"level": "2"}))
    until(lambda: inside.shows("/etc/map/level", "2"), 60)


def test_a_restart_keeps_files_and_goes_on_with_updates_and_no_old_file_comes_back(
    control_plane: ControlPlane, namespace: str, virtual_kubelet: StartVirtualKubelet, tmp_path: Path
) -> None:
    folder = tmp_path / "pods"
    folder.mkdir()
    agent = virtual_kubelet("--provider", "process", config=f'folder = "{folder}"\n')
    kubectl = Kubectl(control_plane, namespace, agent.node)
    put(kubectl, config_map("settings", {"level": "1", "old": "x"}))
    start(kubectl, **mounted({"name": "map", "configMap": {"name": "settings"}}, {"name": "scratch", "emptyDir": {}}))
    inside = Inside(kubectl, "web")
    assert kubectl.run("exec", "web", "--", "sh", "-c", "echo kept > etc/scratch/file").returncode == 0
    agent.kill()
    put(kubectl, config_map("settings", {"level": "2"}))
    agent.start()
    agent.wait_ready()
    until(lambda: inside.shows("/etc/map/level", "2"))
    assert not inside.has("/etc/map/old")
    assert inside.text("/etc/scratch/file") == "kept\n"
    put(kubectl, config_map("settings", {"level": "3"}))
    assert seconds_until(lambda: inside.shows("/etc/map/level", "3")) < EDIT_SECONDS
    uid = kubectl.get("pod", "web")["metadata"]["uid"]
    agent.kill()
    kubectl("delete", "pod", "web", "--force", "--grace-period=0")
    agent.start()
    agent.wait_ready()
    until(lambda: not any(uid in str(path) for path in folder.rglob("*")), 60)


def test_pods_that_outlive_the_process_have_their_files_updated_by_the_next_one(
    control_plane: ControlPlane, namespace: str, virtual_kubelet: StartVirtualKubelet, tmp_path: Path
) -> None:
    ledger = LedgerFolder(tmp_path)
    agent = virtual_kubelet(
        "--provider", "ledger", config=ledger.settings(volumes=True), environment=ledger.environment
    )
    kubectl = Kubectl(control_plane, namespace, agent.node)
    put(kubectl, config_map("settings", {"level": "1", "old": "x"}), secret("login", {"password": b"pw"}))
    volumes = mounted(
        {"name": "map", "configMap": {"name": "settings"}},
        {"name": "sec", "secret": {"secretName": "login"}},
        {"name": "scratch", "emptyDir": {}},
    )
    uid = start(kubectl, **volumes)["metadata"]["uid"]
    folder = ledger.pods_folder / "volumes" / "pods" / uid / "volumes"
    level = folder / "kubernetes.io~configmap" / "map" / "level"
    password = folder / "kubernetes.io~secret" / "sec" / "password"
    kept = folder / "kubernetes.io~empty-dir" / "scratch" / "file"
    kept.write_text("mine")
    was_read = [level.read_text(), password.read_text()]
    agent.kill()
    assert [level.read_text(), password.read_text()] == was_read == ["1", "pw"], "the containers go on with their files"
    put(kubectl, config_map("settings", {"level": "2"}))
    agent.start()
    agent.wait_ready()
    until(lambda: level.read_text() == "2")
    assert not (level.parent / "old").exists()
    assert (kept.read_text(), password.read_text()) == ("mine", "pw")
    put(kubectl, config_map("settings", {"level": "3"}))
    assert seconds_until(lambda: level.read_text() == "3") < EDIT_SECONDS
    assert ledger.started_twice() == []
    kubectl("delete", "pod", "web")
    until(lambda: not folder.exists())
    assert f"pods/{uid}" not in Path("/proc/self/mountinfo").read_text()
