"""As whom a node acts: what it may say about itself depends on that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.cluster import FakeCluster
from vk_core.errors import UsageError
from vk_core.node.restriction import Restriction
from vk_core.runtime.connection import restriction_of
from vk_core.runtime.options import NodeOptions

OPTIONS = NodeOptions(provider="tiny", node_name="virtual")
BOOTSTRAPPED = NodeOptions(provider="tiny", node_name="virtual", bootstrap_kubeconfig=Path("bootstrap"))


def cluster_that_knows(username: str, *groups: str) -> FakeCluster:
    cluster = FakeCluster()
    user: dict[str, Any] = {"username": username, "groups": list(groups)}
    cluster.reviews["selfsubjectreviews"] = lambda _: {"userInfo": user}
    return cluster


@pytest.mark.parametrize(
    ("username", "groups", "restricted"),
    [
        ("system:node:virtual", ("system:nodes", "system:authenticated"), True),
        ("system:node:virtual", ("system:authenticated",), False),
        ("system:serviceaccount:virtual-kubelet:virtual-kubelet", ("system:serviceaccounts",), False),
        ("admin", ("system:masters", "system:nodes"), False),
    ],
)
async def test_a_node_is_restricted_when_the_api_server_takes_it_for_one(
    username: str, groups: tuple[str, ...], restricted: bool
) -> None:
    client = cluster_that_knows(username, *groups).client
    assert isinstance(await restriction_of(client, OPTIONS), Restriction) is restricted


async def test_credentials_of_another_node_are_told_before_they_are_refused() -> None:
    client = cluster_that_knows("system:node:other", "system:nodes").client
    with pytest.raises(UsageError, match="--nodename: expected other, whose credentials these are, got 'virtual'"):
        await restriction_of(client, OPTIONS)


@pytest.mark.parametrize(("options", "restricted"), [(OPTIONS, False), (BOOTSTRAPPED, True)])
async def test_an_api_server_that_cannot_tell_who_we_are_is_not_needed_for_it(
    options: NodeOptions, restricted: bool
) -> None:
    cluster = FakeCluster()
    cluster.fail("create", "selfsubjectreviews", code=404, reason="NotFound")
    assert isinstance(await restriction_of(cluster.client, options), Restriction) is restricted
