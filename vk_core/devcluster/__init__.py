"""A small API server in memory that real kubectl can talk to, with a minimal scheduler: for trying out and for tests.

It is one process, keeps nothing and listens on the loopback only. Who gets in, the one user and the service accounts of
pods, may do everything: there is no RBAC (see `serviceaccounts`). What it serves it serves as a real API server does,
down to the wording of errors; what it does not have (most controllers and admission plug-ins, custom types) is answered
as an API server without them would answer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from vk_core.devcluster.cluster import DevCluster

__all__ = ["DevCluster"]


def __getattr__(name: str) -> Any:
    """Imports the cluster, and aiohttp with it, when it is asked for: the tables are used without."""
    if name == "DevCluster":
        from vk_core.devcluster.cluster import DevCluster

        return DevCluster
    raise AttributeError(name)
