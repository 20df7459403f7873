"""What a provider package offers: the object that its entry point in `virtual_kubelet.providers` names."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

import msgspec

from vk_core.provider.events import PodEvents
from vk_core.provider.materials import Materials
from vk_core.provider.protocol import Provider

Settings = TypeVar("Settings", bound=msgspec.Struct)


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderContext(Generic[Settings]):
    """Where a provider lives: what it is given when it is made.

    Attributes:
        node_name: name of the node object.
        operating_system: `linux` or `windows`.
        internal_ip: address of the node, where pods without one of their own are reported.
        kubelet_port: TCP port of the kubelet API.
        cluster_domain: DNS domain of the cluster, such as `cluster.local`.
        materials: environment, volumes, network files and credentials of pods.
        events: where the provider tells what happens to pods.
        owner: the value of the owner annotation of this node's pods.
        settings: the provider's own settings, read from `--provider-config` and checked.
        log: where the provider's messages go.
    """

    node_name: str
    operating_system: str
    internal_ip: str
    kubelet_port: int
    cluster_domain: str
    owner: str
    materials: Materials
    events: PodEvents
    settings: Settings
    log: logging.Logger


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderPlugin(Generic[Settings]):
    """A provider as its package declares it.

    Attributes:
        api: the `PROVIDER_API` the provider was written for, as a literal number.
        description: one line for `providers list`.
        settings: msgspec struct of the TOML settings; every field with a default makes the file optional.
        create: makes the provider from its context; must not connect anywhere (see `Startable`).
        check: looks at settings as a whole and returns a problem a line, `key: what was expected`.
    """

    api: int
    description: str
    settings: type[Settings]
    create: Callable[[ProviderContext[Settings]], Provider]
    check: Callable[[Settings], list[str]] = lambda _settings: []
