"""Fetches images for containers: not too many at once, each once for all who wait, and ever less often in vain."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from vk_core.api.container import Container
from vk_core.api.pod import Pod
from vk_core.engine.images.policy import (
    ERR_IMAGE_NEVER_PULL,
    ERR_IMAGE_PULL,
    IMAGE_INSPECT_ERROR,
    IMAGE_PULL_BACK_OFF,
    INVALID_IMAGE_NAME,
    has_to_be_pulled,
    with_tag,
)
from vk_core.engine.runtime import ContainerRuntime, Image
from vk_core.engine.specs import SandboxConfig
from vk_core.errors import ProviderError
from vk_core.provider.events import PodEvents
from vk_core.provider.materials import RegistryCredential

FIRST_BACK_OFF_SECONDS = 10.0
LONGEST_BACK_OFF_SECONDS = 300.0
"""Between two tries of a pod to pull an image, doubled each time, as with kubelet."""

Credentials = Callable[[str], Awaitable[Sequence[RegistryCredential]]]
"""What to try when pulling an image, the best match first (`PodMaterials.registry_credentials`)."""


class ImageUnavailable(ProviderError):
    """The image of a container is not here.

    Attributes:
        reason: why its container waits, such as `ErrImagePull` or `ImagePullBackOff`.
        retry_seconds: when it is worth trying again.
    """

    def __init__(self, message: str, *, reason: str, retry_seconds: float) -> None:
        super().__init__(message)
        self.reason = reason
        self.retry_seconds = retry_seconds


@dataclass(slots=True)
class _Failure:
    """Pulling an image for a pod has failed.

    Attributes:
        message: the registry's words.
        next_at: when it may be tried again, on the loop's clock.
        delay_seconds: how long that is from the failure.
    """

    message: str
    next_at: float
    delay_seconds: float


class ImagePuller:
    """Has images ready.

    Args:
        runtime: keeps and fetches images.
        events: where to tell about it.
        parallel: how many images are fetched at once.
        timeout_seconds: how long one may take.
    """

    def __init__(
        self, runtime: ContainerRuntime, events: PodEvents, *, parallel: int = 5, timeout_seconds: float = 1800.0
    ) -> None:
        self._runtime = runtime
        self._events = events
        self._slots = asyncio.Semaphore(parallel)
        self._timeout_seconds = timeout_seconds
        self._pulls: dict[tuple[str, RegistryCredential | None], asyncio.Task[str]] = {}
        self._failures: dict[str, dict[str, _Failure]] = {}

    async def ensure(self, pod: Pod, container: Container, credentials: Credentials, sandbox: SandboxConfig) -> Image:
        """The image of a container, fetched if its policy wants that.

        Raises:
            ImageUnavailable: it is not here; the reason and message are those that the container waits with.
            Unavailable: the runtime does not answer.
        """
        tell = _Teller(self._events, pod, container)
        try:
            reference = with_tag(container.image)
        except ValueError as error:
            tell.warn("InspectFailed", str(error))
            raise tell.failed(INVALID_IMAGE_NAME, str(error), LONGEST_BACK_OFF_SECONDS) from None
        present = await self._runtime.image(reference)
        policy = container.image_pull_policy
        if not has_to_be_pulled(policy, is_present=present is not None):
            if present is None:
                text = f'Container image "{container.image}" is not present with pull policy of Never'
                tell.warn(ERR_IMAGE_NEVER_PULL, text)
                raise tell.failed(ERR_IMAGE_NEVER_PULL, text, LONGEST_BACK_OFF_SECONDS)
            tell.news("Pulled", f'Container image "{container.image}" already present on machine')
            return present
        self._check_back_off(tell)
        return await self._pull(tell, reference, credentials, sandbox)

    def forget(self, uid: str) -> None:
        """A pod is gone."""
        self._failures.pop(uid, None)

    async def _pull(self, tell: _Teller, reference: str, credentials: Credentials, sandbox: SandboxConfig) -> Image:
        tell.news("Pulling", f'Pulling image "{tell.image}"')
        began = time.monotonic()
        try:
            await self._pull_with_any(reference, await credentials(tell.image), sandbox)
            image = await self._runtime.image(reference)
        except ProviderError as error:
            raise self._note_failure(tell, str(error)) from error
        if image is None:
            text = f'Failed to inspect image "{tell.image}": it was pulled but is not there'
            raise tell.failed(IMAGE_INSPECT_ERROR, text, FIRST_BACK_OFF_SECONDS)
        self._failures.get(tell.uid, {}).pop(tell.image, None)
        took = f"{time.monotonic() - began:.3g}s"
        tell.news(
            "Pulled",
            f'Successfully pulled image "{tell.image}" in {took} ({took} including waiting). '
            f"Image size: {image.size_bytes} bytes.",
        )
        return image

    async def _pull_with_any(
        self, reference: str, credentials: Sequence[RegistryCredential], sandbox: SandboxConfig
    ) -> None:
        """Try one credential after the other; without any, once without."""
        problems: list[str] = []
        for credential in credentials or (None,):
            try:
                await self._shared_pull(reference, credential, sandbox)
            except ProviderError as error:
                problems.append(str(error))
            else:
                return
        raise ProviderError("; ".join(dict.fromkeys(problems)))

    async def _shared_pull(self, reference: str, credential: RegistryCredential | None, sandbox: SandboxConfig) -> None:
        """Fetch an image, or wait for it to be fetched with the same credential for somebody else."""
        key = (reference, credential)  # what one is given with its password is nothing to somebody without it
        pull = self._pulls.get(key)
        if pull is None:
            pull = asyncio.create_task(self._pull_once(reference, credential, sandbox), name=f"pull-{reference}")
            self._pulls[key] = pull
            pull.add_done_callback(lambda _: self._pulls.pop(key, None))
        await asyncio.shield(pull)

    async def _pull_once(self, reference: str, credential: RegistryCredential | None, sandbox: SandboxConfig) -> str:
        async with self._slots:
            try:
                async with asyncio.timeout(self._timeout_seconds):
                    return await self._runtime.pull(reference, credential, sandbox)
            except TimeoutError:
                text = f'failed to pull image "{reference}": not done within {self._timeout_seconds:g} s'
                raise ProviderError(text) from None

    def _check_back_off(self, tell: _Teller) -> None:
        failure = self._failures.get(tell.uid, {}).get(tell.image)
        left = failure.next_at - _now() if failure is not None else 0.0
        if failure is None or left <= 0:
            return
        text = f'Back-off pulling image "{tell.image}"'
        tell.news("BackOff", text)
        raise tell.failed(IMAGE_PULL_BACK_OFF, f"{text}: {ERR_IMAGE_PULL}: {failure.message}", left)

    def _note_failure(self, tell: _Teller, message: str) -> ImageUnavailable:
        failures = self._failures.setdefault(tell.uid, {})
        before = failures.get(tell.image)
        delay = FIRST_BACK_OFF_SECONDS
        # As kubelet's back-off: one that has been quiet for twice its longest delay begins anew.
        if before is not None and _now() - before.next_at < 2 * LONGEST_BACK_OFF_SECONDS:
            delay = min(before.delay_seconds * 2, LONGEST_BACK_OFF_SECONDS)
        failures[tell.image] = _Failure(message, _now() + delay, delay)
        tell.warn("Failed", f'Failed to pull image "{tell.image}": {message}')
        return tell.failed(ERR_IMAGE_PULL, message, delay)


class _Teller:
    """Events about the image of one container."""

    def __init__(self, events: PodEvents, pod: Pod, container: Container) -> None:
        self.uid = pod.metadata.uid
        self.image = container.image
        self._events = events
        self._pod = pod
        self._name = container.name

    def news(self, reason: str, message: str) -> None:
        self._events.record(self._pod, reason, message, container_name=self._name)

    def warn(self, reason: str, message: str) -> None:
        self._events.record(self._pod, reason, message, warning=True, container_name=self._name)

    def failed(self, reason: str, message: str, retry_seconds: float) -> ImageUnavailable:
        """The error for the container, which is told as an event as well."""
        self.warn("Failed", f"Error: {reason}")
        return ImageUnavailable(message, reason=reason, retry_seconds=retry_seconds)


def _now() -> float:
    return asyncio.get_running_loop().time()
