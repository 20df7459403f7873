"""The one version of vk-core and of every plug-in of this repository, which are released in lockstep."""

__version__ = "0.1.0"
