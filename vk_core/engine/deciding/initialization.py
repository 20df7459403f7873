"""How far a pod's initialization has come: which init container or sidecar is next.

Only what happened in the present sandbox counts, so a pod with a new sandbox begins again with the first one. An init
container is over when it has ended well; a sidecar, which goes on running, when it has started (KEP-753). The last one
of which the present sandbox has an instance tells how far it has come: those before may have been removed.
"""

from __future__ import annotations

from typing import NamedTuple

from vk_core.engine.deciding.actions import Kind
from vk_core.engine.deciding.survey import Survey
from vk_core.engine.deciding.views import Stage, View


class Initialization(NamedTuple):
    """How far it has come.

    Attributes:
        is_done: whether app containers may start.
        wanted: which containers should run now: the sidecars so far, and the one that is next.
    """

    is_done: bool
    wanted: tuple[View, ...]


def initialization(known: Survey) -> Initialization:
    """How far the initialization of a pod with a sandbox has come."""
    if has_initialized(known):
        return Initialization(True, tuple(view for view in known.inits if view.kind is Kind.SIDECAR))
    reached = _reached(known)
    if reached < len(known.inits) and _has_passed(known.inits[reached]):
        reached += 1
    wanted = [view for view in known.inits[:reached] if view.kind is Kind.SIDECAR]
    return Initialization(reached == len(known.inits), (*wanted, *known.inits[reached : reached + 1]))


def has_initialized(known: Survey) -> bool:
    """Whether an app container was made in the present sandbox: then all init containers are over."""
    return any(view.current is not None or view.starting for view in known.apps)


def _reached(known: Survey) -> int:
    """The last init container or sidecar that was made in the present sandbox; the first one if none was."""
    made = [index for index, view in enumerate(known.inits) if view.stage is not Stage.ABSENT or view.starting]
    return made[-1] if made else 0


def _has_passed(view: View) -> bool:
    if view.kind is Kind.SIDECAR:
        return view.is_started
    return view.stage is Stage.ENDED and view.exit_code == 0 and not view.starting
