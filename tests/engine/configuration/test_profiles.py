"""Which seccomp and AppArmor profiles containers have."""

from __future__ import annotations

from typing import Any

import pytest

from tests.engine.configuration.making import container_of, host, pod
from vk_core.api.container import AppArmorProfile, SeccompProfile, SecurityContext
from vk_core.api.pod import PodSecurityContext
from vk_core.engine.configuration.errors import ConfigurationError
from vk_core.engine.configuration.refusals import Refusal, refusal
from vk_core.engine.specs import ContainerSecurity, SecurityProfile
from vk_core.testing import make_container

DEFAULT = SecurityProfile(type="RuntimeDefault")
UNCONFINED = SecurityProfile(type="Unconfined")
ANNOTATION = "container.apparmor.security.beta.kubernetes.io/main"


def seccomp(name: str | None, file: str | None = None) -> SeccompProfile | None:
    return None if name is None else SeccompProfile(type=name, localhost_profile=file)


def apparmor(name: str | None, profile: str | None = None) -> AppArmorProfile | None:
    return None if name is None else AppArmorProfile(type=name, localhost_profile=profile)


def security(own: dict[str, Any], shared: dict[str, Any], **fields: Any) -> ContainerSecurity:
    annotations, settings = fields.pop("annotations", None), fields.pop("settings", {})
    made = pod(
        make_container(security_context=SecurityContext(**own)),
        security_context=PodSecurityContext(**shared),
        annotations=annotations,
    )
    return container_of(made, on=host(**settings), **fields).security


@pytest.mark.parametrize(
    ("own", "shared", "default", "expected"),
    [
        pytest.param(None, None, False, UNCONFINED, id="nothing"),
        pytest.param(None, None, True, DEFAULT, id="seccompDefault"),
        pytest.param("Unconfined", None, True, UNCONFINED, id="a-container-out-of-the-default"),
        pytest.param(None, "RuntimeDefault", False, DEFAULT, id="the-pods"),
        pytest.param("Unconfined", "RuntimeDefault", False, UNCONFINED, id="the-containers"),
    ],
)
def test_seccomp_profile(own: str | None, shared: str | None, default: bool, expected: SecurityProfile) -> None:
    made = security(
        {"seccomp_profile": seccomp(own)},
        {"seccomp_profile": seccomp(shared)},
        settings={"seccomp_default": default},
    )

    assert made.seccomp == expected


def test_a_seccomp_profile_of_this_machine_is_below_the_folder_of_profiles() -> None:
    made = security({"seccomp_profile": seccomp("Localhost", "profiles/audit.json")}, {})

    assert made.seccomp == SecurityProfile(type="Localhost", localhost="/var/lib/kubelet/seccomp/profiles/audit.json")


@pytest.mark.parametrize(
    ("file", "why"),
    [
        (None, "localhostProfile must be set"),
        ("", "localhostProfile must be set"),
        ("../../../etc/shadow", "must be a path below"),
        ("/etc/shadow", "must be a path below"),
    ],
)
def test_a_seccomp_profile_from_elsewhere_is_an_error(file: str | None, why: str) -> None:
    with pytest.raises(ConfigurationError, match=why):
        security({"seccomp_profile": seccomp("Localhost", file)}, {})


@pytest.mark.parametrize(
    ("own", "annotation", "shared", "expected"),
    [
        pytest.param(None, None, None, None, id="nothing"),
        pytest.param("Unconfined", None, "RuntimeDefault", UNCONFINED, id="the-containers"),
        pytest.param(None, None, "RuntimeDefault", DEFAULT, id="the-pods"),
        pytest.param(None, "runtime/default", "Unconfined", DEFAULT, id="an-annotation-before-the-pods"),
        pytest.param("Unconfined", "runtime/default", None, UNCONFINED, id="the-containers-before-an-annotation"),
        pytest.param(None, "unconfined", None, UNCONFINED, id="annotated-unconfined"),
        pytest.param(
            None, "localhost/k8s", None, SecurityProfile(type="Localhost", localhost="k8s"), id="annotated-localhost"
        ),
        pytest.param(None, "nonsense", None, None, id="an-annotation-that-means-nothing"),
    ],
)
def test_apparmor_profile(own: str | None, annotation: str | None, shared: str | None, expected: object) -> None:
    made = security(
        {"app_armor_profile": apparmor(own)},
        {"app_armor_profile": apparmor(shared)},
        annotations={ANNOTATION: annotation} if annotation is not None else None,
    )

    assert made.apparmor == expected


@pytest.mark.parametrize(
    ("own", "annotations", "message"),
    [
        pytest.param(apparmor("RuntimeDefault"), {}, "AppArmor is not enabled on the host", id="field"),
        pytest.param(None, {ANNOTATION: "runtime/default"}, "AppArmor is not enabled on the host", id="annotation"),
        pytest.param(apparmor("Unconfined"), {}, "", id="unconfined"),
        pytest.param(None, {ANNOTATION.replace("main", "other"): "runtime/default"}, "", id="of-no-container"),
    ],
)
def test_a_pod_whose_profiles_cannot_be_enforced_is_refused(
    own: AppArmorProfile | None, annotations: dict[str, str], message: str
) -> None:
    made = pod(make_container(security_context=SecurityContext(app_armor_profile=own)), annotations=annotations)

    expected = Refusal("AppArmor", f"Cannot enforce AppArmor: {message}") if message else None
    assert refusal(made, host()) == expected
    assert refusal(made, host(has_apparmor=True)) is None


def test_a_profile_of_this_machine_needs_a_name() -> None:
    made = pod(security_context=PodSecurityContext(app_armor_profile=apparmor("Localhost", " ")))

    assert refusal(made, host(has_apparmor=True)) == Refusal(
        "AppArmor", "Cannot enforce AppArmor: invalid empty AppArmor profile name"
    )
    with pytest.raises(ConfigurationError, match="missing localhost apparmor profile name"):
        container_of(made)
