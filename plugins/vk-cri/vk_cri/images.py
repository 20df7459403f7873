"""Images of a runtime. Whether to pull, and how often, is the engine's business."""

from __future__ import annotations

from collections.abc import Sequence

from vk_core.engine.runtime import Image
from vk_core.engine.specs import SandboxConfig
from vk_core.provider import RegistryCredential
from vk_cri import methods
from vk_cri.api import runtime_pb2 as pb
from vk_cri.runtimeapi import RuntimeApi
from vk_cri.translation import answers
from vk_cri.translation.sandboxes import sandbox_config


class Images:
    """Asks an image service. All methods raise RpcError."""

    def __init__(self, api: RuntimeApi) -> None:
        self._api = api

    async def find(self, reference: str) -> Image | None:
        """The image, if it is here."""
        request = pb.ImageStatusRequest(image=pb.ImageSpec(image=reference))
        answer = await self._api.image(methods.IMAGE_STATUS, request)
        return answers.image(answer.image) if answer.HasField("image") else None

    async def pull(self, reference: str, credential: RegistryCredential | None, sandbox: SandboxConfig) -> str:
        """Fetch an image; gives its ID."""
        request = pb.PullImageRequest(
            image=pb.ImageSpec(image=reference), auth=_auth(credential), sandbox_config=sandbox_config(sandbox)
        )
        answer = await self._api.image(methods.PULL_IMAGE, request, seconds=self._api.pull_seconds)
        return answer.image_ref

    async def all(self) -> Sequence[Image]:
        """All images that are here."""
        answer = await self._api.image(methods.LIST_IMAGES, pb.ListImagesRequest())
        return [answers.image(found) for found in answer.images]

    async def remove(self, image_id: str) -> None:
        """Remove an image."""
        await self._api.image(methods.REMOVE_IMAGE, pb.RemoveImageRequest(image=pb.ImageSpec(image=image_id)))


def _auth(credential: RegistryCredential | None) -> pb.AuthConfig | None:
    if credential is None:
        return None
    return pb.AuthConfig(
        username=credential.username,
        password=credential.password,
        identity_token=credential.identity_token,
        server_address=credential.registry,
    )
