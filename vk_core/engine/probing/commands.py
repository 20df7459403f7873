"""The `exec` probe: whether a command that is run in the container succeeds."""

from __future__ import annotations

from collections.abc import Sequence

from vk_core.api.container import Container
from vk_core.api.expansion import expand
from vk_core.engine.probing.outcomes import Outcome, errored, failed, succeeded
from vk_core.engine.probing.words import duration, quoted
from vk_core.engine.runtime import ContainerRuntime, Finished
from vk_core.errors import ProviderError

MOST_OUTPUT = 10 * 1024
"""Bytes of a command's output that are told, as with kubelet."""


async def probe_exec(
    runtime: ContainerRuntime, container_id: str, container: Container, command: Sequence[str], timeout_seconds: int
) -> Outcome:
    """Run a command, whose `$(NAME)` are variables that the container's specification gives a value."""
    known = {variable.name: variable.value for variable in container.env}
    words = [expand(word, known) for word in command]
    try:
        finished = await runtime.run_command(container_id, words, timeout_seconds)
    except TimeoutError:
        return failed(f"command timed out: {quoted(' '.join(words))} timed out after {duration(timeout_seconds)}")
    except ProviderError as error:
        return errored(str(error))
    text = output(finished)
    return succeeded(text) if finished.exit_code == 0 else failed(text)


def output(finished: Finished) -> str:
    """What a command has written, errors last."""
    return (finished.stdout + finished.stderr)[:MOST_OUTPUT].decode("utf-8", "replace")
