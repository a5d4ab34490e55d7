# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of a switch, over SSH: netmiko logs in and knows the platforms' prompts. What goes wrong is said in clear words."""

from __future__ import annotations

import codecs
import re
import socket
import time
from dataclasses import dataclass, field
from typing import Any, Optional, Protocol

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.driver import Driver

_WITH_ENABLE = ("arista_eos", "cisco_nxos", "mellanox_mlnxos")


class LostError(Exception):
    """No answer to a command: the session is gone, or the time was over. The text says which."""


class Terminal(Protocol):
    """One session. Tests have one of their own."""

    def send(self, command: str) -> str:
        """What the switch answers, without echo and prompt. Raises LostError."""
        ...

    def close(self) -> None:
        """End the session."""
        ...


@dataclass(frozen=True)
class Access:
    """How a switch is reached. `timeout`: seconds for logging in, and for each answer."""

    name: str
    host: str
    port: int
    user: str
    password: Optional[str] = field(default=None, repr=False)           # noqa: UP045 - Python 3.9 evaluates these; None: a key
    enable_password: Optional[str] = field(default=None, repr=False)    # noqa: UP045
    known_hosts: Optional[str] = None                                   # noqa: UP045
    timeout: int = 60

    @property
    def where(self) -> str:
        """For messages."""
        return f"{self.name} ({self.user}@{self.host}:{self.port})"


def connect(access: Access, driver: Driver) -> Terminal:
    """Log in. Raises ClusterwrightError that says why not, and what to do."""
    try:
        from netmiko import ConnectHandler  # noqa: PLC0415 - 0.4 s, and it may be missing
    except ImportError:
        raise ClusterwrightError(f"{access.name}: the control machine lacks the Python library netmiko: pip install netmiko") from None
    try:
        connection = ConnectHandler(
            device_type=driver.device_type, host=access.host, port=access.port, username=access.user, password=access.password or "",
            secret=access.enable_password or "", use_keys=access.password is None, allow_agent=access.password is None,
            ssh_strict=True, system_host_keys=access.known_hosts is None, alt_host_keys=access.known_hosts is not None,
            alt_key_file=access.known_hosts or "", conn_timeout=access.timeout, auth_timeout=access.timeout, banner_timeout=access.timeout,
            read_timeout_override=access.timeout)
        if driver.device_type in _WITH_ENABLE and not connection.check_enable_mode():
            connection.enable()
    except Exception as error:  # netmiko's, paramiko's and the socket's; each gets its words
        raise ClusterwrightError(_why(access, error)) from None
    return NetmikoTerminal(connection, access.timeout)


def _why(access: Access, error: Exception) -> str:
    """Why there is no session. What the libraries say is not repeated whole: it is long, and about their options."""
    said, kind = str(error), type(error).__name__
    keyscan = f"ssh-keyscan -p {access.port} {access.host}"
    if "AuthenticationException" in kind:
        what = "the password" if access.password is not None else "the SSH key"
        return f"{access.where} refuses {what}: set ansible_user and ansible_password of this switch, and try with ssh"
    if "not found in known_hosts" in said:
        return (f"{access.where}: its host key is not known. Compare what `{keyscan}` says with the switch's own, and add it to "
                f"{access.known_hosts or '~/.ssh/known_hosts'}")
    if "does not match" in said:
        return (f"{access.where} has another host key than before: somebody else may answer there, or it was reinstalled. If it was, "
                f"replace its key in {access.known_hosts or '~/.ssh/known_hosts'} with what `{keyscan}` says")
    if "protocol banner" in said or isinstance(error, EOFError) or "No existing session" in said:
        return (f"{access.where} takes the connection but says nothing within {access.timeout} s: "
                "look whether its SSH daemon works, or is out of sessions")
    if "TCP connection" in said or "DNS failure" in said or isinstance(error, (socket.timeout, OSError)):
        return f"{access.where} does not answer: look at its power, its management port, and ansible_host and ansible_port"
    if "enable" in said.lower():
        return f"{access.where} does not let this user into enable mode: give it the privilege, or set the enable password"
    first = next((line.strip() for line in said.splitlines() if line.strip()), kind)
    return f"{access.where}: no session ({first[:160]})"


class NetmikoTerminal:
    """A session of netmiko's, read as data comes: a few ms a command instead of its polls."""

    def __init__(self, connection: Any, timeout: float) -> None:
        self._connection = connection
        self._channel = connection.remote_conn
        self._timeout = timeout
        base = re.escape(connection.base_prompt.strip("<[]> ")[:16])    # some platforms cut it in configuration mode
        self._prompt = re.compile(rf"(?:^|\n)[<\[]?{base}[^\n]*[#>$\]%] ?\Z")

    def send(self, command: str) -> str:
        """Write a line, and read up to the prompt that comes after its echo: prompts of netmiko's own empty lines may be on their way."""
        deadline = time.monotonic() + self._timeout
        echo = re.compile(re.escape(command.strip()[:20]) + r"[^\n]*\n")
        text, heard, decoder = "", False, codecs.getincrementaldecoder("utf-8")("replace")
        try:
            while self._channel.recv_ready():       # what came unasked
                self._channel.recv(65535)
            self._channel.sendall(command + "\n")
            while not (heard and self._prompt.search(self._plain(text[-300:]))):
                left = deadline - time.monotonic()
                if left <= 0:
                    raise socket.timeout
                self._channel.settimeout(left)
                data = self._channel.recv(65535)
                if not data:
                    raise LostError(f"the session ended at `{command}`")
                text += decoder.decode(data)
                heard = heard or echo.search(self._plain(text)) is not None
        except socket.timeout:
            raise LostError(f"no answer to `{command}` within {self._timeout:g} s") from None
        except OSError:
            raise LostError(f"the session ended at `{command}`") from None
        answer = echo.split(self._plain(text), maxsplit=1)[1]
        return "\n".join(answer.split("\n")[:-1])       # without the prompt

    def _plain(self, text: str) -> str:
        """Without colours, and with one way to end a line."""
        text = re.sub(r"\x1b\[\?2004[hl]\r?", "", text)     # bash 5.1 brackets what is typed; its \r ends no line
        return re.sub(r"\r+\n|\r", "\n", self._connection.strip_ansi_escape_codes(text))

    def close(self) -> None:
        """Hang up; netmiko's own way would send commands first."""
        self._connection.paramiko_cleanup()
