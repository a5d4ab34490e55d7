# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Hosts and services of Ceph's orchestrator (cephadm): rendered, compared with `ceph orch ls --export`, applied and waited for.

Between runs the services of OSDs are unmanaged, so that the orchestrator takes no disk by itself, however empty it is. A run that has
looked at the disks names the new ones, and only for these the service is managed until their OSDs are up.

Sources: "Service management", "Host management" and "OSD service" of Ceph's documentation (cephadm), the classes of
`ceph.deployment` in its package python3-ceph-common, and what Ceph 16.2.15 answered.
"""

from __future__ import annotations

import json
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from ansible_collections.clusterwright.hpc.plugins.module_utils.ceph.change import Command, NoAnswer, Plan, View, ask
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result, Run

PAUSE = 5.0     # seconds between two looks
ADMIN = "_admin"    # hosts with this label get ceph.conf and the keyring of client.admin

Spec = Mapping[str, Any]


# --- what shall be


def hosts(entries: Sequence[Mapping[str, Any]]) -> dict[str, Spec]:
    """The hosts as specifications, by item. Those of the mons are where `ceph` is called."""
    found: dict[str, Spec] = {}
    for entry in entries:
        labels = sorted([*entry["labels"], *([ADMIN] if "mon" in entry["labels"] else [])])
        spec: dict[str, Any] = {"service_type": "host", "hostname": entry["name"], "addr": entry["address"], "labels": labels}
        if entry.get("rack"):
            spec["location"] = {"root": "default", "rack": entry["rack"]}
        found[f"host {entry['name']}"] = spec
    return found


def services(osds: Sequence[Mapping[str, Any]], filesystems: Sequence[str], new: Mapping[str, Sequence[str]]) -> dict[str, Spec]:
    """The services as specifications, by item. `new`: the disks that shall become OSDs now, by host."""
    specs: list[dict[str, Any]] = [{"service_type": kind, "placement": {"label": kind}} for kind in ("mon", "mgr")]
    specs.append({"service_type": "crash", "placement": {"host_pattern": "*"}})
    specs += [{"service_type": "mds", "service_id": name, "placement": {"label": "mds"}} for name in filesystems]
    for host in dict.fromkeys(host for entry in osds for host in entry["hosts"]):
        here = [entry for entry in osds if host in entry["hosts"]]
        fresh = list(new.get(host) or ())
        spec: dict[str, Any] = {"data_devices": {"paths": fresh or [device for entry in here for device in entry["devices"]]}}
        if here[0].get("method") == "raw":
            spec["method"] = "raw"
        specs.append({"service_type": "osd", "service_id": host, "placement": {"hosts": [host]}, "unmanaged": not fresh, "spec": spec})
    return {f"service {name(spec)}": {"unmanaged": False, **spec} for spec in specs}


def name(spec: Spec) -> str:
    """A service's name, as `ceph orch ls` has it."""
    return f"{spec['service_type']}.{spec['service_id']}" if spec.get("service_id") else str(spec["service_type"])


# --- what is


def observe(run: Run) -> dict[str, dict[str, Any]]:
    """All hosts and services that the orchestrator knows, by item."""
    try:
        listed, exported = ask(run, "orch", "host", "ls"), ask(run, "orch", "ls", "--export")
    except NoAnswer as error:
        if "orch set backend" in str(error) or "no valid command found" in str(error):
            raise ClusterwrightError("this cluster has no orchestrator, so another way has made it: say way: packages, or bring it over by "
                                     "`cephadm adopt`; nothing was changed") from None
        raise
    found: dict[str, dict[str, Any]] = {
        f"host {entry['hostname']}": {"addr": entry["addr"], "labels": sorted(entry.get("labels") or ())} for entry in listed}
    for entry in exported:
        found[f"service {name(entry)}"] = {"unmanaged": False, **entry}
    return found


def of(wanted: Mapping[str, Spec], seen: View) -> dict[str, dict[str, Any]]:
    """What was seen of all that is declared, and of that only what is declared."""
    return {item: _part(spec, seen[item]) for item, spec in wanted.items() if item in seen}


def _part(spec: Spec, there: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in spec.items():
        if key in there:
            found[key] = _part(value, there[key]) if isinstance(value, Mapping) and isinstance(there[key], Mapping) else there[key]
    if "paths" in found:    # newer releases may write each as a mapping
        found["paths"] = [path["path"] if isinstance(path, Mapping) else path for path in found["paths"]]
    return found


# --- what to do


def plan(wanted_hosts: Mapping[str, Spec], wanted_services: Mapping[str, Spec], seen: View, known: View) -> Plan:
    """Hosts first, because services are placed by their labels. No host, label or service is ever removed.

    `known`: all that was observed; what somebody set there beside what is declared stays.
    """
    commands: list[Command] = []
    after: dict[str, dict[str, Any]] = {}
    impact: list[dict[str, Any]] = []
    for item, spec in wanted_hosts.items():
        commands += _host(item, spec, seen.get(item))
        after[item] = {"addr": spec["addr"], "labels": sorted({*spec["labels"], *seen.get(item, {}).get("labels", ())})}
    for item, spec in wanted_services.items():
        after[item] = dict(spec)
        there = seen.get(item)
        if there == spec:
            continue
        commands.append(Command(["orch", "apply", "-i", json.dumps(_merged(spec, known.get(item, {})))], item,
                                [["orch", "rm", name(spec)]] if there is None else ()))
        paths = spec.get("spec", {}).get("data_devices", {}).get("paths", ())
        if paths and not spec["unmanaged"]:
            text = f"{', '.join(paths)} of {spec['service_id']}: new OSDs take over their part of the data"
            impact.append({"kind": "data_moves", "name": name(spec), "text": text})
        elif there is not None and there.get("placement") != spec["placement"]:
            text = f"daemons of {name(spec)} are made or removed by its new placement"
            impact.append({"kind": "placement", "name": name(spec), "text": text})
    return Plan(commands, after, impact)


def _host(item: str, spec: Spec, there: Mapping[str, Any] | None) -> list[Command]:
    host, undo = spec["hostname"], []
    if there is None:
        undo = [["orch", "host", "rm", host]]
    elif there["addr"] != spec["addr"]:
        undo = [["orch", "host", "set-addr", host, there["addr"]]]
    if there is not None:       # labels are added to those that it has
        undo += [["orch", "host", "label", "rm", host, label] for label in spec["labels"] if label not in there["labels"]]
    return [Command(["orch", "apply", "-i", json.dumps(spec)], item, undo)] if undo else []


def _merged(spec: Spec, there: Mapping[str, Any]) -> dict[str, Any]:
    found = {**there, **spec}
    if "spec" in spec and "spec" in there:
        found["spec"] = {**there["spec"], **spec["spec"]}
    return found


def with_files(run: Run) -> Run:
    """A Run that hands over what stands behind -i as a file."""
    def told(argv: Sequence[str]) -> Result:
        if "-i" not in argv:
            return run(argv)
        place = list(argv).index("-i") + 1
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            file.write(argv[place])
            file.flush()
            return run([*argv[:place], file.name, *argv[place + 1:]])
    return told


# --- until it is so


def wait(
    run: Run, wanted: Mapping[str, Spec], expected: Mapping[str, int], timeout: float,
    clock: Callable[[], float] = time.monotonic, pause: Callable[[float], None] = time.sleep,
) -> None:
    """Until all daemons run, and on each host in `expected` that many OSDs. Raises ClusterwrightError after `timeout` seconds.

    While another manager becomes the active one, nobody answers for the orchestrator.
    """
    begin = clock()
    while True:
        listed: list[dict[str, Any]] = []
        try:
            listed = ask(run, "orch", "ls")
            left = lacking(wanted, listed) + (lacking_osds(expected, ask(run, "osd", "tree")) if expected else [])
        except NoAnswer as error:
            left = [str(error)]
        if not left:
            return
        if clock() - begin >= timeout:
            why = complaint(wanted, listed)
            raise ClusterwrightError(
                f"after {timeout:.0f} s the orchestrator is not ready: {'; '.join(left)}{f' ({why})' if why else ''}: look at "
                "`ceph orch ps` and `ceph log last 20 info cephadm`, and run again", verified=False, lacking=left)
        pause(PAUSE)


def lacking(wanted: Mapping[str, Spec], listed: Sequence[Mapping[str, Any]]) -> list[str]:
    """The declared services of which daemons do not run yet. How many OSDs there shall be, the orchestrator does not say."""
    found, there = [], {entry["service_name"]: entry.get("status") or {} for entry in listed}
    for service in (name(spec) for spec in wanted.values() if spec["service_type"] != "osd"):
        status = there.get(service, {})
        running, size = status.get("running") or 0, status.get("size") or 0
        if running < size or not size:
            found.append(f"{service}: {running} of {size} run")
    return found


def lacking_osds(expected: Mapping[str, int], tree: Mapping[str, Any]) -> list[str]:
    """The hosts on which fewer OSDs are up than expected."""
    up = {node["id"] for node in tree["nodes"] if node["type"] == "osd" and node.get("status") == "up"}
    there = {node["name"]: len(up.intersection(node.get("children") or ())) for node in tree["nodes"] if node["type"] == "host"}
    return [f"{host}: {there.get(host, 0)} of {number} OSDs are up" for host, number in expected.items() if there.get(host, 0) < number]


def complaint(wanted: Mapping[str, Spec], listed: Sequence[Mapping[str, Any]]) -> str:
    """The last error that the orchestrator noted of a declared service, on one line."""
    ours = {name(spec) for spec in wanted.values()}
    errors = [event for entry in listed if entry["service_name"] in ours for event in entry.get("events") or () if "[ERROR]" in event]
    return " ".join(max(errors).split())[:400] if errors else ""
