"""Virtual Kubelet for Python: a Kubernetes node whose pods run wherever a provider puts them."""

from vk_core.version import __version__

__all__ = ["__version__"]
