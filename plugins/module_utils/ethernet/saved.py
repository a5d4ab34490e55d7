# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a running configuration is not saved, as two texts of the same platform tell. Only their VLANs and ports are compared."""

from __future__ import annotations

import json
import re
from typing import Any, Optional

from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.drivers.switchport import sections
from ansible_collections.clusterwright.hpc.plugins.module_utils.ethernet.vlans import expand

_VLAN = re.compile(r"(?:interface )?vlan ?([0-9][0-9, to-]*)")      # interface vlan10 is OS10's VLAN; others write Vlan10 for a routed one
_TABLES = ("VLAN", "VLAN_MEMBER", "PORT", "PORTCHANNEL")            # of SONiC


def differences(running: str, saved: str) -> Optional[set[str]]:    # noqa: UP045 - Python 3.9 evaluates this
    """`VLAN 301` and names of ports that are not the same in both. None: these texts are no configurations."""
    now, then = _by_name(running), _by_name(saved)
    if not now or (saved.strip() and not then):
        return None
    return {name for name in now.keys() | then.keys() if now.get(name) != then.get(name)}


def _by_name(text: str) -> dict[str, Any]:
    found: dict[str, list[Any]] = {}
    if text.lstrip().startswith("{"):
        for name, entry in _tables(text):
            found.setdefault(name, []).append(entry)
        return {name: sorted(map(json.dumps, entries)) for name, entries in found.items()}
    for head, body in sections(text):
        match = _VLAN.fullmatch(head)
        for name in [f"VLAN {vlan}" for vlan in expand(match[1])] if match else [head[len("interface "):]] * head.startswith("interface "):
            found.setdefault(name, []).extend(body)
    return found


def _tables(text: str) -> list[tuple[str, Any]]:
    """Entries of a CONFIG_DB, by the VLAN or the port that they are about."""
    try:
        config = json.loads(text)
    except ValueError:
        return []
    found = []
    for table in _TABLES:
        for key, entry in config.get(table, {}).items():
            vlan, _bar, port = key.partition("|")
            name = port or (f"VLAN {key[len('Vlan'):]}" if table == "VLAN" else key)
            found.append((name, [vlan, dict(sorted(entry.items()))]))
    return found
