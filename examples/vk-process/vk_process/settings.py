"""What the provider can be told in its TOML file. Everything has a default."""

from __future__ import annotations

import datetime as dt

import msgspec

from vk_core.provider import Duration, Quantity


class ProcessSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Settings of the process provider.

    Attributes:
        folder: where logs are kept while their pods exist, in a folder of their own that is removed at the end;
            without, where temporary files belong.
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
