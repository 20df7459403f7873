"""Carries out what was decided about a pod by calling the provider, and notes what came of it.

The only place that changes anything in the provider. It runs for one pod at a time per UID; a failure raises, so that
the queue brings the pod back after a delay.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Callable

from msgspec.structs import replace

from vk_core.api.node import Node
from vk_core.api.pod import Pod
from vk_core.api.podstatus import PodStatus
from vk_core.errors import InvalidInput, MaterialMissing, NotFound, ProviderError
from vk_core.kube.events import EventRecorder
from vk_core.pod import reasons
from vk_core.pod.admission import Rejection, admit
from vk_core.pod.book import PodBook
from vk_core.pod.decide import Action, decide
from vk_core.pod.mountable import unmountable
from vk_core.pod.phase import FAILED, has_stopped, is_finished
from vk_core.pod.record import PodRecord, reference
from vk_core.provider.capabilities import AdoptsPods, MountsVolumes, NotifiesPods
from vk_core.provider.protocol import OWNER_ANNOTATION, Provider

SLOW_CREATE_SECONDS = 1.0
"""A pod that takes longer than this to create is reported as being created."""

STOP_SLACK_SECONDS = 10.0
"""A pod that still runs this long after its grace period is stopped once more: the provider has forgotten about it."""

log = logging.getLogger("virtual_kubelet.pod")


class PodExecutor:
    """Calls the provider for one pod after another.

    Args:
        provider: who runs the pods.
        book: the records.
        events: where to tell about it.
        owner: the value of the owner annotation.
        node: the node as it is at the moment, for admission.
        publish: has a pod's status written soon.
    """

    def __init__(
        self,
        provider: Provider,
        book: PodBook,
        events: EventRecorder,
        *,
        owner: str,
        node: Callable[[], Node],
        publish: Callable[[str], None],
    ) -> None:
        self._provider = provider
        self._notifies = isinstance(provider, NotifiesPods)
        self._mountable = frozenset(provider.mountable_volumes()) if isinstance(provider, MountsVolumes) else None
        self._book = book
        self._events = events
        self._owner = owner
        self._node = node
        self._publish = publish

    async def sync(self, uid: str) -> float | None:
        """Do what has to be done about a pod now."""
        record = self._book.get(uid)
        if record is None:
            return None
        decision = decide(record)
        if decision.action is Action.NOTHING:
            # A pod in deletion may have ended without us: then there is still something to tell the API server.
            if record.deleting and record.wanted:
                self._publish(uid)
            return None
        if decision.action is Action.FORGET:
            self._book.close(uid)
            return None
        record.calling = True
        try:
            await self._carry_out(uid, record, decision.action, decision.grace_period_seconds)
        finally:
            record.calling = False
            record.touched = self._book.tick
        return None

    async def _carry_out(self, uid: str, record: PodRecord, action: Action, grace_period_seconds: int) -> None:
        if action is Action.CREATE:
            await self._create(uid, record)
        elif action is Action.RECREATE:
            if not record.trouble:  # else the loss was noted before a try that failed
                self._note_loss(record)
            await self._create(uid, record)
        elif action is Action.GIVE_UP:
            self._give_up(uid, record)
        elif action is Action.ADOPT:
            await self._adopt(uid, record)
        elif action is Action.UPDATE:
            await self._update(uid, record)
        elif action is Action.STOP:
            await self._stop(uid, record, grace_period_seconds)

    async def _create(self, uid: str, record: PodRecord) -> None:
        pod = record.pod
        rejection = admit(pod, self._node(), self._book.usage)
        if rejection is not None:
            record.verdict = rejection.status()
            self._events.record(reference(pod), rejection.reason, rejection.message, warning=True)
            self._publish(uid)
            return
        self._book.usage.add(pod)
        missing = unmountable(pod, self._mountable)
        if missing is not None:
            self._events.record(reference(pod), reasons.FAILED_MOUNT, str(missing), warning=True)
            self._wait_for(uid, record, missing)
            raise missing
        slow = asyncio.get_running_loop().call_later(SLOW_CREATE_SECONDS, self._announce, uid, record)
        try:
            await self._provider.create_pod(self._marked(pod))
        except InvalidInput as error:
            self._cannot_run(uid, record, error)
        except MaterialMissing as error:
            if not error.is_told:
                self._tell_missing(pod, error)
            self._wait_for(uid, record, error)
            raise
        except Exception as error:
            self._trouble(uid, record, str(error) or repr(error))
            raise
        else:
            await self._created(uid, record, pod)
        finally:
            slow.cancel()

    async def _created(self, uid: str, record: PodRecord, pod: Pod) -> None:
        record.present = True
        record.handed = pod
        record.trouble, record.missing = "", None
        if record.actual is None:
            record.creating = True
            if not self._notifies:
                # Waiting for the next round would show a pod that runs as one that is being created. A back end that
                # does not know it yet is no failure to create it.
                with contextlib.suppress(ProviderError):
                    record.actual = await self._provider.get_pod_status(record.key)
        self._events.record(reference(pod), reasons.CREATED, "Create pod in provider successfully")
        self._publish(uid)

    def _announce(self, uid: str, record: PodRecord) -> None:
        record.creating = True
        self._publish(uid)

    def _trouble(self, uid: str, record: PodRecord, message: str) -> None:
        record.trouble, record.missing = message, None
        self._events.record(reference(record.pod), reasons.CREATE_FAILED, message, warning=True)
        self._publish(uid)

    def _wait_for(self, uid: str, record: PodRecord, missing: MaterialMissing) -> None:
        record.trouble, record.missing = "", missing
        self._publish(uid)

    def _tell_missing(self, pod: Pod, missing: MaterialMissing) -> None:
        """The event that a kubelet tells in such a case."""
        if missing.reason == reasons.FAILED_MOUNT:
            self._events.record(reference(pod), reasons.FAILED_MOUNT, str(missing), warning=True)
        else:
            about = reference(pod, missing.container_name)
            self._events.record(about, reasons.FAILED, f"Error: {missing}", warning=True)

    def _cannot_run(self, uid: str, record: PodRecord, error: InvalidInput) -> None:
        verdict = PodStatus(phase=FAILED, reason=reasons.PROVIDER_FAILED, message=str(error))
        if error.reason:  # as a kubelet refuses a pod
            verdict = Rejection(error.reason, str(error)).status()
        record.verdict = verdict
        record.present = False
        self._book.finish(uid)
        self._events.record(reference(record.pod), error.reason or reasons.CREATE_FAILED, str(error), warning=True)
        self._publish(uid)

    def _note_loss(self, record: PodRecord) -> None:
        """Remember how often containers had been started, so that the counts go on instead of beginning at zero."""
        counts_itself = self._book.provider_counts_restarts
        for status in () if counts_itself else record.known_status.container_statuses:
            record.restarts[status.name] = status.restart_count + 1
        record.actual = None
        message = "The provider no longer has this pod; it is created again"
        self._events.record(reference(record.pod), reasons.LOST, message, warning=True)

    def _give_up(self, uid: str, record: PodRecord) -> None:
        message = "The provider no longer has this pod, and its restart policy is Never"
        known = record.actual or record.known_status
        record.verdict = PodStatus(
            phase=FAILED,
            reason=reasons.NOT_FOUND,
            message=message,
            container_statuses=reasons.unknown(known.container_statuses),
            init_container_statuses=known.init_container_statuses,
        )
        self._book.finish(uid)
        self._events.record(reference(record.pod), reasons.NOT_FOUND, message, warning=True)
        self._publish(uid)

    async def _adopt(self, uid: str, record: PodRecord) -> None:
        """Tell the provider what a pod shall be that it has had since before this process."""
        pod = record.pod
        if isinstance(self._provider, AdoptsPods):
            try:
                await self._provider.adopt_pod(self._marked(pod))
            except NotFound:
                record.present = False
                raise
            except InvalidInput as error:
                self._events.record(reference(pod), reasons.UPDATE_FAILED, str(error), warning=True)
        record.adopting = False
        self._publish(uid)

    async def _update(self, uid: str, record: PodRecord) -> None:
        pod = record.pod
        try:
            await self._provider.update_pod(self._marked(pod))
        except NotFound:
            record.present = False
            raise
        except InvalidInput as error:
            # The pod goes on as it was; telling the provider the same again would change nothing.
            record.handed = pod
            self._events.record(reference(pod), reasons.UPDATE_FAILED, str(error), warning=True)
        except Exception as error:
            self._events.record(reference(pod), reasons.UPDATE_FAILED, str(error) or repr(error), warning=True)
            raise
        else:
            record.handed = pod
            # Resources may have been resized.
            self._book.usage.remove(uid)
            self._book.usage.add(pod)
            self._events.record(reference(pod), reasons.UPDATED, "Update pod in provider successfully")
            self._publish(uid)

    async def _stop(self, uid: str, record: PodRecord, grace_period_seconds: int) -> None:
        first = record.stop_grace_seconds is None
        try:
            await self._provider.delete_pod(self._marked(record.pod), grace_period_seconds)
        except NotFound:
            record.present = False
        except Exception as error:
            self._events.record(reference(record.pod), reasons.DELETE_FAILED, str(error) or repr(error), warning=True)
            raise
        record.stop_grace_seconds = grace_period_seconds
        record.stop_due_seconds = asyncio.get_running_loop().time() + grace_period_seconds + STOP_SLACK_SECONDS
        if first and record.wanted and not record.overdue:
            self._events.record(reference(record.pod), reasons.DELETED, "Delete pod in provider successfully")
        self._settle(uid, record)

    def _settle(self, uid: str, record: PodRecord) -> None:
        ended = not record.present or (record.actual is not None and has_stopped(record.actual))
        if not ended:
            return
        if record.wanted:
            self._publish(uid)
        else:
            self._book.close(uid)

    def _marked(self, pod: Pod) -> Pod:
        """The pod with the mark that makes it recognisable as ours."""
        annotations = {**pod.metadata.annotations, OWNER_ANNOTATION: self._owner}
        return replace(pod, metadata=replace(pod.metadata, annotations=annotations))

    def observe(self, uid: str, status: PodStatus) -> None:
        """Take note of what the provider says about a pod."""
        record = self._book.get(uid)
        if record is None:
            return
        record.touched = self._book.tick
        if record.actual is not None and is_finished(record.actual) and not is_finished(status):
            log.warning("%s: the provider reports a pod that had ended as %s; ignored", record.key, status.phase)
            return
        record.present = True
        record.actual = status
        record.trouble, record.missing = "", None
        if is_finished(status):
            self._book.finish(uid)
        if not record.wanted:
            if has_stopped(status) and record.stop_grace_seconds is not None:
                self._book.close(uid)
            return
        self._publish(uid)
