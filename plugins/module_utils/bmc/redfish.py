# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Redfish over HTTPS, by sushy.

Why sushy and not pyghmi's own Redfish: OpenStack Ironic drives every maker's machines with it, it follows their oddities (settings
resources, actions that are not where the standard has them, retries that iDRAC and iLO ask for), and each release names the Pythons that
it was tested with; pyghmi's is a by-product whose releases name Python 3.8 as the newest.
What sushy has no words for (accounts, the BMC's own network, sensors) is asked by its connector.

Sources: DSP0266 (Redfish), DSP0268 (its schemas).
"""

# mypy: disable-error-code="import-untyped,import-not-found"
from __future__ import annotations

import inspect
import logging
from typing import Any, Optional

from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc import verdict
from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc.driver import Boot, Identity, Network, Report, User
from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc.intent import BmcIntent
from ansible_collections.clusterwright.hpc.plugins.module_utils.bmc.verdict import BmcError

MISSING: Optional[ImportError] = None      # noqa: UP045 - Python 3.9 evaluates this
try:
    import sushy
    from sushy import auth, connector, exceptions
    connector._SERVER_SIDE_RETRY_DELAY = 0
except ImportError as missing:
    MISSING = missing

logging.getLogger("sushy").setLevel(logging.CRITICAL)       # what is wrong is said by the verdict

RESETS = {"on": "On", "off": "ForceOff", "soft": "GracefulShutdown", "reset": "ForceRestart"}
DEVICES = {"none": "None", "pxe": "Pxe", "disk": "Hdd", "cdrom": "Cd", "bios": "BiosSetup"}
LEVELS = {"administrator": "Administrator", "operator": "Operator", "user": "ReadOnly"}
SENSORS = (("Temperatures", "ReadingCelsius", "°C"), ("Fans", "Reading", ""), ("Voltages", "ReadingVolts", "V"),
           ("PowerControl", "PowerConsumedWatts", "W"), ("PowerSupplies", "LastPowerOutputWatts", "W"))
HEALTH = {"OK": "ok", "Warning": "warning", "Critical": "critical"}


def judge(error: Exception, during: str) -> BmcError:
    """What one of sushy's errors means. Its text may quote what was sent, so none of it is kept but the status."""
    status = getattr(error, "status_code", 0)
    if status == 401:
        return BmcError(verdict.WRONG_PASSWORD, "does not take this user and password")
    if status == 403:
        return BmcError(verdict.NO_PRIVILEGE, f"does not let the user {during}")
    if status in (429, 503):
        return BmcError(verdict.BUSY, f"is busy ({status}): try again")
    if status:
        return BmcError(verdict.REFUSED, f"refused to {during} (HTTP status {status})")
    if isinstance(error, exceptions.ConnectionError):
        if "certificate" in str(error).lower():
            return BmcError(verdict.REFUSED, "has a certificate that is not good: install the authority that signed it, or set "
                                             "validate_certs to false")
        if "refused" in str(error).lower():
            return BmcError(verdict.REFUSED, "refuses connections: is it a BMC, and does it speak Redfish on this port?")
        return BmcError(verdict.TIMED_OUT, "does not answer")
    return BmcError(verdict.REFUSED, f"lacks what is needed to {during} ({type(error).__name__})")


def _doing(during: str) -> Any:
    """Makes sushy's errors in a method ours."""
    def around(method: Any) -> Any:
        def call(self: Any, *args: Any, **keys: Any) -> Any:
            try:
                return method(self, *args, **keys)
            except exceptions.SushyError as error:
                raise judge(error, during) from None

        call.__doc__ = method.__doc__
        return call

    return around


def _connector(url: str, verify: bool) -> Any:
    """One try a request: what fails is tried again as a whole. With a TLS version it does not load all authorities for each request.

    Debian's sushy (4.3 in bookworm, 5.5 in trixie) does not know all of this; 4.3 tries ten times what was busy, then without a pause.
    """
    known = inspect.signature(connector.Connector).parameters
    wanted = {"server_side_retries": 1, "tls_min_version": "1.2"}
    return connector.Connector(url, verify=verify, **{key: value for key, value in wanted.items() if key in known})


class Redfish:
    """A session. Authentication is sent with each request: BMCs have few sessions, and there is none to leave behind."""

    def __init__(self, target: BmcIntent, _report: Report) -> None:
        port = target.get("port")
        url = f"https://{target['address']}{f':{port}' if port else ''}"
        self._connection = _connector(url, target.get("verify_tls", True))
        self._url, self._verify = url, target.get("verify_tls", True)
        self._login(target, url)

    @_doing("log in")
    def _login(self, target: BmcIntent, url: str) -> None:
        self._root = sushy.Sushy(url, auth=auth.BasicAuth(target["username"], target["password"]), connector=self._connection)
        systems = self._root.get_system_collection().get_members()
        if not systems:
            raise BmcError(verdict.REFUSED, "knows no machine (its collection of systems is empty)")
        self._system = systems[0]

    def close(self) -> None:
        """Nothing to log out from."""
        self._connection.close()

    def _get(self, path: str) -> dict[str, Any]:
        found: dict[str, Any] = self._connection.get(path).json()
        return found

    def _members(self, path: str) -> list[dict[str, Any]]:
        return [self._get(member["@odata.id"]) for member in self._get(path).get("Members", [])]

    def _linked(self, resource: dict[str, Any], *keys: str) -> Optional[str]:      # noqa: UP045
        """The path that a resource links to."""
        for key in keys:
            resource = resource.get(key) or {}
            if isinstance(resource, list):
                resource = resource[0] if resource else {}
        path = resource.get("@odata.id")
        return str(path) if path else None

    def _manager(self) -> dict[str, Any]:
        path = self._linked(self._system.json, "Links", "ManagedBy")
        return self._get(path) if path else self._members(self._linked(self._root.json, "Managers") or "")[0]

    # --- power and boot

    @_doing("tell its power state")
    def power(self) -> str:
        """`on` until it is off."""
        self._system.refresh(force=True)
        return "off" if self._system.power_state in (sushy.PowerState.OFF, sushy.PowerState.POWERING_ON) else "on"

    @_doing("switch the power")
    def control(self, action: str) -> None:
        """One of driver.ACTIONS."""
        self._system.reset_system(sushy.ResetType(RESETS[action]))

    @_doing("tell its boot device")
    def boot(self) -> Boot:
        """The override."""
        self._system.refresh(force=True)
        found = self._system.json.get("Boot") or {}
        target = next((name for name, word in DEVICES.items() if word == found.get("BootSourceOverrideTarget")), "another device")
        enabled = found.get("BootSourceOverrideEnabled", "Disabled")
        if enabled == "Disabled" or target == "none":
            return Boot()
        return Boot(target, enabled == "Once", found.get("BootSourceOverrideMode") == "UEFI")

    @_doing("set its boot device")
    def set_boot(self, boot: Boot) -> None:
        """The override."""
        if boot.device == "none":
            self._system.set_system_boot_options(sushy.BootSource.NONE, sushy.BootSourceOverrideEnabled.DISABLED)
            return
        enabled = sushy.BootSourceOverrideEnabled.ONCE if boot.once else sushy.BootSourceOverrideEnabled.CONTINUOUS
        mode = sushy.BootSourceOverrideMode.UEFI if boot.uefi else sushy.BootSourceOverrideMode.LEGACY
        self._system.set_system_boot_options(sushy.BootSource(DEVICES[boot.device]), enabled, mode)

    # --- what it is

    @_doing("tell what it is")
    def facts(self, gather: list[str]) -> dict[str, Any]:
        """Firmware, parts, sensors, events."""
        found: dict[str, Any] = {}
        system = self._system.json
        if "firmware" in gather:
            found["firmware"] = {"version": str(self._manager().get("FirmwareVersion") or ""), "bios": str(system.get("BiosVersion") or "")}
        if "fru" in gather:
            names = {"manufacturer": "Manufacturer", "product": "Model", "serial": "SerialNumber", "part": "PartNumber"}
            found["fru"] = {key: str(system[name]).strip() for key, name in names.items() if system.get(name)}
            found.update(uuid=(system.get("UUID") or "").lower() or None, serial=found["fru"].get("serial"))
        if "sensors" in gather:
            found["sensors"] = self._sensors()
        if "sel" in gather:
            found["sel"] = self._sel()
        return found

    def _sensors(self) -> list[dict[str, Any]]:
        chassis = self._linked(self._system.json, "Links", "Chassis")
        found = []
        for part in ("Thermal", "Power"):
            path = self._linked(self._get(chassis), part) if chassis else None
            answer = self._get(path) if path else {}
            for kind, reading, unit in SENSORS:
                for sensor in answer.get(kind, []):
                    status = sensor.get("Status") or {}
                    present = status.get("State", "Enabled") == "Enabled"
                    found.append({"name": sensor.get("Name") or "", "value": sensor.get(reading) if present else None,
                                  "unit": sensor.get("ReadingUnits") or unit, "states": [status.get("State", "")],
                                  "health": HEALTH.get(status.get("Health") or "OK", "failed")})
        return found

    def _sel(self) -> list[dict[str, Any]]:
        """The first log of the machine or of its BMC that has entries of the SEL's kind."""
        for owner in (self._system.json, self._manager()):
            services = self._linked(owner, "LogServices")
            for log in self._members(services) if services else []:
                entries = self._linked(log, "Entries")
                if entries and log.get("Id", "").lower() in ("sel", "log1", "eventlog", "log"):
                    members = self._get(entries).get("Members", [])
                    return [{"time": entry.get("Created"), "sensor": entry.get("SensorType") or "", "text": entry.get("Message") or "",
                             "severity": HEALTH.get(entry.get("Severity", "OK"), "failed")} for entry in members]
        return []

    @_doing("tell whose it is")
    def identity(self, keys: list[str]) -> Identity:
        """By the system, and the network interfaces of both."""
        system = self._system.json
        found = Identity(uuid=system.get("UUID"), serial=system.get("SerialNumber"))
        if "mac" in keys and (path := self._linked(system, "EthernetInterfaces")):
            found = found._replace(mac=next((port["MACAddress"] for port in self._members(path) if port.get("MACAddress")), None))
        if "bmc_mac" in keys:
            found = found._replace(bmc_mac=self._interface().get("MACAddress"))
        return found

    # --- the BMC's own network

    def _interface(self) -> dict[str, Any]:
        path = self._linked(self._manager(), "EthernetInterfaces")
        ports = self._members(path) if path else []
        if not ports:
            raise BmcError(verdict.REFUSED, "names no network interface of its own")
        return ports[0]

    @_doing("tell its network settings")
    def network(self) -> Network:
        """The first address of its first interface."""
        port = self._interface()
        address = (port.get("IPv4Addresses") or [{}])[0]
        vlan = port.get("VLAN") or {}
        source = "dhcp" if (port.get("DHCPv4") or {}).get("DHCPEnabled") or address.get("AddressOrigin") == "DHCP" else "static"
        return Network(address.get("Address") or "", address.get("SubnetMask") or "", address.get("Gateway") or "0.0.0.0", source,
                       vlan.get("VLANId", 0) if vlan.get("VLANEnable") else 0, (port.get("MACAddress") or "").lower())

    @_doing("change its network settings")
    def set_network(self, wanted: Network, present: Network) -> None:
        """In one request: the next one may not arrive any more."""
        change: dict[str, Any] = {}
        if wanted.source != present.source:
            change["DHCPv4"] = {"DHCPEnabled": wanted.source == "dhcp"}
        if wanted.source == "static" and (wanted[:4] != present[:4]):
            change["IPv4StaticAddresses"] = [{"Address": wanted.address, "SubnetMask": wanted.netmask, "Gateway": wanted.gateway}]
        if wanted.vlan != present.vlan:
            change["VLAN"] = {"VLANEnable": bool(wanted.vlan), **({"VLANId": wanted.vlan} if wanted.vlan else {})}
        self._connection.patch(self._interface()["@odata.id"], data=change)

    # --- users

    def _accounts(self) -> str:
        service = self._linked(self._root.json, "AccountService")
        path = self._linked(self._get(service), "Accounts") if service else None
        if not path:
            raise BmcError(verdict.REFUSED, "has no account service")
        return path

    @_doing("list its users")
    def users(self) -> list[User]:
        """Those that have a name."""
        found = []
        for account in self._members(self._accounts()):
            if account.get("UserName"):
                level = next((key for key, word in LEVELS.items() if word == account.get("RoleId")), "none")
                found.append(User(account["@odata.id"], account["UserName"], level, bool(account.get("Enabled", True))))
        return found

    @_doing("change its users")
    def set_user(self, name: str, level: str, password: Optional[str], present: Optional[User]) -> None:      # noqa: UP045
        """A new account, or a change of one."""
        change: dict[str, Any] = {"RoleId": LEVELS[level], "Enabled": True, **({"Password": password} if password is not None else {})}
        if present:
            self._connection.patch(present.id, data=change)
            return
        accounts = self._accounts()
        try:
            self._connection.post(accounts, data={"UserName": name, **change})
        except exceptions.HTTPError as error:
            if error.status_code != 405:
                raise
            # Some have a fixed number of accounts, the free ones without a name.
            free = next((account for account in self._members(accounts) if not account.get("UserName") and account.get("Id") != "1"), None)
            if not free:
                raise BmcError(verdict.REFUSED, "has no place left for a user") from None
            self._connection.patch(free["@odata.id"], data={"UserName": name, **change})

    @_doing("change its users")
    def remove_user(self, user: User) -> None:
        """The account goes, or is emptied where accounts are fixed."""
        try:
            self._connection.delete(user.id)
        except exceptions.HTTPError as error:
            if error.status_code != 405:
                raise
            self._connection.patch(user.id, data={"UserName": "", "Enabled": False})

    def proves(self, name: str, password: str) -> bool:
        """By logging in."""
        trial = _connector(self._url, self._verify)
        trial.set_http_basic_auth(name, password)
        try:
            trial.get(self._linked(self._root.json, "Systems"))
        except exceptions.AccessError as error:
            return bool(error.status_code == 403)       # known, and may not look
        except exceptions.SushyError as error:
            raise judge(error, "test a password") from None
        finally:
            trial.close()
        return True


DRIVER = Redfish
