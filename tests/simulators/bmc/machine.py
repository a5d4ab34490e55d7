"""The machine that a simulated BMC switches: power, boot, who it is. No network here."""

from __future__ import annotations

import hashlib
import itertools
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

Clock = Callable[[float, Callable[[], None]], Any]
Hook = Callable[[str, str], None]

# What the second byte of the boot flags chooses (IPMI 2.0, table 28-14).
BOOT_DEVICES = {0: "none", 1: "pxe", 2: "disk", 3: "safe", 4: "diagnostic", 5: "cdrom", 6: "bios", 15: "floppy"}
FLAG_SECONDS = 60.0     # so long boot flags are valid when no power command follows, unless parameter 3 says otherwise
_events = itertools.count(1)


@dataclass(frozen=True)
class Boot:
    """One start of the machine: from where, and whether UEFI was asked for."""

    device: str
    uefi: bool = False


@dataclass
class Faults:
    """What is wrong with a BMC or its machine; all can be set and cleared at any time."""

    drop: bool = False          # answers nothing
    loss: float = 0.0           # this share of packets, in both directions, is lost
    delay: float = 0.0          # seconds before each answer
    hang: bool = False          # answers the login, and nothing after it
    busy: int = 0               # so many commands are answered with 0xC0; -1: each
    stuck: bool = False         # takes power commands, and nothing happens
    deaf: str = ""              # takes this power command ("on", "off", ...), and nothing happens
    refuse: int = 0             # completion code with which power commands are refused
    never_boots: bool = False   # has power, and its system never comes up

    def clear(self) -> None:
        """All is well."""
        self.__dict__.update(Faults().__dict__)


@dataclass
class Machine:
    """Power off, on, or on its way. `clock` calls a function later; `hook` is told (name, action) of what really happens."""

    name: str
    number: int = 0
    power: bool = False
    boot_seconds: float = 0.3       # from power to a system that is up
    off_seconds: float = 0.02       # a power supply is not off at once
    shutdown_seconds: float = 0.2   # what a soft shutdown takes
    clock: Clock | None = None
    hook: Hook | None = None
    flags: bytes = bytes(5)         # parameter 5 of the boot options
    flags_stay: bool = False        # parameter 3: do not forget them after a minute
    up: bool = False
    boots: list[Boot] = field(default_factory=list)
    actions: list[tuple[int, str]] = field(default_factory=list)     # (number of the event in this process, action)
    faults: Faults = field(default_factory=Faults)
    uuid: str = ""
    serial: str = ""
    mac: str = ""
    bmc_mac: str = ""
    _step: int = 0                  # what was planned before it is void

    def __post_init__(self) -> None:
        digest = hashlib.sha256(self.name.encode()).digest()
        self.uuid = self.uuid or str(uuid.UUID(bytes=digest[:16], version=4))
        self.serial = self.serial or f"S{digest[16:20].hex().upper()}"
        self.mac = self.mac or "02:00:" + ":".join(f"{byte:02x}" for byte in digest[20:24])
        self.bmc_mac = self.bmc_mac or "02:01:" + ":".join(f"{byte:02x}" for byte in digest[20:24])
        self.up = self.power

    def _later(self, seconds: float, what: Callable[[], None]) -> None:
        self._step += 1
        step = self._step

        def run() -> None:
            if step == self._step:
                what()

        if self.clock:
            self.clock(seconds, run)
        else:
            run()

    def _did(self, action: str) -> None:
        self.actions.append((next(_events), action))
        if self.hook:
            self.hook(self.name, action)

    def control(self, action: str) -> None:
        """on, off, soft, cycle or reset, as a BMC is told."""
        if self.faults.stuck or self.faults.deaf == action:
            return
        if action == "on" and not self.power:
            self._later(self.off_seconds, self._on)
        elif action == "off" and self.power:
            self._later(self.off_seconds, self._off)
        elif action == "soft" and self.up:
            self._later(self.shutdown_seconds, self._off)
        elif action in ("reset", "cycle") and self.power:
            if action == "cycle":
                self._off()
                self._later(self.off_seconds, self._on)
            else:
                self.up = False
                self._did("reset")
                self._start()

    def _on(self) -> None:
        self.power = True
        self._did("on")
        self._start()

    def _off(self) -> None:
        self.power = self.up = False
        self._did("off")

    def _start(self) -> None:
        """The firmware reads the boot flags, and forgets those that are for once."""
        valid, persistent, uefi = (bool(self.flags[0] & bit) for bit in (0x80, 0x40, 0x20))
        device = BOOT_DEVICES.get(self.flags[1] >> 2 & 15, "none") if valid else "none"
        self.boots.append(Boot("disk" if device == "none" else device, valid and uefi))
        if valid and not persistent:
            self.flags = bytes(5)
        if not self.faults.never_boots:
            self._later(self.boot_seconds, self._booted)

    def _booted(self) -> None:
        self.up = self.power

    def set_flags(self, data: bytes) -> None:
        """Parameter 5."""
        self.flags = (data + bytes(5))[:5]
        mine = self.flags

        def forget() -> None:
            if self.flags is mine and not self.flags_stay:
                self.flags = bytes(5)

        if self.clock and self.flags[0] & 0x80:
            self.clock(FLAG_SECONDS, forget)
