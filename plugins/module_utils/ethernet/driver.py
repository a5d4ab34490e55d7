# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a switch platform is: data, how to read, how to write. One file a platform in `drivers/`.

Whether a driver can do a thing is seen by whether it declares it: an empty tuple is "the platform has no such thing".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from .state import State, Step


class Neighbour(NamedTuple):
    """One LLDP neighbour: our port, and what the other end calls itself and its port."""

    port: str
    system: str
    remote_port: str
    remote_id: str          # its chassis id or port id where that is a MAC, in lower case with colons; else ""


class Learned(NamedTuple):
    """One line of the MAC table."""

    mac: str                # lower case with colons
    vlan: int
    port: str


class About(NamedTuple):
    """What the switch says of itself."""

    model: str
    version: str
    serial: str


@dataclass(frozen=True)
class Safety:
    """How the platform lets a change go back by itself. Commands, in the order in which they are sent; `{name}` is the change's name,
    `{minutes}` the time after which an unconfirmed change goes back. Each of these tuples starts and ends outside of configuration mode.

    The session sends `begin`, `enter`, the steps, `leave`, `activate`, reads back, `confirm`, and `save`. Just before anything acts it
    reads once more: before `activate` if there is one, else after `enter`, so that nothing is sent between that and the first step.
    A candidate: nothing acts before `activate` (with a timer where there is one). A checkpoint: `begin` makes it, the steps act at once,
    `confirm` removes it. `abandon` takes back all that is not confirmed, whether it was activated or not.
    """

    begin: tuple[str, ...] = ()
    activate: tuple[str, ...] = ()
    confirm: tuple[str, ...] = ()
    abandon: tuple[str, ...] = ()
    timer: bool = False         # whether an unconfirmed change goes back although the session is lost


class Driver(Protocol):
    """A platform. Commands are what a person would type; parsers take what the switch answered, without prompt and echo."""

    platform: str                       # as the cluster file names it
    device_type: str                    # netmiko's
    reads: Mapping[str, str]            # what is read for the state: key -> command; in configuration mode too, where that acts at once
    about_reads: Mapping[str, str]      # for About
    lldp_reads: Mapping[str, str]
    mac_reads: Mapping[str, str]
    rejections: tuple[str, ...]         # regular expressions: an answer that matches one is a rejected command
    enter: tuple[str, ...]              # into configuration mode (or the candidate `{name}`), and out of it again from any depth
    leave: tuple[str, ...]
    safety: Safety
    save: tuple[str, ...]               # running to startup configuration
    saved: Mapping[str, str]            # "running" and "saved": what shows both configurations; empty: nothing tells whether it is saved
    name_limit: int                     # the longest name of a VLAN; 0: VLANs have no names here, a State has "" for each

    def parse(self, answers: Mapping[str, str]) -> State:
        """The state, from the answers to `reads`. ValueError names the line that it does not understand."""
        ...

    def about(self, answers: Mapping[str, str]) -> About:
        """From the answers to `about_reads`."""
        ...

    def lldp(self, answers: Mapping[str, str]) -> list[Neighbour]:
        """From the answers to `lldp_reads`."""
        ...

    def macs(self, answers: Mapping[str, str]) -> list[Learned]:
        """From the answers to `mac_reads`."""
        ...

    def commands(self, steps: Sequence[Step], state: State, answers: Mapping[str, str]) -> list[str]:
        """What brings these steps about, to be sent in configuration mode.

        Within a port VLANs are added before others are removed. `state` is the one that the steps start from, `answers` is what it was read
        from (for platforms whose configuration is a file). Only what differs between a SetPort's `before` and `after` is written.
        """
        ...

    def mtu(self, payload: int) -> int:
        """What a port carries that is told to carry this much: some platforms know two sizes only."""
        ...

    def port_name(self, name: str) -> str:
        """The full name of a port, for a name that a person or another table wrote (`Eth1/1`, `XGE1/0/1`)."""
        ...
