# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventory plugin: the cluster file."""

from __future__ import annotations

DOCUMENTATION = r"""
name: cluster
short_description: Inventory of an HPC cluster from one cluster file
version_added: 0.1.0
author:
  - The clusterwright developers (@clusterwright)
description:
  - Reads a cluster file, checks it against its JSON Schema and against itself, and makes hosts, groups and variables of it.
  - The file must be named C(cluster.yml) or end in C(.cluster.yml) (or C(.yaml)).
  - A file with errors gives one list of all errors, each with its file and line, and fails the run; nothing is half loaded.
  - >-
    C(nodes) has every node. Groups are made for each role (for example C(slurm_compute)), C(rack_*), C(hardware_*), C(os_*),
    C(tenant_*), C(partition_*), C(switches), C(platform_*) and C(bmcs).
    Each entry of C(nodes) and C(switches) also has a group of its own, C(nodeset_*).
  - >-
    Host variables are few (V(ansible_host), V(mac), V(guid), V(bmc_address), V(serial_number), V(unit), and C(<interface>_address),
    C(<interface>_mac), C(<interface>_guid), C(<interface>_port) for further interfaces). Everything that hosts share stands on groups.
  - The cluster file's own keys are described in the cluster file reference of this collection.
requirements:
  - ClusterShell
  - jsonschema
extends_documentation_fragment:
  - ansible.builtin.constructed
options:
  plugin:
    description: Marks the file as a cluster file.
    type: str
    required: true
    choices: [clusterwright.hpc.cluster]
"""

EXAMPLES = r"""
# cluster.yml
plugin: clusterwright.hpc.cluster
name: lab
networks:
  admin: {subnet: 10.77.0.0/24}
hardware:
  container: {sockets: 1, cores_per_socket: 2, memory: 1 GiB}
nodes:
  head1:
    os: debian-13
    roles: [slurm_controller]
    interfaces:
      eth0: {network: admin, address: 10.77.0.11}
  cn[1-4]:
    hardware: container
    os: debian-13
    roles: [slurm_compute]
    interfaces:
      eth0: {network: admin, address: 10.77.0.21}
slurm:
  partitions:
    all: {nodes: "cn[1-4]", default: true}
"""

import gc
from collections.abc import Iterable
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any, NoReturn

from ansible import constants
from ansible.errors import AnsibleError
from ansible.inventory.data import InventoryData
from ansible.inventory.group import Group
from ansible.inventory.helpers import get_group_vars
from ansible.inventory.host import Host
from ansible.plugins.inventory import BaseInventoryPlugin, Constructable
from ansible.template import trust_as_template
from ansible.utils.display import Display
from ansible.utils.vars import combine_vars

from ansible_collections.clusterwright.hpc.plugins.plugin_utils.model import hostvars, loaded
from ansible_collections.clusterwright.hpc.plugins.plugin_utils.model.problems import ClusterFileError
from ansible_collections.clusterwright.hpc.plugins.plugin_utils.model.types import Cluster

NAMES = ("cluster.yml", "cluster.yaml")


class InventoryModule(BaseInventoryPlugin, Constructable):
    """Hosts, groups and variables of a cluster file."""

    NAME = "clusterwright.hpc.cluster"
    trusted_by_default = True       # templates in compose and groups come from the administrator's own file

    def verify_file(self, path: str) -> bool:
        """Whether the name is that of a cluster file."""
        name = Path(path).name
        return super().verify_file(path) and (name in NAMES or name.endswith(tuple(f".{each}" for each in NAMES)))

    def parse(self, inventory: InventoryData, loader: Any, path: str, cache: bool = True) -> None:
        """Fill the inventory. The cluster is complete and checked before the first host is added."""
        super().parse(inventory, loader, path, cache)
        with _no_garbage_collection():
            cluster = _load(path)
            for variable in ("name", "domain"):
                if getattr(cluster, variable):
                    inventory.set_variable("all", f"cluster_{variable}", getattr(cluster, variable))
            inventory.set_variable("all", "cluster_file", path)
            if cluster.outlets:
                inventory.set_variable("all", "power_outlets", cluster.outlets)
            hosts_of = dict(hostvars.host_vars(cluster))
            groups = hostvars.groups(cluster)
            _add_groups(inventory, list(hosts_of), groups)
            for own, hosts in hosts_of.items():
                _add_hosts(inventory, own, hosts)
            for group in groups:
                _add_members(inventory, group.name, group.hosts)
        try:
            self._construct(cluster.options, [name for hosts in hosts_of.values() for name, _variables in hosts])
        except (AnsibleError, TypeError, ValueError, AttributeError) as error:      # the last three: what is no template at all
            _stop(f"{path}: compose, groups or keyed_groups: {error}")

    def _construct(self, options: dict[str, Any], names: Iterable[str]) -> None:
        """Groups and variables that the user asks for; nothing is done per host when none are."""
        if not any(options.get(key) for key in ("compose", "groups", "keyed_groups")):
            return
        self.set_options(direct={"plugin": self.NAME, **_trusted(options)})
        strict = self.get_option("strict")
        for name in names:
            host = self.inventory.hosts[name]
            variables = combine_vars(get_group_vars(host.get_groups()), host.get_vars())
            self._set_composite_vars(self.get_option("compose"), variables, name, strict=strict)
            variables = combine_vars(variables, host.get_vars())
            self._add_host_to_composed_groups(self.get_option("groups"), variables, name, strict=strict, fetch_hostvars=False)
            self._add_host_to_keyed_groups(self.get_option("keyed_groups"), variables, name, strict=strict, fetch_hostvars=False)


def _trusted(value: Any) -> Any:
    """Plain data, its texts fit to be templates: they come from the administrator."""
    if isinstance(value, dict):
        return {key: _trusted(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_trusted(item) for item in value]
    return _trusted_text(value) if isinstance(value, str) else value


@lru_cache(maxsize=65536)
def _trusted_text(text: str) -> str:
    return trust_as_template(text)      # 12 µs; the ports of many switches have the same names


def _stop(message: str) -> NoReturn:
    """End the run with this error alone.

    Ansible would take an exception for a warning, try its other inventory plugins on the file, report those failures as well,
    and go on with no hosts, exit status 0.
    """
    Display().error(message, wrap_text=False)
    raise SystemExit(4)     # Ansible's status for what does not parse


def _load(path: str) -> Cluster:
    try:
        return loaded.load(path)
    except ClusterFileError as error:
        _stop(f"The cluster file has {len(error.problems)} error(s):\n{error}")
    except ImportError as error:
        _stop(f"The cluster inventory needs the Python library {error.name}: pip install ClusterShell jsonschema")


@contextmanager
def _no_garbage_collection() -> Any:
    """Collections find nothing here, look through all of Ansible each time, and cost a third of loading and building."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _add_groups(inventory: InventoryData, own: list[str], groups: list[hostvars.Group]) -> None:
    """Add all groups, with their variables, parents and children, while they are still empty.

    A group that gets its parents later walks through its hosts for each of them: a quarter of the whole build at 10,000 hosts.
    """
    names = [*own, *(group.name for group in groups)]
    for name in names:
        inventory.add_group(name)
    for group in groups:
        # As hosts' variables: the inventory's own set_variable notes the origin of each text in each of 10,000 InfiniBand ports.
        for name, value in group.variables.items():
            inventory.groups[group.name].set_variable(name, _trusted(value))
        for child in group.children:
            inventory.add_child(group.name, child)
    for name in names:
        if not inventory.groups[name].parent_groups:
            inventory.add_child("all", name)


def _lineage(group: Group) -> list[Group]:
    """A group and all groups around it: what its hosts are in."""
    return [group, *sorted(group.get_ancestors(), key=lambda ancestor: (-ancestor.depth, ancestor.name))]


def _add_hosts(inventory: InventoryData, group: str, hosts: Iterable[tuple[str, Any]]) -> None:
    """Add new hosts to a group, with their variables, which become the host's own.

    Does what ``add_host`` and ``set_variable`` do, but the checks once and not for each host: 13 µs a host instead of 60 µs.
    A host that another source brought already goes the common way.
    """
    target = inventory.groups[group]
    lineage = _lineage(target)
    source = inventory.current_source
    common = {"inventory_file": source, "inventory_dir": str(Path(source).parent) if source else None}
    for name, variables in hosts:
        # Untrusted text would reach other tools wrapped in "__ansible_unsafe"; ours comes from the administrator.
        for key, value in variables.items():
            variables[key] = trust_as_template(value) if isinstance(value, str) else _trusted(value)
        if name in inventory.hosts or name in constants.LOCALHOST:
            inventory.add_host(name, group)
            for key, value in variables.items():
                inventory.set_variable(name, key, value)
            continue
        host = inventory.hosts[name] = Host(name)
        host.vars = variables
        host.vars.update(common)
        host.groups = lineage.copy()
        target.hosts.append(host)
    target._hosts = None
    target.clear_hosts_cache()


def _add_members(inventory: InventoryData, group: str, names: Iterable[str]) -> None:
    """Add known hosts to a group: what ``add_child`` does, but its ancestors are looked for once."""
    target = inventory.groups[group]
    lineage = _lineage(target)
    present = target.host_names
    for name in names:
        host = inventory.hosts[name]
        if name not in present:
            target.hosts.append(host)
            for around in lineage:
                if around not in host.groups:
                    host.groups.append(around)
    target._hosts = None
    target.clear_hosts_cache()
