"""What packages add beside a provider: one that fails is reported once and never stops another."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from vk_core.api.meta import ObjectMeta
from vk_core.api.node import Node
from vk_core.plugin.hooks import Hooks, load_hooks

if TYPE_CHECKING:
    from tests.plugin.conftest import Packages

NODE = Node(metadata=ObjectMeta(name="node-1"))

LABELLING = """
    import msgspec
    from vk_core.plugin import hookimpl

    @hookimpl
    def virtual_kubelet_decorate_node(node):
        labels = dict(node.metadata.labels) | {{"{label}": str(len(node.metadata.labels))}}
        return msgspec.structs.replace(node, metadata=msgspec.structs.replace(node.metadata, labels=labels))
"""
FAILING = """
    from vk_core.plugin import hookimpl

    @hookimpl
    def virtual_kubelet_decorate_node(node):
        raise RuntimeError("no luck")

    @hookimpl
    def virtual_kubelet_commands():
        yield "first"
        raise RuntimeError("no luck")
"""
COMMANDS = """
    import typer
    from vk_core.plugin import hookimpl
    from vk_core.plugin.spec import Command

    @hookimpl
    def virtual_kubelet_commands():
        return [Command(name=name, app=typer.Typer()) for name in {names}]
"""


def add(packages: Packages, name: str, module: str) -> None:
    packages.add(name, module, group="virtual_kubelet.hooks", points=f"{name} = {name.replace('-', '_')}")


@pytest.fixture
def reported() -> list[str]:
    return []


def load(reported: list[str]) -> Hooks:
    return load_hooks(report=reported.append)


def test_every_package_decorates_the_node_in_turn(packages: Packages, reported: list[str]) -> None:
    add(packages, "hooks-b", LABELLING.format(label="b"))
    add(packages, "hooks-a", LABELLING.format(label="a"))
    assert load(reported).decorate_node(NODE).metadata.labels == {"a": "0", "b": "1"}
    assert not reported


def test_a_package_that_fails_is_reported_once_and_the_others_go_on(packages: Packages, reported: list[str]) -> None:
    add(packages, "hooks-a", FAILING)
    add(packages, "hooks-b", LABELLING.format(label="b"))
    hooks = load(reported)
    for _ in range(2):
        assert hooks.decorate_node(NODE).metadata.labels == {"b": "0"}
    assert reported == ["hooks 'hooks-a' of hooks-a 1.0: virtual_kubelet_decorate_node failed: RuntimeError: no luck"]


@pytest.mark.parametrize("answer", ["'text'", "type(node)()"], ids=["no node", "another node"])
def test_an_answer_that_is_not_this_node_is_refused(packages: Packages, reported: list[str], answer: str) -> None:
    add(
        packages,
        "hooks-a",
        f"""
        from vk_core.plugin import hookimpl

        @hookimpl
        def virtual_kubelet_decorate_node(node):
            return {answer}
        """,
    )
    assert load(reported).decorate_node(NODE) is NODE
    assert "expected node node-1" in reported[0]


@pytest.mark.parametrize(
    ("module", "problem"),
    [
        pytest.param("import nowhere_to_be_found", "importing hooks_a failed: ModuleNotFoundError", id="no import"),
        pytest.param(
            "from vk_core.plugin import hookimpl\n@hookimpl\ndef virtual_kubelet_decorate_node(pod): ...",
            "Argument(s) {'pod'} are declared in the hookimpl but can not be found in the hookspec",
            id="wrong arguments",
        ),
        pytest.param(
            "from vk_core.plugin import hookimpl\n@hookimpl\ndef virtual_kubelet_decorate_pod(pod): ...",
            "unknown hook 'virtual_kubelet_decorate_pod'",
            id="unknown hook",
        ),
    ],
)
def test_a_package_that_cannot_be_loaded_is_reported_and_the_others_are(
    packages: Packages, reported: list[str], module: str, problem: str
) -> None:
    add(packages, "hooks-a", module)
    add(packages, "hooks-b", LABELLING.format(label="b"))
    assert load(reported).decorate_node(NODE).metadata.labels == {"b": "0"}
    assert len(reported) == 1
    assert problem in reported[0]
    assert "hooks-a 1.0" in reported[0]


def test_commands_are_collected_and_a_name_is_given_once(packages: Packages, reported: list[str]) -> None:
    add(packages, "hooks-a", COMMANDS.format(names=["mine", "run"]))
    add(packages, "hooks-b", COMMANDS.format(names=["mine", "yours"]))
    add(packages, "hooks-c", FAILING)
    assert [command.name for command in load(reported).commands(taken=["run"])] == ["mine", "yours"]
    assert reported == [
        "hooks 'hooks-a' of hooks-a 1.0: there is a command 'run' already",
        "hooks 'hooks-b' of hooks-b 1.0: there is a command 'mine' already",
        "hooks 'hooks-c' of hooks-c 1.0: virtual_kubelet_commands failed: RuntimeError: no luck",
    ]
