"""Redfish of a simulated BMC, over HTTPS: one system, one manager, one chassis: power, boot, parts, sensors, events, accounts."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import datetime
import json
import ssl
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from .machine import BOOT_DEVICES
from .records import Presence
from .users import ADMINISTRATOR, User

if TYPE_CHECKING:
    from .bmc import Bmc

ROOT = "/redfish/v1"
SYSTEM, MANAGER, CHASSIS, ACCOUNTS = f"{ROOT}/Systems/1", f"{ROOT}/Managers/1", f"{ROOT}/Chassis/1", f"{ROOT}/AccountService/Accounts"
TARGETS = {"Pxe": "pxe", "Hdd": "disk", "Cd": "cdrom", "BiosSetup": "bios", "None": "none"}
RESETS = {"On": "on", "ForceOff": "off", "GracefulShutdown": "soft", "ForceRestart": "reset", "PowerCycle": "cycle"}
ROLES = {4: "Administrator", 3: "Operator", 2: "ReadOnly"}


class Status(Exception):
    """An answer that is only a status."""


def context() -> ssl.SSLContext:
    """TLS with a certificate of our own making, as most BMCs have."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "simulated BMC")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(1)
                   .not_valid_before(now - datetime.timedelta(days=1)).not_valid_after(now + datetime.timedelta(days=30))
                   .sign(key, hashes.SHA256()))
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        both = Path(folder) / "both.pem"
        both.write_bytes(certificate.public_bytes(serialization.Encoding.PEM) + key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
        made.load_cert_chain(both)
    return made


class Redfish:
    """The HTTPS side of one BMC."""

    def __init__(self, bmc: Bmc, crashed: Callable[[], None]) -> None:
        self.bmc = bmc
        self._crashed = crashed
        self.requests: list[str] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        faults = self.bmc.faults
        try:
            while not reader.at_eof():
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
                method, path, _version = head[0].split()
                headers = {key.lower(): value.strip() for key, _colon, value in (line.partition(":") for line in head[1:] if line)}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                self.requests.append(f"{method} {path}")
                if faults.drop or (faults.hang and path.rstrip("/") != ROOT):
                    await asyncio.sleep(3600)
                await asyncio.sleep(faults.delay)
                status, answer = self._answer(method, path.rstrip("/"), headers, body)
                data = json.dumps(answer).encode() if answer is not None else b""
                close = headers.get("connection", "").lower() == "close"
                writer.write(f"HTTP/1.1 {status} simulated\r\nContent-Type: application/json\r\nContent-Length: {len(data)}\r\n"
                             f"OData-Version: 4.0\r\nConnection: {'close' if close else 'keep-alive'}\r\n\r\n".encode() + data)
                await writer.drain()
                if close:
                    break
        except (asyncio.IncompleteReadError, asyncio.CancelledError, OSError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(Exception):
                await writer.wait_closed()

    def _answer(self, method: str, path: str, headers: dict[str, str], body: bytes) -> tuple[int, Any]:
        faults = self.bmc.faults
        try:
            if path in (ROOT, "/redfish") and method == "GET":
                return 200, self._root()
            user = self._user(headers)
            if not user:
                return 401, {"error": {"code": "Base.1.0.NoValidSession"}}
            if faults.busy:
                faults.busy -= faults.busy > 0
                return 503, {"error": {"code": "Base.1.0.ServiceTemporarilyUnavailable"}}
            if method == "GET":
                return 200, self._get(path)
            return self._change(method, path, json.loads(body or b"{}"), user)
        except Status as status:
            return status.args[0], {"error": {"code": "Base.1.0.GeneralError"}}
        except Exception:
            self._crashed()
            return 500, None

    def _user(self, headers: dict[str, str]) -> User | None:
        kind, _space, words = headers.get("authorization", "").partition(" ")
        if kind != "Basic":
            return None
        name, _colon, password = base64.b64decode(words).decode().partition(":")
        user = self.bmc.users.named(name) if name else None
        return user if user and user.enabled and user.password == password.encode() else None

    # --- reading

    @staticmethod
    def _root() -> dict[str, Any]:
        names = ("Systems", "Managers", "Chassis", "AccountService", "SessionService")
        return {"@odata.id": f"{ROOT}/", "Id": "RootService", "Name": "Root Service", "RedfishVersion": "1.6.0",
                **{name: {"@odata.id": f"{ROOT}/{name}"} for name in names},
                "Links": {"Sessions": {"@odata.id": f"{ROOT}/SessionService/Sessions"}}}

    def _get(self, path: str) -> dict[str, Any]:
        resources: dict[str, Callable[[], dict[str, Any]]] = {
            f"{ROOT}/Systems": lambda: self._collection(SYSTEM), f"{ROOT}/Managers": lambda: self._collection(MANAGER),
            f"{ROOT}/Chassis": lambda: self._collection(CHASSIS), SYSTEM: self._system, MANAGER: self._manager, CHASSIS: self._chassis,
            f"{SYSTEM}/EthernetInterfaces": lambda: self._collection(f"{SYSTEM}/EthernetInterfaces/1"),
            f"{SYSTEM}/EthernetInterfaces/1": lambda: {"Id": "1", "Name": "eth0", "MACAddress": self.bmc.machine.mac},
            f"{SYSTEM}/LogServices": lambda: self._collection(f"{SYSTEM}/LogServices/SEL"),
            f"{SYSTEM}/LogServices/SEL": lambda: {"Id": "SEL", "Entries": {"@odata.id": f"{SYSTEM}/LogServices/SEL/Entries"}},
            f"{SYSTEM}/LogServices/SEL/Entries": self._entries,
            f"{MANAGER}/EthernetInterfaces": lambda: self._collection(f"{MANAGER}/EthernetInterfaces/1"),
            f"{MANAGER}/EthernetInterfaces/1": self._lan, f"{CHASSIS}/Thermal": self._thermal, f"{CHASSIS}/Power": self._power,
            f"{ROOT}/AccountService": lambda: {"Id": "AccountService", "Name": "Accounts", "Accounts": {"@odata.id": ACCOUNTS}},
            ACCOUNTS: lambda: self._collection(*(f"{ACCOUNTS}/{number}" for number in self.bmc.users.places)),
            **{f"{ACCOUNTS}/{number}": (lambda number=number: self._account(number)) for number in self.bmc.users.places},   # type: ignore[misc]
        }
        if path not in resources:
            raise Status(404)
        return {"@odata.id": path, **resources[path]()}

    @staticmethod
    def _collection(*members: str) -> dict[str, Any]:
        return {"Name": "Collection", "Members@odata.count": len(members), "Members": [{"@odata.id": member} for member in members]}

    def _system(self) -> dict[str, Any]:
        machine, flags = self.bmc.machine, self.bmc.machine.flags
        device = BOOT_DEVICES.get(flags[1] >> 2 & 15, "none") if flags[0] & 0x80 else "none"
        enabled = "Disabled" if device == "none" else "Continuous" if flags[0] & 0x40 else "Once"
        return {
            "Id": "1", "Name": machine.name, "UUID": machine.uuid.upper(), "SerialNumber": machine.serial, "Manufacturer": "Simulated",
            "Model": "Node 1U", "BiosVersion": "2.7", "PowerState": "On" if machine.power else "Off", "SystemType": "Physical",
            "Boot": {"BootSourceOverrideTarget": next(word for word, name in TARGETS.items() if name == device),
                     "BootSourceOverrideTarget@Redfish.AllowableValues": list(TARGETS), "BootSourceOverrideEnabled": enabled,
                     "BootSourceOverrideMode": "UEFI" if flags[0] & 0x20 else "Legacy"},
            "Actions": {"#ComputerSystem.Reset": {"target": f"{SYSTEM}/Actions/ComputerSystem.Reset",
                                                  "ResetType@Redfish.AllowableValues": list(RESETS)}},
            "EthernetInterfaces": {"@odata.id": f"{SYSTEM}/EthernetInterfaces"}, "LogServices": {"@odata.id": f"{SYSTEM}/LogServices"},
            "Links": {"ManagedBy": [{"@odata.id": MANAGER}], "Chassis": [{"@odata.id": CHASSIS}]},
        }

    def _manager(self) -> dict[str, Any]:
        major, minor = self.bmc.firmware
        return {"Id": "1", "Name": "BMC", "ManagerType": "BMC", "FirmwareVersion": f"{major}.{minor:02x}",
                "EthernetInterfaces": {"@odata.id": f"{MANAGER}/EthernetInterfaces"}}

    @staticmethod
    def _chassis() -> dict[str, Any]:
        return {"Id": "1", "Name": "Chassis", "ChassisType": "RackMount", "Thermal": {"@odata.id": f"{CHASSIS}/Thermal"},
                "Power": {"@odata.id": f"{CHASSIS}/Power"}}

    def _readings(self, unit: int, key: str, **more: str) -> list[dict[str, Any]]:
        found = []
        for sensor in self.bmc.sensors:
            if not isinstance(sensor, Presence) and sensor.unit == unit:
                value = sensor.value(self.bmc.machine.power)
                state = {"State": "Enabled", "Health": "OK"} if value is not None else {"State": "Absent"}
                found.append({"Name": sensor.name, key: value, "Status": state, **more})
        return found

    def _thermal(self) -> dict[str, Any]:
        return {"Id": "Thermal", "Name": "Thermal", "Temperatures": self._readings(1, "ReadingCelsius"),
                "Fans": self._readings(18, "Reading", ReadingUnits="RPM")}

    def _power(self) -> dict[str, Any]:
        supplies = [{"Name": sensor.name, "Status": {"State": "Enabled", "Health": "Critical" if sensor.failed else "OK"}}
                    for sensor in self.bmc.sensors if isinstance(sensor, Presence)]
        return {"Id": "Power", "Name": "Power", "Voltages": self._readings(4, "ReadingVolts"), "PowerSupplies": supplies,
                "PowerControl": self._readings(6, "PowerConsumedWatts")}

    def _entries(self) -> dict[str, Any]:
        members = []
        for number, entry in self.bmc.sel.entries.items():
            when = datetime.datetime.fromtimestamp(int.from_bytes(entry[3:7], "little"), datetime.timezone.utc)
            members.append({"Id": str(number), "Created": when.isoformat(), "Severity": "Warning", "EntryType": "SEL",
                            "Message": f"event {entry[13]} of a sensor of type {entry[10]}"})
        return {"Name": "SEL", "Members": members}

    def _lan(self) -> dict[str, Any]:
        lan = self.bmc.lan
        address = {"Address": lan["address"], "SubnetMask": lan["netmask"], "Gateway": lan["gateway"],
                   "AddressOrigin": "DHCP" if lan["source"] == 2 else "Static"}
        return {"Id": "1", "Name": "BMC", "MACAddress": self.bmc.machine.bmc_mac, "IPv4Addresses": [address],
                "DHCPv4": {"DHCPEnabled": lan["source"] == 2}, "VLAN": {"VLANEnable": bool(lan["vlan"]), "VLANId": lan["vlan"] or 1}}

    def _account(self, number: int) -> dict[str, Any]:
        user = self.bmc.users.places[number]
        return {"Id": str(number), "Name": "Account", "UserName": user.name.decode(), "RoleId": ROLES.get(user.privilege, "None"),
                "Enabled": user.enabled}

    # --- changing

    def _change(self, method: str, path: str, data: dict[str, Any], user: User) -> tuple[int, Any]:
        machine = self.bmc.machine
        if user.privilege < 3 or (user.privilege < ADMINISTRATOR and not path.startswith(SYSTEM)):
            raise Status(403)
        if (method, path) == ("POST", f"{SYSTEM}/Actions/ComputerSystem.Reset"):
            action = RESETS.get(data.get("ResetType", ""))
            if self.bmc.faults.refuse or not action or (action in ("reset", "cycle") and not machine.power):
                raise Status(409 if action else 400)
            machine.control(action)
            return 204, None
        if (method, path) == ("PATCH", SYSTEM):
            self._boot(data.get("Boot", {}))
            return 204, None
        if (method, path) == ("PATCH", f"{MANAGER}/EthernetInterfaces/1"):
            self._set_lan(data)
            return 204, None
        if path == ACCOUNTS and method == "POST":
            if self.bmc.users.named(data["UserName"]):
                raise Status(400)
            number = self.bmc.users.add(data["UserName"], data["Password"])
            self._set_account(number, data)
            return 201, self._get(f"{ACCOUNTS}/{number}")
        if path.startswith(f"{ACCOUNTS}/") and path.rpartition("/")[2].isdecimal():
            number = int(path.rpartition("/")[2])
            if number not in self.bmc.users.places:
                raise Status(404)
            if method == "DELETE":
                self.bmc.users.places[number] = User()
                return 204, None
            if method == "PATCH":
                self._set_account(number, data)
                return 204, None
        raise Status(405)

    def _boot(self, boot: dict[str, Any]) -> None:
        now = self._system()["Boot"]
        wanted = {**now, **boot}
        if wanted["BootSourceOverrideTarget"] not in TARGETS:
            raise Status(400)
        name = TARGETS[wanted["BootSourceOverrideTarget"]]
        number = next(number for number, device in BOOT_DEVICES.items() if device == name)
        first = {"Disabled": 0, "Once": 0x80, "Continuous": 0xC0}[wanted["BootSourceOverrideEnabled"]]
        self.bmc.machine.flags_stay = True
        self.bmc.machine.set_flags(bytes((first | (0x20 if first and wanted["BootSourceOverrideMode"] == "UEFI" else 0), number << 2)))

    def _set_lan(self, data: dict[str, Any]) -> None:
        lan = self.bmc.lan
        if "DHCPv4" in data:
            lan["source"] = 2 if data["DHCPv4"]["DHCPEnabled"] else 1
        for key, word in (("address", "Address"), ("netmask", "SubnetMask"), ("gateway", "Gateway")):
            lan[key] = (data.get("IPv4StaticAddresses") or [{}])[0].get(word, lan[key])
        if "VLAN" in data:
            lan["vlan"] = data["VLAN"].get("VLANId", 0) if data["VLAN"]["VLANEnable"] else 0

    def _set_account(self, number: int, data: dict[str, Any]) -> None:
        user = self.bmc.users.places[number]
        user.privilege = next((level for level, word in ROLES.items() if word == data.get("RoleId")), user.privilege)
        user.enabled = data.get("Enabled", user.enabled)
        user.messaging = True
        if "Password" in data:
            user.password = data["Password"].encode()
