# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What every driver can do, and which there are. A driver is one open session with one BMC; errors are BmcError."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, Optional, Protocol

from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc.intent import BmcIntent
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError

# Told what is being done ("logs in"), so that a call that never ends can be explained.
Report = Callable[[str], None]

LIBRARIES = {"ipmi": "pyghmi", "redfish": "sushy"}
ACTIONS = ("on", "off", "soft", "reset")
DEVICES = ("none", "pxe", "disk", "bios", "cdrom")
LOGIN_STAGE = "logs in"


class Boot(NamedTuple):
    """From where the machine starts next: `none` is no override. once: only the next time."""

    device: str = "none"
    once: bool = True
    uefi: bool = False

    def __str__(self) -> str:
        return "none" if self.device == "none" else f"{self.device} {'once' if self.once else 'always'}{' by UEFI' if self.uefi else ''}"


class User(NamedTuple):
    """A user of a BMC; level: administrator, operator, user or none."""

    id: str
    name: str
    level: str
    enabled: bool


class Network(NamedTuple):
    """The BMC's own IPv4. source: static or dhcp. vlan: 0 is none."""

    address: str
    netmask: str
    gateway: str
    source: str
    vlan: int
    mac: str


class Identity(NamedTuple):
    """Who the machine is, as its BMC tells; None where it was not asked or does not say."""

    uuid: Optional[str] = None          # noqa: UP045 - Python 3.9 evaluates this
    serial: Optional[str] = None        # noqa: UP045
    mac: Optional[str] = None           # noqa: UP045 - of the machine's first port; IPMI does not know it
    bmc_mac: Optional[str] = None       # noqa: UP045


class Driver(Protocol):
    """A session."""

    def power(self) -> str:
        """`on` or `off`."""
        ...

    def control(self, action: str) -> None:
        """One of ACTIONS. It returns when the BMC has taken it, not when it is done."""
        ...

    def boot(self) -> Boot:
        """What was set for the next start."""
        ...

    def set_boot(self, boot: Boot) -> None:
        """Set it."""
        ...

    def facts(self, gather: list[str]) -> dict[str, Any]:
        """Of firmware, fru, sensors, sel, what is asked for."""
        ...

    def identity(self, keys: list[str]) -> Identity:
        """Those fields of Identity that are asked for, as far as the BMC knows them."""
        ...

    def users(self) -> list[User]:
        """All that have a name."""
        ...

    def set_user(self, name: str, level: str, password: Optional[str], present: Optional[User]) -> None:    # noqa: UP045
        """Make or change it; present: as it is now. password None: as it is."""
        ...

    def remove_user(self, user: User) -> None:
        """Take it away."""
        ...

    def proves(self, name: str, password: str) -> bool:
        """Whether this is the password of that user."""
        ...

    def network(self) -> Network:
        """As it is."""
        ...

    def set_network(self, wanted: Network, present: Network) -> None:
        """Only what differs is written, the address last."""
        ...

    def close(self) -> None:
        """Log out."""
        ...


def _module(protocol: str) -> Any:
    """The driver's module. Each is named here, for Ansible sends only modules that it finds in an import."""
    if protocol == "ipmi":
        from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc import ipmi  # noqa: PLC0415 - costs 0.3 s
        return ipmi
    from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc import redfish  # noqa: PLC0415
    return redfish


def load(protocols: Iterable[str]) -> None:
    """Import the drivers of these protocols, before the processes that use them are forked. Raises ClusterwrightError."""
    for protocol in sorted(set(protocols)):
        library = LIBRARIES[protocol]
        if missing := _module(protocol).MISSING:
            raise ClusterwrightError(f"The Python library {library}, for BMCs that are spoken to by {protocol}, is not installed here "
                                     f"({missing}): on the host that this task runs on, type `{sys.executable} -m pip install {library}`")


def connect(target: BmcIntent, report: Report) -> Driver:
    """A session with a BMC by its protocol, whose driver was loaded. Raises BmcError."""
    report(LOGIN_STAGE)
    session: Driver = _module(target["protocol"]).DRIVER(target, report)
    return session
