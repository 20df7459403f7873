"""The approval of certificate signing requests, and the signer of kubelets' serving certificates.

Nobody approves but the user, with `kubectl certificate approve`. The other signers of Kubernetes are not here: what is
asked of them stays as it is.
"""

from __future__ import annotations

import asyncio
import base64
import datetime as dt
from collections.abc import Callable
from typing import Any

from vk_core.devcluster.authority import CertificateAuthority
from vk_core.devcluster.registry import Registry, fresh, now
from vk_core.devcluster.resources import CSRS
from vk_core.devcluster.signingrequests import read_request, serving_problem
from vk_core.devcluster.statuses import invalid, wrong
from vk_core.devcluster.store import Change, Key, Object

KUBELET_SERVING = "kubernetes.io/kubelet-serving"
_DECISIONS = {"Approved", "Denied"}


class ServingSigner:
    """Signs what kubelets want to serve with, once it is approved.

    Args:
        registry: where the requests are.
        authority: signs.
    """

    def __init__(self, registry: Registry, authority: CertificateAuthority) -> None:
        self._registry = registry
        self._authority = authority
        self._stop: Callable[[], None] | None = None

    def start(self) -> None:
        """Begins to listen."""
        self._stop = self._registry.store.listen(self._changed, CSRS)

    def stop(self) -> None:
        """Ends listening."""
        if self._stop is not None:
            self._stop()
            self._stop = None

    def _changed(self, change: Change) -> None:
        if change.type != "DELETED" and _is_due(change.new.object):
            asyncio.get_running_loop().call_soon(self._sign, change.key)

    def _sign(self, key: Key) -> None:
        stored = self._registry.store.get(CSRS, key)
        if stored is None or not _is_due(stored.object):
            return
        request, status = stored.object, fresh(stored.object["status"])
        try:
            status["certificate"] = base64.b64encode(self._certificate(request["spec"])).decode()
        except ValueError as error:
            failed = _condition({"type": "Failed", "reason": "SignerValidationFailure", "message": str(error)})
            status["conditions"].append(failed)
        new = {**request, "status": status}
        self._registry.commit(CSRS, key, new, stored, subresource="status", manager="kube-controller-manager")

    def _certificate(self, spec: Object) -> bytes:
        request = read_request(spec["request"])
        problem = serving_problem(request, set(spec["usages"]))
        if problem:
            raise ValueError(problem)
        seconds = spec.get("expirationSeconds")
        validity = dt.timedelta(seconds=seconds) if seconds is not None else None
        return self._authority.sign_serving_request(request, validity)


def decide(new: Object, old: Object) -> Object:
    """Returns the old request with the decisions (`Approved`, `Denied`) of the new one.

    Raises:
        StatusError: 422 if it is approved and denied, or a decision is taken back.
    """
    status = old.get("status", {})
    before = {condition["type"] for condition in status.get("conditions", ())} & _DECISIONS
    wanted = [_condition(condition) for condition in (new.get("status") or {}).get("conditions", ())]
    after = {condition["type"] for condition in wanted} & _DECISIONS
    why = ""
    if after == _DECISIONS:
        why = "Approved and Denied conditions are mutually exclusive"
    elif before - after:
        why = f"removing or changing the {' and '.join(sorted(before))} condition is not allowed"
    if why:
        raise invalid(CSRS, old["metadata"]["name"], [wrong("status.conditions", "", why)])
    return fresh({**old, "status": {**status, "conditions": wanted}})


def _condition(condition: Object) -> dict[str, Any]:
    stamped = {name: value for name, value in condition.items() if value is not None}
    return {"status": "True", "lastUpdateTime": now(), "lastTransitionTime": now(), **stamped}


def _is_due(request: Object) -> bool:
    status = request.get("status", {})
    decided = {condition["type"] for condition in status.get("conditions", ()) if condition.get("status") == "True"}
    return (
        request["spec"]["signerName"] == KUBELET_SERVING
        and "Approved" in decided
        and not decided & {"Denied", "Failed"}
        and not status.get("certificate")
    )
