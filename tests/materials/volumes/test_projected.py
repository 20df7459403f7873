"""Projected volumes: several sources in one directory, tokens and trust bundles among them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from tests.support.facts import facts_of, keyed, lookup_of, volume_of
from vk_core.api.meta import LabelSelector
from vk_core.materials.objects import PodFacts
from vk_core.materials.volumes.content import BundleSpec, Content, TokenSpec, bundles_of, tokens_of, volume_content
from vk_core.provider.materials import FilesVolume, VolumeFile

TOKEN = {"serviceAccountToken": {"path": "token"}}
BUNDLE = {"clusterTrustBundle": {"name": "roots", "path": "roots.pem"}}
TOKENS = {TokenSpec("", 3600): "abc"}
BUNDLES = {BundleSpec("roots", "", None): "PEM"}


def projected(*sources: Mapping[str, Any], **fields: Any) -> Any:
    return volume_of(projected={"sources": list(sources), **fields})


def content_of(
    *sources: Mapping[str, Any], facts: PodFacts | None = None, bundles: Mapping[BundleSpec, str | None] = BUNDLES
) -> Content:
    lookup = lookup_of(
        keyed("ConfigMap", "kube-root-ca.crt", {"ca.crt": b"CA"}), keyed("Secret", "s", {"ca.crt": b"from the secret"})
    )
    return volume_content(projected(*sources), facts or facts_of(), lookup, TOKENS, bundles)


def files_of(*sources: Mapping[str, Any], facts: PodFacts | None = None) -> Mapping[str, VolumeFile]:
    content = content_of(*sources, facts=facts)
    assert content.missing == ""
    assert isinstance(content.content, FilesVolume)
    return content.content.files


def test_the_volume_that_the_api_server_adds_has_token_certificate_and_namespace() -> None:
    field = {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
    certificate = {"name": "kube-root-ca.crt", "items": [{"key": "ca.crt", "path": "ca.crt"}]}
    files = files_of(TOKEN, {"configMap": certificate}, {"downwardAPI": {"items": [field]}})
    assert {path: file.data for path, file in files.items()} == {"token": b"abc", "ca.crt": b"CA", "namespace": b"ns"}
    assert {file.mode for file in files.values()} == {0o644}


def test_of_equal_paths_the_last_source_wins() -> None:
    first, second = {"configMap": {"name": "kube-root-ca.crt"}}, {"secret": {"name": "s"}}
    assert files_of(first, second)["ca.crt"].data == b"from the secret"
    assert files_of(second, first)["ca.crt"].data == b"CA"


@pytest.mark.parametrize(
    ("spec", "mode", "user_id"),
    [
        pytest.param({}, 0o644, None, id="nobody knows who runs"),
        pytest.param({"securityContext": {"runAsUser": 1000}}, 0o600, 1000, id="one user"),
        pytest.param({"securityContext": {"runAsUser": 0}}, 0o600, 0, id="root"),
        pytest.param(
            {
                "securityContext": {"runAsUser": 1000},
                "containers": [{"name": "main", "securityContext": {"runAsUser": 0}}],
            },
            0o600,
            0,
            id="a container's own",
        ),
        pytest.param({"securityContext": {"fsGroup": 2000}}, 0o640, None, id="a group"),
        pytest.param({"securityContext": {"runAsUser": 1000, "fsGroup": 2000}}, 0o640, 1000, id="both"),
        pytest.param(
            {"initContainers": [{"name": "i", "securityContext": {"runAsUser": 5}}]}, 0o644, None, id="one is not known"
        ),
        pytest.param(
            {
                "securityContext": {"runAsUser": 1000},
                "initContainers": [{"name": "i", "securityContext": {"runAsUser": 5}}],
            },
            0o644,
            None,
            id="different users",
        ),
    ],
)
def test_tokens_and_trust_bundles_are_for_the_user_of_the_pod_where_it_is_known(
    spec: dict[str, Any], mode: int, user_id: int | None
) -> None:
    facts = facts_of({"containers": [{"name": "main"}], **spec})
    files = files_of(TOKEN, BUNDLE, {"configMap": {"name": "kube-root-ca.crt"}}, facts=facts)
    assert files["token"] == VolumeFile(b"abc", mode, user_id)
    assert files["roots.pem"] == VolumeFile(b"PEM", mode, user_id)
    assert files["ca.crt"].user_id is None
    assert files["ca.crt"].mode == 0o644


def test_tokens_are_told_apart_by_what_is_asked_for_and_the_caller_may_leave_them_out() -> None:
    other = {"serviceAccountToken": {"path": "vault", "audience": "vault", "expirationSeconds": 600}}
    same = {"serviceAccountToken": {"path": "again", "expirationSeconds": 3600}}
    assert tokens_of(projected(TOKEN, other, same)) == (TokenSpec("", 3600), TokenSpec("vault", 600))
    assert tokens_of(volume_of(emptyDir={})) == ()
    files = files_of(TOKEN, other, same)
    assert set(files) == {"token", "again"}


SIGNED = {"clusterTrustBundle": {"signerName": "x.io/ca", "labelSelector": {"matchLabels": {"a": "b"}}, "path": "p"}}
SIGNED_SPEC = BundleSpec("", "x.io/ca", LabelSelector(match_labels={"a": "b"}))


def test_trust_bundles_are_told_apart_by_what_is_asked_for() -> None:
    anything = {"clusterTrustBundle": {"signerName": "x.io/ca", "labelSelector": {}, "path": "q"}}
    neither = {"clusterTrustBundle": {"path": "q"}}
    assert bundles_of(projected(BUNDLE, SIGNED, anything, neither, SIGNED)) == (
        BundleSpec("roots", "", None),
        SIGNED_SPEC,
        BundleSpec("", "x.io/ca", LabelSelector()),
    )
    assert bundles_of(volume_of(emptyDir={})) == ()
    content = content_of(SIGNED, bundles={SIGNED_SPEC: "PEM"}).content
    assert isinstance(content, FilesVolume)
    assert content.files["p"].data == b"PEM"


@pytest.mark.parametrize(
    ("source", "missing"),
    [
        pytest.param(BUNDLE, 'clustertrustbundle "roots" not found', id="by name"),
        pytest.param(
            SIGNED, "combination of signerName and labelSelector matched zero ClusterTrustBundles", id="by signer"
        ),
    ],
)
def test_a_trust_bundle_that_does_not_exist_is_missing_or_empty_if_it_is_optional(
    source: dict[str, Any], missing: str
) -> None:
    nothing: dict[BundleSpec, str | None] = dict.fromkeys(bundles_of(projected(source)))
    assert content_of(source, bundles=nothing).missing == missing
    optional = {"clusterTrustBundle": {**source["clusterTrustBundle"], "optional": True}}
    content = content_of(optional, bundles=nothing).content
    assert isinstance(content, FilesVolume)
    assert [file.data for file in content.files.values()] == [b""]


@pytest.mark.parametrize(
    ("source", "words"),
    [
        pytest.param(
            {"podCertificate": {"signerName": "x.io/ca"}}, "podCertificate projections are not", id="certificate"
        ),
        pytest.param({"clusterTrustBundle": {"path": "q"}}, "requires either name or signerName", id="nameless bundle"),
        pytest.param({}, "of a kind that this node does not know", id="source of the future"),
        pytest.param({"serviceAccountToken": {"path": "../token"}}, "must not contain '..': ../token", id="path"),
        pytest.param({"configMap": {"name": "gone"}}, 'configmap "gone" not found', id="config map"),
        pytest.param({"secret": {"name": "gone"}}, 'secret "gone" not found', id="secret"),
    ],
)
def test_what_cannot_be_projected_is_refused_and_named(source: dict[str, Any], words: str) -> None:
    content = content_of(TOKEN, source)
    assert content.content is None
    assert words in content.missing


def test_optional_sources_are_left_out() -> None:
    gone = ({"configMap": {"name": "gone", "optional": True}}, {"secret": {"name": "gone", "optional": True}})
    assert set(files_of(TOKEN, *gone)) == {"token"}


def test_the_problems_of_all_sources_are_told() -> None:
    content = content_of({"configMap": {"name": "gone"}}, {"secret": {"name": "gone"}})
    assert content.missing == '[configmap "gone" not found, secret "gone" not found]'
    assert [notice.reason for notice in content.notices] == ["MandatoryConfigMapNotFound", "MandatorySecretNotFound"]
