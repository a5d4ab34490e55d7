"""One simulated BMC: what it is, who may use it, what is wrong with it, and the machine that it switches."""

from __future__ import annotations

import uuid
from typing import Any

from .commands import Commands
from .machine import Faults, Machine
from .records import Log, fru, sensors
from .users import Users
from .wire import SUITES, Wire


class Bmc:
    """A BMC at an address. `machine` is what it is wired to: exchange those of two, and they are crossed."""

    def __init__(self, name: str, address: str, machine: Machine, user: str, password: str, suites: tuple[int, ...] = (3, 17),
                 protocol: str = "ipmi") -> None:
        self.name = name
        self.address = address
        self.machine = machine
        self.protocol = protocol
        self.users = Users()
        self.users.add(user, password)
        self.suites = [SUITES[number] for number in suites]
        self.firmware = (1, 0x42)
        self.manufacturer = 0x00A2B3
        self.shortest_password = 1
        self.restore = 0
        self.identify = False
        self.resets = 0
        self.packets = 0            # that came
        self.sensors = sensors()
        self.sel = Log()
        self.sel.add(0x0C, 0, 0, at=1_767_225_600)     # one corrected memory error, at 2026-01-01
        self.lan: dict[str, Any] = {"address": address, "netmask": "255.255.0.0", "gateway": "0.0.0.0", "source": 1, "vlan": 0}
        self.commands = Commands(self)
        self.wire = Wire(self)

    def __repr__(self) -> str:
        return f"<simulated BMC of {self.name} at {self.address}>"

    @property
    def faults(self) -> Faults:
        """What is wrong with it or its machine; goes with the machine when two are crossed."""
        return self.machine.faults

    @property
    def guid(self) -> bytes:
        """The machine's UUID, as SMBIOS and IPMI write it."""
        return uuid.UUID(self.machine.uuid).bytes_le

    @property
    def fru(self) -> bytes:
        return fru(self.machine.serial)
