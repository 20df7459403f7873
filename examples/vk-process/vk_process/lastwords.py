"""What a container says when it ends: its termination message, from its file or from the end of its log."""

from __future__ import annotations

from vk_core.api.container import Container
from vk_core.provider.termination import (
    DEFAULT_TERMINATION_PATH,
    LONGEST_LOG_MESSAGE,
    LONGEST_MESSAGE,
    termination_message,
)
from vk_process.instances import Instance
from vk_process.roots import read_message


def last_words(instance: Instance, container: Container, exit_code: int) -> str:
    """The termination message of a run that is over (`terminationMessagePath`, `terminationMessagePolicy`).

    The log must be in use.

    Raises:
        OSError: the file or the log cannot be read.
    """
    path = container.termination_message_path or DEFAULT_TERMINATION_PATH
    log = instance.log
    log_tail = log.read_data(max(log.size - LONGEST_LOG_MESSAGE, 0), log.size)
    return termination_message(
        container.termination_message_policy,
        file=read_message(instance.prepared.root, path, LONGEST_MESSAGE),
        log_tail=log_tail,
        exit_code=exit_code,
    )
