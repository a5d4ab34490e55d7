#!/usr/bin/env python3
"""A fabric manager without a fabric: what it has loaded, and what opasaquery would say of it.

There is no simulation of Omni-Path hardware. This one reads opafm.xml by itself (with ElementTree, and shares no code with the collection),
asks the real config_check whether a reload is taken, as the fabric manager does by the same code, and prints records in the forms that
opasaquery was recorded to print: `Default:0:0xffff:0:unlimited:unlimited:0x0::` of a real fabric for vfinfocsv; for dgmember the format of
opa-ff's stl_sa.c.

As a program it stands for the service and for opasaquery on a host: `opafm.py start|reload|stop`, `opasaquery -o vfinfocsv|dgmember`.
Its files are STATE/loaded.xml and STATE/nodes (a line a port: GUID, blank, node description).
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree as ET
from pathlib import Path

CHECKER = "/usr/lib/opa-fm/bin/config_check"
STATE = Path("/var/lib/fake-opafm")
FILE = Path("/etc/opa-fm/opafm.xml")


def _text(element, tag, default=""):
    found = element.find(tag)
    return default if found is None else (found.text or "").strip()


def _sections(text, section, tag):
    root = ET.fromstring(text)
    for around in (root.find("Common"), root.find("Fm")):
        if around is not None:
            for holder in around.findall(section):
                yield from holder.findall(tag)


def vfabrics(text):
    """Lines of `opasaquery -o vfinfocsv`."""
    lines = []
    for element in _sections(text, "VirtualFabrics", "VirtualFabric"):
        if _text(element, "Enable") != "1" or _text(element, "Standby") == "1":
            continue
        secure = _text(element, "Security") == "1"
        key = int(_text(element, "PKey", "0x7000"), 16) | 0x8000
        mtu, rate = (_text(element, tag, "Unlimited").lower() for tag in ("MaxMTU", "MaxRate"))
        name = element.find("Name").text
        lines.append(f"{name}:{len(lines)}:0x{key:x}:0:{mtu}:{rate}:0x{int(secure):x}::")
    return lines


def groups(text, ports):
    """Ports by device group."""
    elements = {element.find("Name").text: element for element in _sections(text, "DeviceGroups", "DeviceGroup")}

    def members(name):
        element = elements[name]
        if any(_text(child, ".").lower() in ("all", "fi") for child in element if child.tag in ("Select", "NodeType")):
            return list(ports)
        found = [port for child in element.findall("IncludeGroup") for port in members(child.text)]
        guids = {int(child.text, 16) for child in element.findall("PortGUID")}
        names = {name for child in element.findall("NodeDesc") for name in _expand(child.text.strip())}
        return found + [(guid, called) for guid, called in ports if int(guid, 16) in guids or called in names]

    return {name: members(name) for name in elements}


def _expand(pattern):
    match = re.fullmatch(r"(.*)\[(\d+)-(\d+)\](.*)", pattern)
    if not match:
        return [pattern]
    return [f"{match[1]}{number:0{len(match[2])}d}{match[4]}" for number in range(int(match[2]), int(match[3]) + 1)]


def dgmember(text, ports):
    """Lines of `opasaquery -o dgmember`."""
    lids = {guid: lid for lid, (guid, _called) in enumerate(ports, 1)}
    return [f"Device Group: {name} LID: 0x{lids[guid]:08x} Port: 1 PortGUID: 0x{int(guid, 16):016x} Node Description: {called}"
            for name, members in groups(text, ports).items() for guid, called in members]


def takes(old, new):
    """Whether the fabric manager takes a file on a reload."""
    with tempfile.TemporaryDirectory() as scratch:
        for name, text in (("old", old), ("new", new)):
            (Path(scratch) / name).write_text(text)
        return not subprocess.run([CHECKER, "-c", f"{scratch}/old", "-r", f"{scratch}/new"], capture_output=True, check=False).returncode


def main(argv):
    """The service, or opasaquery."""
    loaded = STATE / "loaded.xml"
    if argv[0] == "start":
        loaded.write_text(FILE.read_text())
    elif argv[0] == "stop":
        loaded.unlink(missing_ok=True)
    elif argv[0] == "reload":
        if takes(loaded.read_text(), FILE.read_text()):
            loaded.write_text(FILE.read_text())
        else:
            print("SM: Failed processing reconfigure request; XML contains invalid changes; reconfiguration request being ignored")
    elif not loaded.exists():
        print("opasaquery: Failed to open port hfi 0:0: Not Found", file=sys.stderr)
        return 1
    else:
        ports = [tuple(line.split(" ", 1)) for line in (STATE / "nodes").read_text().splitlines()]
        print("\n".join(vfabrics(loaded.read_text()) if argv[1] == "vfinfocsv" else dgmember(loaded.read_text(), ports)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
