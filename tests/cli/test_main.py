"""The console script: expected errors are one line each and an exit status, bugs a traceback."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from vk_core.__main__ import main
from vk_core.cli import providers, version


def call(*arguments: str) -> int:
    return main(list(arguments))


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What was printed on standard error; nothing may be on standard output."""
    output, errors = capsys.readouterr()
    assert not output
    return errors.splitlines()


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        pytest.param(["provider"], "No such command 'provider'.", id="unknown command"),
        pytest.param(["version", "--outptu", "json"], "No such option: --outptu", id="unknown option"),
        pytest.param(
            ["version", "-o", "xml"], "Invalid value for '--output' / '-o': 'xml' is not one of", id="bad value"
        ),
        pytest.param(["version", "surplus"], "Got unexpected extra argument", id="surplus argument"),
        pytest.param(["providers", "show"], "Missing argument", id="missing argument"),
        pytest.param(["providers", "show", "mok"], "no provider is called 'mok'; did you mean 'mock'?", id="misspelt"),
    ],
)
def test_bad_input_is_one_line_and_exit_status_2(
    arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(*arguments) == 2
    (told,) = lines(capsys)
    assert told.startswith(f"virtual-kubelet: {line}")


def test_a_settings_file_with_four_mistakes_is_four_lines_and_exit_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mock.toml").write_text(
        'pod_cidr = 3\n[capacity]\ncpu = "lots"\n[delays]\nstrat = "1s"\n[failures]\ncreate = 2\n'
    )
    expected = [
        'virtual-kubelet: mock.toml: capacity.cpu: expected a quantity such as 4, 500m or 1.5Gi, got "lots"',
        "virtual-kubelet: mock.toml: delays.strat: unknown key, did you mean start?",
        "virtual-kubelet: mock.toml: failures.create: expected a number from 0 to 1, got 2",
        "virtual-kubelet: mock.toml: pod_cidr: expected text, got 3",
    ]
    for command in (["providers", "check", "mock"], ["run", "--provider", "mock"], ["dev"]):
        assert call(*command, "--provider-config", "mock.toml") == 2
        assert lines(capsys) == expected


def test_a_bug_shows_a_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any) -> None:
        raise KeyError("bug")

    monkeypatch.setattr("vk_core.plugin.verdicts.cache_file", broken)
    with pytest.raises(KeyError, match="bug"):
        call("providers", "list")


def test_interrupting_a_command_that_runs_no_node_is_status_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("vk_core.plugin.verdicts.cache_file", interrupted)
    assert call("providers", "list") == 130


def test_without_a_command_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert call() == 0
    assert "providers" in capsys.readouterr().out


@pytest.mark.parametrize("module", [version, providers])
def test_every_command_gives_an_example_of_itself(module: Any) -> None:
    commands = [it for it in vars(module).values() if callable(it) and getattr(it, "__module__", "") == module.__name__]
    assert all("Example: virtual-kubelet " in (command.__doc__ or "") for command in commands)


def test_the_providers_are_listed_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("providers", "list", "-o", "json") == 0
    mock = next(it for it in json.loads(capsys.readouterr().out) if it["name"] == "mock")
    assert (mock["package"], mock["status"], mock["api"], mock["problem"]) == ("vk-mock", "ok", 1, "")


def test_a_provider_is_shown_with_its_settings(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("providers", "show", "mock", "-o", "json") == 0
    shown = json.loads(capsys.readouterr().out)
    keys = {key["key"]: key for key in shown["settings"]}
    assert keys["capacity.cpu"]["expected"].startswith("a quantity")
    assert "notify_pods" in shown["capabilities"]
    assert call("providers", "show", "mock") == 0
    assert "capacity.cpu " in capsys.readouterr().out


def test_the_version_is_told_for_programs(capsys: pytest.CaptureFixture[str]) -> None:
    assert call("version", "--output", "json") == 0
    assert json.loads(capsys.readouterr().out)["providerAPI"] == "1"


def test_commands_of_plugins_stand_beside_cores_own(tmp_path: Path) -> None:
    info = tmp_path / "vk_extra-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: vk-extra\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[virtual_kubelet.hooks]\nextra = vk_extra\nbroken = vk_gone\n")
    (tmp_path / "vk_extra.py").write_text(
        "import typer\nfrom vk_core.plugin import hookimpl\nfrom vk_core.plugin.spec import Command\n"
        "one = typer.Typer()\n@one.command()\ndef hello(name: str) -> None: print('hello', name)\n"
        "@hookimpl\ndef virtual_kubelet_commands(): return [Command(name='greet', app=one)]\n"
    )
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); from vk_core.__main__ import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", code, "greet", "you"], capture_output=True, text=True, check=False, timeout=30
    )
    assert (done.stdout, done.returncode) == ("hello you\n", 0)
    assert done.stderr == (
        "virtual-kubelet: hooks 'broken' of vk-extra 1.0 cannot be loaded: importing vk_gone failed: "
        "ModuleNotFoundError: No module named 'vk_gone'; its files are damaged or gone, try: "
        "pip install --force-reinstall vk-extra\n"
    )
