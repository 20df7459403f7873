"""A process that keeps one pod with the provider until it is killed: `keeping.py SETTINGS POD`, both as JSON.

Says every status of the pod on its output, one line each.
"""

from __future__ import annotations

import asyncio
import sys

import msgspec

from vk_core.api.pod import Pod
from vk_core.testing import make_context, make_materials
from vk_cri.provider import CriProvider
from vk_cri.settings import CriSettings


def tell(pod: Pod) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(pod.status) + b"\n")
    sys.stdout.buffer.flush()


async def keep(settings: CriSettings, pod: Pod) -> None:
    provider = CriProvider(make_context(settings, materials=make_materials()))
    provider.notify_pods(tell)
    await provider.start()
    if pod.metadata.uid in {found.metadata.uid for found in await provider.get_pods()}:
        await provider.adopt_pod(pod)
    else:
        await provider.create_pod(pod)
    await asyncio.get_running_loop().create_future()


if __name__ == "__main__":
    asyncio.run(keep(msgspec.json.decode(sys.argv[1], type=CriSettings), msgspec.json.decode(sys.argv[2], type=Pod)))
