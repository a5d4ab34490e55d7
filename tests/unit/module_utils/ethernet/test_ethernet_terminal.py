"""What is taken for an answer, whatever lies between the lines."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.terminal import LostError, NetmikoTerminal


class Channel:
    """Gives these pieces after a line was sent; then the session has ended."""

    def __init__(self, *pieces):
        self.pieces = [piece.encode() for piece in pieces]
        self.sent = []

    def recv_ready(self):
        return False

    def settimeout(self, _seconds):
        pass

    def sendall(self, line):
        self.sent.append(line)

    def recv(self, _most):
        return self.pieces.pop(0) if self.pieces else b""


def ask(command, *pieces, prompt="leaf1"):
    connection = SimpleNamespace(base_prompt=prompt, remote_conn=Channel(*pieces), strip_ansi_escape_codes=lambda text: text)
    return NetmikoTerminal(connection, 5).send(command)


@pytest.mark.parametrize("before", ["", "\r\nleaf1# ", "leaf1# \r\nleaf1# "])
def test_a_prompt_that_was_on_its_way_is_no_answer(before):
    assert ask("show vlan", *([before] if before else []), "show vlan\r\n", "10 admin\r\n301 bio\r", "\nleaf1# ") == "10 admin\n301 bio"
    assert ask("show vlan", f"{before}show vlan\r\nleaf1# ") == ""


def test_a_line_that_ends_like_a_prompt_is_none():
    assert ask("description to leaf1#", "leaf1(config)# description to leaf1#", "\r\n", "% No\r\nleaf1(config)# ") == "% No"


def test_an_echo_that_the_terminal_breaks():
    line = "sudo -n config vlan member add " + "7" * 80
    assert ask(line, line[:60] + " \r" + line[60:] + "\r\nok\r\nleaf1$ ").split("\n")[-1] == "ok"


def test_a_shell_that_brackets_what_is_typed_adds_no_line():
    """bash 5.1 does; a line more before a file would shift the numbers by which it is edited."""
    said = ask("cat x", "cat x\r\n\x1b[?2004l\r", "\r\nfirst\r\n\x1b[?2004", "hleaf1:~$ ")
    assert said.split("\n") == ["", "first"]
    assert ask("true", "true\r\n\x1b[?2004l\r\x1b[?2004hleaf1:~$ ") == ""


def test_a_session_that_ends():
    with pytest.raises(LostError, match="the session ended at `show vlan`"):
        ask("show vlan", "leaf1# ")
