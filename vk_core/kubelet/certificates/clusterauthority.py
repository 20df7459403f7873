"""The certificate authority of the cluster's clients, as the API server publishes it for servers like a kubelet."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from vk_core.api.core import ConfigMap
from vk_core.kube.client import KubeClient
from vk_core.kube.errors import AccessForbidden, ApiError, ApiUnavailable, ObjectNotFound
from vk_core.kube.informer import Informer
from vk_core.kube.resources import CONFIG_MAPS
from vk_core.kubelet.certificates.keypair import parse_authorities
from vk_core.kubelet.certificates.tls import Authorities

NAMESPACE = "kube-system"
NAME = "extension-apiserver-authentication"
KEY = "client-ca-file"
FORBIDDEN_SECONDS = 60.0
"""How long to wait before asking again for what was forbidden or is not there."""
RETRY_SECONDS = 2.0

log = logging.getLogger("virtual_kubelet.kubelet")


class ClusterAuthority:
    """Follows `client-ca-file` of the ConfigMap `kube-system/extension-apiserver-authentication`.

    Args:
        client: the API server.
        use: told about every bundle.
    """

    def __init__(self, client: KubeClient, use: Callable[[Authorities], None]) -> None:
        self._client = client
        self._use = use
        self._pem = ""
        self._complaint = ""

    async def read(self) -> None:
        """Read it once, so that the first request can be judged; trouble is reported and `follow` goes on with it.

        An API server that does not answer is not waited for.
        """
        try:
            self._take(await self._client.get(CONFIG_MAPS, NAME, namespace=NAMESPACE))
        except ApiError as error:
            self._complain(error)

    async def follow(self) -> None:
        """Follow it until cancelled; what is forbidden is tried again now and then, since rights can be granted."""
        while not self._pem:
            await asyncio.sleep(RETRY_SECONDS if self._complaint == "" else FORBIDDEN_SECONDS)
            await self.read()
        informer: Informer[ConfigMap, ConfigMap] = Informer(
            self._client,
            CONFIG_MAPS,
            lambda _, new: self._take(new) if new is not None else None,
            namespace=NAMESPACE,
            field_selector=f"metadata.name={NAME}",
        )
        await informer.run()

    def _take(self, found: ConfigMap) -> None:
        pem = found.data.get(KEY, "")
        if not pem or pem == self._pem:
            return
        try:
            authorities = Authorities(parse_authorities(pem.encode()))
        except ValueError as error:
            log.warning("ConfigMap %s/%s: %s: %s; it stays as it was", NAMESPACE, NAME, KEY, error)
            return
        if self._pem:
            log.info("the cluster has another client CA, new connections use it")
        self._pem = pem
        self._use(authorities)

    def _complain(self, error: ApiError) -> None:
        if isinstance(error, ApiUnavailable):
            return
        without = (
            "client certificates are not accepted without a CA, and the API server shows one for kubectl logs and exec"
        )
        if isinstance(error, AccessForbidden):
            text = f"{error}; or give --client-ca-file: {without}"
        elif isinstance(error, ObjectNotFound):
            text = f"the cluster has no ConfigMap {NAMESPACE}/{NAME}; {without}: give --client-ca-file"
        else:
            text = f"{error}; {without}"
        if text != self._complaint:
            log.log(logging.INFO if isinstance(error, ObjectNotFound) else logging.WARNING, "%s", text)
        self._complaint = text
