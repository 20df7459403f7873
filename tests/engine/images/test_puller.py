"""Images are fetched as often as needed, by whoever may, not too many at once, and failures are told and put off."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from vk_core.api.pod import Pod
from vk_core.engine.images.puller import ImagePuller, ImageUnavailable
from vk_core.engine.runtime import Image
from vk_core.engine.specs import SandboxConfig
from vk_core.errors import ProviderError
from vk_core.provider import RegistryCredential
from vk_core.testing import RecordedEvents, make_container, make_pod, virtual_time

SANDBOX = SandboxConfig(name="web", namespace="default", uid="uid")
ME = RegistryCredential(registry="registry.example", username="me", password="right")
OLD = RegistryCredential(registry="registry.example", username="me", password="wrong")


class Registry:
    """A runtime that has some images, and a registry that gives more to who has the right password."""

    def __init__(self, *present: str) -> None:
        self.present = set(present)
        self.pulls: list[tuple[str, RegistryCredential | None]] = []
        self.seconds = 1.0
        self.problem = ""
        self.password = ""
        self.at_once = Counter[str]()

    async def image(self, reference: str) -> Image | None:
        return Image(id=f"id-of-{reference}", size_bytes=7) if reference in self.present else None

    async def pull(self, reference: str, credential: RegistryCredential | None, _sandbox: SandboxConfig) -> str:
        self.pulls.append((reference, credential))
        self.at_once["now"] += 1
        self.at_once["most"] = max(self.at_once["most"], self.at_once["now"])
        try:
            await asyncio.sleep(self.seconds)
        finally:
            self.at_once["now"] -= 1
        if self.problem:
            raise ProviderError(self.problem)
        if self.password and (credential is None or credential.password != self.password):
            raise ProviderError("401 Unauthorized")
        self.present.add(reference)
        return f"id-of-{reference}"


class Kitchen:
    """A puller with its registry, and pods that want images."""

    def __init__(self, *present: str, **options: Any) -> None:
        self.registry = Registry(*present)
        self.events = RecordedEvents()
        runtime: Any = self.registry
        self.puller = ImagePuller(runtime, self.events, **options)
        self.credentials: tuple[RegistryCredential, ...] = ()

    async def want(self, image: str, policy: str = "IfNotPresent", pod: Pod | None = None) -> Image:
        async def credentials(_image: str) -> Sequence[RegistryCredential]:
            return self.credentials

        container = make_container("main", image=image, image_pull_policy=policy)
        return await self.puller.ensure(pod or make_pod("web", uid="uid"), container, credentials, SANDBOX)

    async def fail(self, image: str, policy: str = "IfNotPresent") -> ImageUnavailable:
        with pytest.raises(ImageUnavailable) as failed:
            await self.want(image, policy)
        return failed.value

    def told(self) -> list[tuple[str, str]]:
        told = [(event.reason, event.message) for event in self.events.told]
        self.events.told.clear()
        return told


@virtual_time
async def test_an_image_that_is_there_is_not_pulled_and_one_that_is_not_is() -> None:
    kitchen = Kitchen("busybox:latest")
    assert (await kitchen.want("busybox")).id == "id-of-busybox:latest"
    assert kitchen.told() == [("Pulled", 'Container image "busybox" already present on machine')]
    assert (await kitchen.want("nginx:1")).id == "id-of-nginx:1"
    assert kitchen.registry.pulls == [("nginx:1", None)]
    (pulling, pulled) = kitchen.told()
    assert pulling == ("Pulling", 'Pulling image "nginx:1"')
    assert pulled[0] == "Pulled"
    assert pulled[1].startswith('Successfully pulled image "nginx:1" in ')
    assert pulled[1].endswith("Image size: 7 bytes.")
    await kitchen.want("nginx:1", "Always")
    assert len(kitchen.registry.pulls) == 2


@virtual_time
async def test_what_is_never_to_be_pulled_and_what_has_no_name_say_so() -> None:
    kitchen = Kitchen()
    failed = await kitchen.fail("nginx:1", "Never")
    text = 'Container image "nginx:1" is not present with pull policy of Never'
    assert (failed.reason, str(failed)) == ("ErrImageNeverPull", text)
    assert kitchen.told() == [("ErrImageNeverPull", text), ("Failed", "Error: ErrImageNeverPull")]
    failed = await kitchen.fail("No Name")
    assert failed.reason == "InvalidImageName"
    assert [reason for reason, _ in kitchen.told()] == ["InspectFailed", "Failed"]
    assert not kitchen.registry.pulls


@virtual_time
async def test_a_failure_is_told_and_put_off_for_ten_seconds_and_then_ever_longer() -> None:
    kitchen = Kitchen()
    kitchen.registry.problem = "no such host"
    failed = await kitchen.fail("nginx:1")
    assert (failed.reason, str(failed), failed.retry_seconds) == ("ErrImagePull", "no such host", 10)
    assert kitchen.told() == [
        ("Pulling", 'Pulling image "nginx:1"'),
        ("Failed", 'Failed to pull image "nginx:1": no such host'),
        ("Failed", "Error: ErrImagePull"),
    ]
    await asyncio.sleep(4)
    failed = await kitchen.fail("nginx:1")
    assert (failed.reason, failed.retry_seconds) == ("ImagePullBackOff", 6)
    assert str(failed) == 'Back-off pulling image "nginx:1": ErrImagePull: no such host'
    assert kitchen.told() == [
        ("BackOff", 'Back-off pulling image "nginx:1"'),
        ("Failed", "Error: ImagePullBackOff"),
    ]
    delays = []
    for _ in range(7):
        await asyncio.sleep(failed.retry_seconds)
        failed = await kitchen.fail("nginx:1")
        delays.append(failed.retry_seconds)
    assert delays == [20, 40, 80, 160, 300, 300, 300]
    kitchen.registry.problem = ""
    await asyncio.sleep(300)
    await kitchen.want("nginx:1", "Always")
    kitchen.registry.problem = "gone again"
    assert (await kitchen.fail("nginx:1", "Always")).retry_seconds == 10, "a success ends the back-off"


@virtual_time
async def test_a_back_off_is_that_of_one_pod_and_ends_with_it() -> None:
    kitchen = Kitchen()
    kitchen.registry.problem = "no such host"
    await kitchen.fail("nginx:1")
    kitchen.registry.problem = ""
    assert (await kitchen.want("nginx:1", "Always", make_pod("other", uid="other"))).id
    kitchen.puller.forget("uid")
    assert (await kitchen.want("nginx:1", "Always")).id


@virtual_time
async def test_one_image_is_fetched_once_for_all_who_wait_for_it() -> None:
    kitchen = Kitchen()
    pods = [make_pod(f"web-{number}", uid=str(number)) for number in range(20)]
    images = await asyncio.gather(*(kitchen.want("nginx:1", pod=pod) for pod in pods))
    assert {image.id for image in images} == {"id-of-nginx:1"}
    assert len(kitchen.registry.pulls) == 1


@virtual_time
async def test_who_gives_up_does_not_end_the_pull_of_the_others() -> None:
    kitchen = Kitchen()
    first = asyncio.create_task(kitchen.want("nginx:1"))
    second = asyncio.create_task(kitchen.want("nginx:1", pod=make_pod("other", uid="other")))
    await asyncio.sleep(0.5)
    first.cancel()
    assert (await second).id == "id-of-nginx:1"


@virtual_time
async def test_no_more_are_fetched_at_once_than_is_allowed() -> None:
    kitchen = Kitchen(parallel=3)
    await asyncio.gather(*(kitchen.want(f"image-{number}:1") for number in range(10)))
    assert kitchen.registry.at_once["most"] == 3


@virtual_time
async def test_every_credential_is_tried_and_none_is_shown() -> None:
    kitchen = Kitchen()
    kitchen.registry.password = "right"
    kitchen.credentials = (OLD, ME)
    assert (await kitchen.want("registry.example/app:1")).id
    assert [credential for _, credential in kitchen.registry.pulls] == [OLD, ME]
    kitchen.credentials = (OLD,)
    failed = await kitchen.fail("registry.example/other:1")
    shown = str(failed) + repr(failed) + repr(kitchen.events.told)
    assert "401 Unauthorized" in shown
    assert "wrong" not in shown


@virtual_time
async def test_a_pull_for_one_password_is_not_that_for_another() -> None:
    kitchen = Kitchen()
    kitchen.registry.password = "right"
    kitchen.credentials = (ME,)
    mine = asyncio.create_task(kitchen.want("registry.example/app:1"))
    await asyncio.sleep(0.1)
    kitchen.credentials = (OLD,)
    with pytest.raises(ImageUnavailable):
        await kitchen.want("registry.example/app:1", pod=make_pod("other", uid="other"))
    assert (await mine).id


@virtual_time
async def test_a_pull_that_hangs_ends_and_frees_its_place() -> None:
    kitchen = Kitchen(parallel=1, timeout_seconds=60)
    kitchen.registry.seconds = 1e6
    failed = await kitchen.fail("nginx:1")
    assert "not done within 60 s" in str(failed)
    kitchen.registry.seconds = 1
    assert (await kitchen.want("other:1")).id
