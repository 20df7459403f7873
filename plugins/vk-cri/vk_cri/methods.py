"""The calls of the container runtime interface, each with the types of its request and its answer.

In place of the stubs that grpc would generate: those have no types, and need one attribute for each call anyway.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from google.protobuf.message import Message

from vk_cri.api import runtime_pb2 as pb

Request = TypeVar("Request", bound=Message)
Answer = TypeVar("Answer", bound=Message)


@dataclass(frozen=True, slots=True)
class Method(Generic[Request, Answer]):
    """One call.

    Attributes:
        service: `RuntimeService` or `ImageService`.
        name: of the call.
        request: the type of what is sent.
        answer: the type of what comes back, once or in a stream.
    """

    service: str
    name: str
    request: type[Request]
    answer: type[Answer]

    @property
    def path(self) -> str:
        """As HTTP/2 has it."""
        return f"/runtime.v1.{self.service}/{self.name}"


_RUNTIME, _IMAGE = "RuntimeService", "ImageService"

VERSION = Method(_RUNTIME, "Version", pb.VersionRequest, pb.VersionResponse)
STATUS = Method(_RUNTIME, "Status", pb.StatusRequest, pb.StatusResponse)
RUNTIME_CONFIG = Method(_RUNTIME, "RuntimeConfig", pb.RuntimeConfigRequest, pb.RuntimeConfigResponse)

RUN_SANDBOX = Method(_RUNTIME, "RunPodSandbox", pb.RunPodSandboxRequest, pb.RunPodSandboxResponse)
STOP_SANDBOX = Method(_RUNTIME, "StopPodSandbox", pb.StopPodSandboxRequest, pb.StopPodSandboxResponse)
REMOVE_SANDBOX = Method(_RUNTIME, "RemovePodSandbox", pb.RemovePodSandboxRequest, pb.RemovePodSandboxResponse)
SANDBOX_STATUS = Method(_RUNTIME, "PodSandboxStatus", pb.PodSandboxStatusRequest, pb.PodSandboxStatusResponse)
LIST_SANDBOXES = Method(_RUNTIME, "ListPodSandbox", pb.ListPodSandboxRequest, pb.ListPodSandboxResponse)

CREATE_CONTAINER = Method(_RUNTIME, "CreateContainer", pb.CreateContainerRequest, pb.CreateContainerResponse)
START_CONTAINER = Method(_RUNTIME, "StartContainer", pb.StartContainerRequest, pb.StartContainerResponse)
STOP_CONTAINER = Method(_RUNTIME, "StopContainer", pb.StopContainerRequest, pb.StopContainerResponse)
REMOVE_CONTAINER = Method(_RUNTIME, "RemoveContainer", pb.RemoveContainerRequest, pb.RemoveContainerResponse)
LIST_CONTAINERS = Method(_RUNTIME, "ListContainers", pb.ListContainersRequest, pb.ListContainersResponse)
CONTAINER_STATUS = Method(_RUNTIME, "ContainerStatus", pb.ContainerStatusRequest, pb.ContainerStatusResponse)
UPDATE_CONTAINER = Method(
    _RUNTIME, "UpdateContainerResources", pb.UpdateContainerResourcesRequest, pb.UpdateContainerResourcesResponse
)
REOPEN_LOG = Method(_RUNTIME, "ReopenContainerLog", pb.ReopenContainerLogRequest, pb.ReopenContainerLogResponse)

EXEC_SYNC = Method(_RUNTIME, "ExecSync", pb.ExecSyncRequest, pb.ExecSyncResponse)
EXEC = Method(_RUNTIME, "Exec", pb.ExecRequest, pb.ExecResponse)
ATTACH = Method(_RUNTIME, "Attach", pb.AttachRequest, pb.AttachResponse)
PORT_FORWARD = Method(_RUNTIME, "PortForward", pb.PortForwardRequest, pb.PortForwardResponse)

CONTAINER_STATS = Method(_RUNTIME, "ListContainerStats", pb.ListContainerStatsRequest, pb.ListContainerStatsResponse)
EVENTS = Method(_RUNTIME, "GetContainerEvents", pb.GetEventsRequest, pb.ContainerEventResponse)

LIST_IMAGES = Method(_IMAGE, "ListImages", pb.ListImagesRequest, pb.ListImagesResponse)
IMAGE_STATUS = Method(_IMAGE, "ImageStatus", pb.ImageStatusRequest, pb.ImageStatusResponse)
PULL_IMAGE = Method(_IMAGE, "PullImage", pb.PullImageRequest, pb.PullImageResponse)
REMOVE_IMAGE = Method(_IMAGE, "RemoveImage", pb.RemoveImageRequest, pb.RemoveImageResponse)
IMAGE_FS_INFO = Method(_IMAGE, "ImageFsInfo", pb.ImageFsInfoRequest, pb.ImageFsInfoResponse)
