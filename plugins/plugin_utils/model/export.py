# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The model in other tools' formats."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from ipaddress import IPv4Address

from . import nodeset
from .types import Cluster


def hosts(cluster: Cluster) -> str:
    """Lines for /etc/hosts: the management address carries the plain name, any other NAME-INTERFACE."""
    lines = []
    for switch in cluster.switches:
        lines.append(_hosts_line(switch.address, switch.name, cluster.domain))
    for group in cluster.groups:
        management = group.management
        for position, name in enumerate(group.names):
            for interface in group.interfaces.values():
                number = interface.address(position)
                if number is not None:
                    own = name if interface is management else f"{name}-{interface.name}"
                    lines.append(_hosts_line(str(IPv4Address(number)), own, cluster.domain))
    return "\n".join(lines) + "\n"


def _hosts_line(address: str, name: str, domain: str | None) -> str:
    return f"{address} {name}.{domain} {name}" if domain else f"{address} {name}"


def clustershell(cluster: Cluster) -> str:
    """A ClusterShell groups file (YAML): sources ``roles``, ``racks``, ``tenants``, ``partitions``."""
    sources: dict[str, dict[str, str]] = {source: {} for source in ("roles", "racks", "tenants", "partitions")}
    for source, name, members in memberships(cluster):
        sources[source][name] = members
    sources["roles"]["all"] = ",".join(group.nodeset for group in cluster.groups)
    # JSON is YAML; its quoting keeps a NodeSet's brackets and commas together, and `no`, `on` and `1` words.
    return "".join(f"{source}:\n" + "".join(f"  {json.dumps(name)}: {json.dumps(members)}\n" for name, members in groups.items())
                   for source, groups in sources.items() if groups)


def memberships(cluster: Cluster) -> Iterator[tuple[str, str, str]]:
    """(kind, name, NodeSet) for each role, rack, tenant and partition."""
    roles: dict[str, list[str]] = {}
    racks: dict[str, list[str]] = {}
    for group in cluster.groups:
        for role in group.roles:
            roles.setdefault(role, []).append(group.nodeset)
        for position, name in enumerate(group.names if group.racks else ()):
            racks.setdefault(group.rack(position) or "", []).append(name)
    yield from (("roles", name, ",".join(members)) for name, members in roles.items())
    yield from (("racks", name, nodeset.fold(members)) for name, members in racks.items())
    yield from (("tenants", tenant.name, tenant.nodes) for tenant in cluster.tenants.values())
    yield from (("partitions", partition.name, partition.nodes) for partition in cluster.partitions.values())


def prometheus(cluster: Cluster, port: int = 9100) -> str:
    """Prometheus file_sd JSON: one target group for each NodeGroup and rack, with labels cluster, roles, rack and hardware."""
    groups = []
    for group in cluster.groups:
        management = group.management
        if management is None:
            continue
        by_rack: dict[str | None, list[str]] = {}
        for position in range(len(group.names)):
            number = management.address(position)
            if number is not None:
                by_rack.setdefault(group.rack(position), []).append(f"{IPv4Address(number)}:{port}")
        for rack, targets in by_rack.items():
            labels = {"cluster": cluster.name, "nodeset": group.nodeset, "roles": ",".join(group.roles),
                      "rack": rack or "", "hardware": group.hardware.name if group.hardware else ""}
            groups.append({"targets": targets, "labels": {name: value for name, value in labels.items() if value}})
    return json.dumps(groups, indent=2) + "\n"


FORMATS: dict[str, Callable[[Cluster], str]] = {"hosts": hosts, "clustershell": clustershell, "prometheus": prometheus}

