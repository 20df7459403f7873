"""What goes wrong in calls of the runtime, as errors that the engine and people understand.

The runtime's own words are kept: they end up in events and in the status of pods, as with kubelet.
"""

from __future__ import annotations

import grpc
import grpc.aio

from vk_core.errors import Conflict, InvalidInput, NotFound, ProviderError, Unauthorized, Unavailable

_BY_CODE: dict[grpc.StatusCode, type[ProviderError]] = {
    grpc.StatusCode.NOT_FOUND: NotFound,
    grpc.StatusCode.UNAVAILABLE: Unavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: Unavailable,
    grpc.StatusCode.CANCELLED: Unavailable,
    grpc.StatusCode.RESOURCE_EXHAUSTED: Unavailable,
    grpc.StatusCode.UNAUTHENTICATED: Unauthorized,
    grpc.StatusCode.PERMISSION_DENIED: Unauthorized,
    grpc.StatusCode.ALREADY_EXISTS: Conflict,
    grpc.StatusCode.ABORTED: Conflict,
}


class RpcError(Exception):
    """A call that has failed; never leaves this package.

    Attributes:
        code: of gRPC.
        words: the runtime's.
    """

    def __init__(self, code: grpc.StatusCode, words: str) -> None:
        super().__init__(f"rpc error: code = {code_name(code)} desc = {words}")
        self.code = code
        self.words = words

    @property
    def is_early(self) -> bool:
        """Whether the runtime listens already but is still starting."""
        return "server is not initialized yet" in self.words

    @property
    def is_reserved(self) -> bool:
        """Whether what was to be made is there, or being made, already."""
        return self.code is grpc.StatusCode.ALREADY_EXISTS or "is reserved for" in self.words


def code_name(code: grpc.StatusCode) -> str:
    """As kubelet shows it: `NotFound`, `DeadlineExceeded`."""
    return "".join(word.capitalize() for word in code.name.split("_"))


def of_grpc(error: grpc.aio.AioRpcError) -> RpcError:
    """The same without the connection that it happened on."""
    return RpcError(error.code(), error.details() or "")


def refusal(error: RpcError, *, otherwise: type[ProviderError] = Conflict, in_full: bool = False) -> ProviderError:
    """The error for the engine.

    Args:
        error: what has happened.
        otherwise: what it is if the code does not tell, as most runtimes answer Unknown to nearly everything.
        in_full: with the code in front, as kubelet shows it for images, sandboxes and probes.
    """
    kind = Unavailable if error.is_early else _BY_CODE.get(error.code, otherwise)
    return kind(str(error) if in_full or not error.words else error.words)


def too_old(endpoint: str) -> InvalidInput:
    """The runtime knows only older versions of the interface."""
    return InvalidInput(
        f"the runtime at {endpoint} does not speak CRI v1: it takes containerd 1.6 or CRI-O 1.23, or a later version"
    )
