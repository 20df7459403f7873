"""What the admission plug-in `ServiceAccount` does to new pods: a volume with a token, and the secrets to pull with.

That the account is there is for the registry to find out.
"""

from __future__ import annotations

from itertools import chain
from typing import Any, TypeAlias

from vk_core.devcluster.names import generated_name

Object: TypeAlias = dict[str, Any]

ROOT_CERTIFICATE = "kube-root-ca.crt"
"""The config map of every namespace that says by which certificate the API server is trusted."""

MIRROR_ANNOTATION = "kubernetes.io/config.mirror"
"""Pods that a kubelet has by itself and only shows have no account."""

_MOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount"
_VOLUME_PREFIX = "kube-api-access-"
_TOKEN_SECONDS = 3607
"""As the plug-in asks for; a number that nobody asks for by chance."""
_FILE_MODE = 0o644


def admit_service_account(pod: Object, account: Object) -> None:
    """Gives a pod, in place, what comes with its service account.

    Args:
        pod: a new pod with its defaults.
        account: the service account that it names.
    """
    spec = pod["spec"]
    wanted = spec.get("automountServiceAccountToken", account.get("automountServiceAccountToken", True))
    if wanted:
        _mount_token(spec)
    secrets = account.get("imagePullSecrets")
    if secrets and not spec.get("imagePullSecrets"):
        spec["imagePullSecrets"] = [{"name": secret.get("name", "")} for secret in secrets]


def _mount_token(spec: Object) -> None:
    """Mounts the volume with the token, one that is there already or a new one, wherever nothing else is in place."""
    names = (volume.get("name", "") for volume in spec.get("volumes", ()))
    present = next((name for name in names if name.startswith(_VOLUME_PREFIX)), "")
    name = present or generated_name(_VOLUME_PREFIX)
    is_used = False
    for container in chain(spec.get("initContainers", ()), spec.get("containers", ())):
        mounts = container.setdefault("volumeMounts", [])
        if all(mount.get("mountPath") != _MOUNT_PATH for mount in mounts):
            mounts.append({"name": name, "readOnly": True, "mountPath": _MOUNT_PATH})
            is_used = True
    if is_used and not present:
        spec.setdefault("volumes", []).append({"name": name, "projected": _token_files()})


def _token_files() -> Object:
    namespace = {"path": "namespace", "fieldRef": {"apiVersion": "v1", "fieldPath": "metadata.namespace"}}
    return {
        "sources": [
            {"serviceAccountToken": {"expirationSeconds": _TOKEN_SECONDS, "path": "token"}},
            {"configMap": {"name": ROOT_CERTIFICATE, "items": [{"key": "ca.crt", "path": "ca.crt"}]}},
            {"downwardAPI": {"items": [namespace]}},
        ],
        "defaultMode": _FILE_MODE,
    }
