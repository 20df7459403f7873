"""`/healthz`, `/livez` and `/readyz`: whether the node is well, in the form that all parts of Kubernetes answer.

A check is asked when somebody asks us, so it must be quick: it looks at what is known and calls nobody.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from aiohttp import web

from vk_core.kubelet.refusal import Handler, Refusal

INTERNAL_ERROR = 500

Problem = Callable[[], str]
"""What is wrong at the moment, in a few words; empty when nothing is."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that is looked at, under the name it has in the answer."""

    name: str
    problem: Problem


PING = Check("ping", lambda: "")
"""Whether anybody answers at all."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Health:
    """What is looked at.

    Attributes:
        live: for `/healthz` and `/livez`; a process of which one fails is started anew. `ping` is always among them.
        ready: for `/readyz`, besides those.
    """

    live: Sequence[Check] = ()
    ready: Sequence[Check] = ()

    def of(self, name: str) -> tuple[Check, ...]:
        """The checks of `healthz`, `livez` or `readyz`, or the one of this name; empty when there is none."""
        alive = (PING, *self.live)
        if name in {"healthz", "livez"}:
            return alive
        if name == "readyz":
            return (*alive, *self.ready)
        return tuple(check for check in (*alive, *self.ready) if check.name == name)


def health_handler(health: Health, name: str) -> Handler:
    """Answers `ok`, or 500 with the checks that fail; `?verbose` shows all, `?exclude=<name>` leaves some out."""

    async def handle(request: web.Request) -> web.StreamResponse:
        checks = health.of(request.match_info.get("check", name))
        if not checks:
            raise Refusal(404, f"there is no check {request.match_info['check']}")
        excluded = set(request.query.getall("exclude", ()))
        problems = {check.name: check.problem() for check in checks if check.name not in excluded}
        failed = any(problems.values())
        if not failed and "verbose" not in request.query:
            return web.Response(text="ok")
        text = "".join(map(_line, problems.items()))
        return web.Response(
            status=INTERNAL_ERROR if failed else 200, text=f"{text}{name} check {'failed' if failed else 'passed'}\n"
        )

    return handle


def _line(found: tuple[str, str]) -> str:
    name, problem = found
    return f"[-]{name} failed: {problem}\n" if problem else f"[+]{name} ok\n"
