"""A process can be told from another one, also after its number has been given away again."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from vk_core.node import process
from vk_core.node.process import ProcessIdentity

pytestmark = pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="needs /proc")


def test_an_identity_is_read_back_as_it_was_written() -> None:
    own = ProcessIdentity.own()
    assert own.pid == os.getpid()
    assert ProcessIdentity.parse(str(own)) == own
    assert ProcessIdentity.own() == own


@pytest.mark.parametrize("text", ["", "host", "host/12", "host/x/1", "/1/2", "host/12/", "host/\u00b2/1"])
def test_what_is_not_an_identity_is_none(text: str) -> None:
    assert ProcessIdentity.parse(text) is None


def test_a_process_that_is_gone_or_whose_number_was_given_away_is_dead() -> None:
    own = ProcessIdentity.own()
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    started = process._started(child.pid)
    assert started is not None
    living = ProcessIdentity(own.host, child.pid, started)
    assert not living.is_dead(own)
    assert ProcessIdentity(own.host, child.pid, "1").is_dead(own), "another process had this number before"
    child.communicate(b"\n")
    assert living.is_dead(own)


def test_a_process_that_has_ended_and_was_not_waited_for_is_dead() -> None:
    own = ProcessIdentity.own()
    child = subprocess.Popen([sys.executable, "-c", ""])
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
    assert ProcessIdentity(own.host, child.pid, "1").is_dead(own)
    assert process._started(child.pid) is None
    child.wait()


def test_nothing_is_known_about_processes_of_other_hosts_and_nobody_is_dead_to_himself() -> None:
    own = ProcessIdentity.own()
    assert not ProcessIdentity("elsewhere", 2**22 + 1, "1").is_dead(own)
    assert not own.is_dead(own)
