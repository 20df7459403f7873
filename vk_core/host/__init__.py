"""Lays volumes out on this machine, for providers that share a file system with their containers."""

from vk_core.host.hostvolumes import HostVolumes
from vk_core.host.layout import MOUNTABLE_KINDS
from vk_core.host.ownership import Privileges
from vk_core.host.podvolumes import PodVolumes
from vk_core.host.results import HostMount, HostNetworkFiles

__all__ = ["MOUNTABLE_KINDS", "HostMount", "HostNetworkFiles", "HostVolumes", "PodVolumes", "Privileges"]
