"""What the provider can be told in its TOML file. Everything has a default."""

from __future__ import annotations

import datetime as dt

import msgspec

from vk_core.provider import Duration, Quantity


class ProcessSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of the process provider.

    Attributes:
        folder: where volumes are kept, in a folder that is named after the node, so that they outlive a restart; and
            logs, in a folder of their own that is removed at the end. Without, all of it is where temporary files
            belong, and is removed at the end.
        cpu: how many CPUs the node offers; without, those of the machine.
        memory: how much memory the node offers; without, that of the machine.
        pods: how many pods the node takes.
        back_off: how long a container waits before its second restart; each further wait is twice as long.
    """

    folder: str | None = None
    cpu: Quantity | None = None
    memory: Quantity | None = None
    pods: Quantity = "110"
    back_off: Duration = dt.timedelta(seconds=10)
