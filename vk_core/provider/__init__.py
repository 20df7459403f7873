"""The provider interface: all that the author of a provider needs to import, beside the types of `vk_core.api`."""

from vk_core.provider.capabilities import (
    Closable,
    ConfiguresNode,
    HasAllocatable,
    HasCapacity,
    HasNodeAddresses,
    HasNodeConditions,
    HasNodeDaemonEndpoints,
    HasOperatingSystem,
    NodeCallback,
    NotifiesNodeStatus,
    NotifiesPods,
    Pingable,
    PodCallback,
    Startable,
)
from vk_core.provider.plugin import ProviderContext, ProviderPlugin
from vk_core.provider.protocol import OWNER_ANNOTATION, PROVIDER_API, Provider
from vk_core.provider.settings_types import Duration, Quantity, SecretText

__all__ = [
    "OWNER_ANNOTATION",
    "PROVIDER_API",
    "Closable",
    "ConfiguresNode",
    "Duration",
    "HasAllocatable",
    "HasCapacity",
    "HasNodeAddresses",
    "HasNodeConditions",
    "HasNodeDaemonEndpoints",
    "HasOperatingSystem",
    "NodeCallback",
    "NotifiesNodeStatus",
    "NotifiesPods",
    "Pingable",
    "PodCallback",
    "Provider",
    "ProviderContext",
    "ProviderPlugin",
    "Quantity",
    "SecretText",
    "Startable",
]
