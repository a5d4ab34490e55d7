"""What a simulated switch is: its configurations, its neighbours, what it has learned, and who changed what.

All dialects work on this one model. What differs between platforms (what a new trunk carries, what becomes of a port whose VLAN is removed)
is the dialect's.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from .vlans import ALL


@dataclass
class Port:
    """A port or a LAG, as it is configured."""

    name: str
    mode: str = "access"                                    # access, trunk, hybrid or routed
    access: int = 1
    native: int | None = 1                                  # None: a trunk that drops untagged frames
    allowed: frozenset[int] = ALL                           # frozen, because thousands of ports share it
    untagged: frozenset[int] = frozenset()                  # of a hybrid port: those that leave it untagged besides native
    mtu: int | None = None                                  # None: the platform's own
    description: str = ""
    channel: str | None = None                              # the LAG that it is a member of
    shutdown: bool = False
    inherits: frozenset[str] = frozenset()                  # Cumulus: what it has from the bridge, vids and pvid
    link: bool = True                                       # whether a cable with a living other end is in it


@dataclass
class Config:
    """A configuration: running, startup, a candidate, a checkpoint. `lines` is what nobody here interprets, by the line's first words."""

    vlans: dict[int, str] = field(default_factory=dict)
    ports: dict[str, Port] = field(default_factory=dict)
    lines: dict[str, str] = field(default_factory=dict)
    loose: bool = False             # a VLAN that a port carries needs no entry among `vlans` (a Linux bridge)

    def copy(self) -> Config:
        return Config(dict(self.vlans), {name: copy.copy(port) for name, port in self.ports.items()}, dict(self.lines), self.loose)

    def take(self, other: Config) -> None:
        """Become what the other one is."""
        taken = other.copy()
        self.vlans, self.ports, self.lines = taken.vlans, taken.ports, taken.lines

    def members(self, channel: str) -> list[Port]:
        return [port for port in self.ports.values() if port.channel == channel]

    def carries(self, port: Port) -> tuple[int | None, frozenset[int]]:
        """The VLAN of untagged frames and those of tagged ones that really pass: a VLAN that does not exist carries nothing."""
        if port.shutdown or port.mode == "routed" or port.channel:
            return None, frozenset()
        known = ALL if self.loose else frozenset(self.vlans)
        if port.mode == "access":
            return (port.access if port.access in known else None), frozenset()
        native = port.native if port.native in known and port.native in port.allowed | port.untagged else None
        return native, known & port.allowed - {port.native or 0} - port.untagged


class Neighbour(NamedTuple):
    """What LLDP has heard on a port."""

    port: str
    system: str
    remote_port: str
    chassis: str = "00:00:5e:00:53:01"
    bridge: bool = False        # whether it says that it is a switch


class Learned(NamedTuple):
    """A line of the MAC table."""

    mac: str
    vlan: int
    port: str


class Command(NamedTuple):
    """One line that somebody sent."""

    session: int
    prompt: str
    line: str
    rejected: bool


class Change(NamedTuple):
    """A change of the running or the startup configuration."""

    when: float
    who: str            # session 3, a timer, somebody else
    what: str


@dataclass
class Identity:
    """What a switch says of itself."""

    name: str
    model: str
    version: str
    serial: str
    mac: str


class Timer(Protocol):
    """What a clock gives back."""

    def cancel(self) -> None: ...


def _no_clock(_seconds: float, _function: Callable[[], None]) -> Timer:
    raise RuntimeError("this device has no clock")


class Device:
    """A switch without its command line."""

    def __init__(self, identity: Identity, running: Config) -> None:
        self.identity = identity
        self.running = running
        self.startup = running.copy()
        self.checkpoints: dict[str, Config] = {}
        self.candidates: dict[str, Config] = {}
        self.neighbours: list[Neighbour] = []
        self.macs: list[Learned] = []
        self.files: dict[str, str] = {}             # of platforms that are a Linux system
        self.memory: dict[str, dict[str, Any]] = {}  # what a dialect keeps beyond a session
        self.log: list[Change] = []
        self.saves = 0
        self.watchers: list[Callable[[], None]] = []
        self.started = time.time()
        self.clock: Callable[[float, Callable[[], None]], Timer] = _no_clock
        self._timers: list[Timer] = []

    def note(self, who: str, what: str) -> None:
        """Write into the log, and tell those who follow the running configuration (the datapath)."""
        self.log.append(Change(time.time(), who, what))
        for watcher in self.watchers:
            watcher()

    def later(self, seconds: float, function: Callable[[], None]) -> Timer:
        """Call it when so many of the switch's seconds are over, unless it starts again before."""
        timer = self.clock(seconds, function)
        self._timers.append(timer)
        return timer

    def save(self, who: str, what: str = "save") -> None:
        """Running becomes startup configuration."""
        self.startup.take(self.running)
        self.saves += 1
        self.note(who, what)

    def reboot(self) -> None:
        """Start again with what was saved: timers and candidates are gone."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
        self.running.take(self.startup)
        self.candidates.clear()
        self.memory.clear()
        self.note("power", "reboot")

    def change(self, who: str, how: Callable[[Config], object]) -> None:
        """Change the running configuration from outside, as somebody at the console would."""
        how(self.running)
        self.note(who, "changed by hand")

    def learn(self, macs: Iterable[tuple[str, int, str]]) -> None:
        self.macs += [Learned(*entry) for entry in macs]

    def hear(self, neighbours: Iterable[Neighbour]) -> None:
        self.neighbours += neighbours
