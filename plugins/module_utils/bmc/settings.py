# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The settings of BMCs that modules change: the next start, a user, the network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Optional

from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc.change import Data, Plain
from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc.driver import Boot, Driver, Network, User
from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc.intent import BmcIntent
from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc.verdict import REFUSED, BmcError


class BootDevice(Plain):
    """From where the next start is."""

    name = "boot device"

    def __init__(self, device: str, once: bool, uefi: bool) -> None:
        self._boot = Boot() if device == "none" else Boot(device, once, uefi)

    def read(self, driver: Driver, _target: BmcIntent) -> Data:
        """As plain data."""
        return driver.boot()._asdict()

    def wanted(self, _target: BmcIntent, _present: Data) -> Data:
        """The same for all."""
        return self._boot._asdict()

    def write(self, driver: Driver, _target: BmcIntent, _present: Data, _wanted: Data) -> None:
        """In one command."""
        driver.set_boot(self._boot)

    def commands(self, _target: BmcIntent, _present: Data, _wanted: Data) -> list[str]:
        """In words."""
        return [f"boot from {self._boot}" if self._boot.device != "none" else "no override of the boot device"]

    def impact(self, changes: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Nothing before the next start."""
        names = list(changes)
        if not names:
            return []
        return [{"kind": "next_boot", "nodes": names, "text": f"the next start of {', '.join(names[:10])}"
                 f"{f' and {len(names) - 10} more' if len(names) > 10 else ''} is from {self._boot}"}]


class WantedUser(NamedTuple):
    """level: administrator, operator or user; None takes the user away. change_password: also when it is there already."""

    user: str
    level: Optional[str]            # noqa: UP045 - Python 3.9 evaluates this
    password: Optional[str]         # noqa: UP045
    change_password: bool = True


class BmcUser(Plain):
    """One user. As data: level, enabled, and whether the password is the wanted one where that matters; {} is no such user."""

    name = "user"

    def __init__(self, wanted: WantedUser) -> None:
        self._wanted = wanted

    def _find(self, driver: Driver) -> Optional[User]:      # noqa: UP045
        return next((user for user in driver.users() if user.name == self._wanted.user), None)

    def read(self, driver: Driver, _target: BmcIntent) -> Data:
        """The password is only tested where that matters."""
        user = self._find(driver)
        if not user:
            return {}
        found = {"level": user.level, "enabled": user.enabled}
        wanted = self._wanted
        if wanted.level and wanted.password is not None and wanted.change_password:
            found["password"] = "as wanted" if driver.proves(wanted.user, wanted.password) else "another"
        return found

    def wanted(self, target: BmcIntent, present: Data) -> Data:
        """What would lock out the very user that does it is refused."""
        wanted = self._wanted
        own = target["username"] == wanted.user
        if own and present and (wanted.level != "administrator" or present.get("password") == "another"):
            raise BmcError(REFUSED, f"was left as it is: {wanted.user} is the user that this task logs in with. Log in as another one")
        if wanted.level is None:
            return {}
        if not present and wanted.password is None:
            raise BmcError(REFUSED, f"has no user {wanted.user} yet, and a new one needs a password")
        found = {"level": wanted.level, "enabled": True}
        if wanted.password is not None and wanted.change_password:
            found["password"] = "as wanted"
        return found

    def write(self, driver: Driver, _target: BmcIntent, present: Data, wanted: Data) -> None:
        """A password is sent only where it is another."""
        user = self._find(driver)
        if self._wanted.level is None:
            if user:
                driver.remove_user(user)
            return
        new = not present or present.get("password") == "another"
        driver.set_user(self._wanted.user, wanted["level"], self._wanted.password if new else None, user)

    def commands(self, _target: BmcIntent, present: Data, wanted: Data) -> list[str]:
        """In words, without the password."""
        if not wanted:
            return [f"remove user {self._wanted.user}"]
        if not present:
            return [f"user {self._wanted.user}, {wanted['level']}, with its password"]
        return [f"user {self._wanted.user}: {key if key == 'password' else f'{key} {wanted[key]}'}" for key in wanted
                if present.get(key) != wanted[key]]

    def impact(self, changes: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Whoever used that user."""
        names = list(changes)
        return [{"kind": "login_changes", "nodes": names, "user": self._wanted.user,
                 "text": f"what logs in as {self._wanted.user} to the BMCs of {len(names)} nodes meets the change"}] if names else []


class WantedNetwork(NamedTuple):
    """What is None stays. addresses: by the node's name."""

    source: Optional[str] = None            # noqa: UP045
    addresses: Mapping[str, str] = {}
    netmask: Optional[str] = None           # noqa: UP045
    gateway: Optional[str] = None           # noqa: UP045
    vlan: Optional[int] = None              # noqa: UP045


class BmcNetwork(Plain):
    """The BMC's own IPv4 settings."""

    name = "network settings"

    def __init__(self, wanted: WantedNetwork) -> None:
        self._wanted = wanted

    def read(self, driver: Driver, _target: BmcIntent) -> Data:
        """As plain data."""
        return driver.network()._asdict()

    def wanted(self, target: BmcIntent, present: Data) -> Data:
        """What is declared, over what is there."""
        declared = {**self._wanted._asdict(), "address": self._wanted.addresses.get(target["name"])}
        found = {**present, **{key: value for key, value in declared.items() if key in present and value is not None}}
        if found["source"] != "static" and any(found[key] != present[key] for key in ("address", "netmask", "gateway")):
            raise BmcError(REFUSED, f"has its address from {found['source'].upper()}: with source=static it can be set")
        return found

    def write(self, driver: Driver, _target: BmcIntent, present: Data, wanted: Data) -> None:
        """The driver knows the order."""
        driver.set_network(Network(**wanted), Network(**present))

    def where(self, target: BmcIntent, wanted: Data) -> BmcIntent:
        """At the new address."""
        moved: BmcIntent = {**target}
        if self._wanted.addresses.get(target["name"]):
            moved["address"] = wanted["address"]
        return moved

    def commands(self, _target: BmcIntent, present: Data, wanted: Data) -> list[str]:
        """In words."""
        return [f"{key} {wanted[key]}" for key in wanted if wanted[key] != present[key]]

    def impact(self, changes: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Each BMC whose network is touched can be lost."""
        found = []
        for name, wanted in changes.items():
            vlan = f" in VLAN {wanted['vlan']}" if wanted["vlan"] else ""
            found.append({"kind": "bmc_moves", "nodes": [name], "address": wanted["address"], "vlan": wanted["vlan"],
                          "text": f"the BMC of {name} is then to be reached at {wanted['address']}{vlan}"})
        return found
