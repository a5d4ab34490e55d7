"""The commands of tools/lab.py."""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import os
import re
import secrets
import shutil
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from . import access, bmcs, host, images, nodes, switches
from .common import BEGUN, LABEL, LabError, alone, podman, run, say
from .nodes import Lab


def main(arguments: list[str], labs: Path) -> int:
    """Run one command; `labs` is the directory that holds one directory a lab."""
    options = _parse(arguments)
    try:
        return int(options.command(options, labs))
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("lab: interrupted; `up` goes on from here, `down` removes what there is", file=sys.stderr, flush=True)
        os._exit(130)  # a return would wait for the threads, and those for nodes that boot


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="lab.py", description="Systemd containers that stand for the nodes of a cluster file.")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, function: object, text: str) -> argparse.ArgumentParser:
        added = commands.add_parser(name, help=text, description=text)
        added.set_defaults(command=function)
        return added

    up_parser = command("up", up, "Start the lab, or what is missing of it.")
    up_parser.add_argument("--image", choices=[*images.VARIANTS], default="slurm", help="what is installed on the nodes (default: slurm)")
    down_parser = command("down", down, "Remove every trace of the lab.")
    down_parser.add_argument("--images", action="store_true", help="the images of all labs too")
    status_parser = command("status", status, "Show nodes and switches; exit status 1 unless all run.")
    switches_parser = command("switches", switches_alone, "Start the simulated switches alone, without nodes.")
    for parser_with_file in (up_parser, down_parser, status_parser, switches_parser):
        parser_with_file.add_argument("-i", dest="inventory", metavar="FILE", type=Path, required=True, help="the cluster file")
    image_parser = command("image", image, "Build an image, unless it is there.")
    image_parser.add_argument("variant", choices=tuple(images.VARIANTS))
    image_parser.add_argument("--os", choices=tuple(images.RELEASES), default=images.DEFAULT_OS, help="as in a cluster file")
    return parser.parse_args(arguments)


def load(inventory: Path) -> Any:
    """The cluster that the file describes."""
    from ansible_collections.clusterwright.hpc.plugins.plugin_utils import model  # noqa: PLC0415 - costs 0.3 s, and `image` needs none of it

    try:
        return model.load(str(inventory))
    except model.ClusterFileError as error:
        raise LabError(f"{inventory} does not load:\n{error}") from None


def lab_nodes(cluster: Any) -> Lab:
    """The nodes of a cluster's lab. All management addresses must lie in one of its networks."""
    addresses = {node.name: str(node.address) for node in cluster.nodes}
    releases = {node.name: images.release_of(node.name, node.group.os) for node in cluster.nodes}
    return nodes.lab_of(cluster.name, addresses, cluster.networks, releases)


def lab_name(inventory: Path) -> str:
    """The cluster's name alone: a lab must come down also after its cluster file was broken."""
    try:
        found = re.search(r"""^name:[ \t]*["']?([\w-]+)""", inventory.read_text(), re.MULTILINE)
    except (OSError, UnicodeDecodeError) as error:
        raise LabError(f"{inventory} cannot be read: {error}") from None
    if not found:
        raise LabError(f"{inventory} has no line `name: ...`, so it is not known which lab to remove")
    return found[1]


def up(options: argparse.Namespace, labs: Path) -> int:
    """Bring the lab up: make what is missing, remake what is broken, keep what is good."""
    cluster = load(options.inventory)
    lab = lab_nodes(cluster)
    wanted = switches.switches_of(cluster, options.inventory)
    managed = bmcs.bmcs_of(cluster, options.inventory)
    folder = labs / lab.name
    with alone(f"lab {lab.name}"):
        with alone("host", wait=True):
            host.mend(0)
        ensured = {release: images.ensure(options.image, release) for release in dict.fromkeys(lab.releases.values())}
        image_of = {node: ensured[release][0] for node, release in lab.releases.items()}
        key = access.ensure_key(folder)
        try:
            done, host_keys = _bring_up(lab, image_of, key)
        except nodes.AddressHeld as error:
            say(f"{error}; making the lab anew under another network name")
            nodes.remove_all(lab.name)
            lab = dataclasses.replace(lab, network=f"{lab.network}-{secrets.token_hex(3)}")
            done, host_keys = _bring_up(lab, image_of, key)
        switched = switches.ensure(wanted, folder / "switches")
        switched |= bmcs.ensure(managed, lab, folder / "bmcs")
        access.write(folder, lab, host_keys, wanted.addresses)
        _prove_ssh(folder, lab)
        if any(built for _, built in ensured.values()):
            images.remove_outdated()
    counts = f"{len(done.create)} created, {len(done.remake)} remade, {len(done.keep)} kept, {len(done.remove)} removed"
    word = "changed" if done.create or done.remake or done.remove or switched else "unchanged"
    simulated = f"; {len(wanted.addresses)} simulated switches" if wanted.addresses else ""
    simulated += f"; {len(managed.addresses)} simulated BMCs" if managed.addresses else ""
    print(f"lab: {word}: {len(lab.addresses)} nodes up, {counts}{simulated}, {time.monotonic() - BEGUN:.0f} s")
    return 0


def switches_alone(options: argparse.Namespace, labs: Path) -> int:
    """Start the switches, or what is not as it should be of them."""
    cluster = load(options.inventory)
    wanted = switches.switches_of(cluster, options.inventory)
    if not wanted.addresses:
        raise LabError(f"{options.inventory} has no switches with an address in 127.0.0.0/8, and no others are simulated")
    with alone(f"lab {cluster.name}"):
        changed = switches.ensure(wanted, labs / cluster.name / "switches")
    print(f"lab: {'changed' if changed else 'unchanged'}: {len(wanted.addresses)} simulated switches, {time.monotonic() - BEGUN:.0f} s")
    return 0


def _bring_up(lab: Lab, image_of: Mapping[str, str], key: str) -> tuple[nodes.Plan, dict[str, str]]:
    """Carry the plan out; return what was done, and each node's ssh host key."""
    lab = nodes.ensure_network(lab)
    nodes.ensure_volume(lab)
    todo = nodes.plan(lab, image_of, nodes.existing(lab.name))
    with alone("host", wait=True):
        host.mend(len(todo.create))
    nodes.remove(todo.remove)
    kept = dict(zip(todo.keep, nodes.in_parallel(lambda node: nodes.check(lab, node, key), todo.keep), strict=True))
    good = {node: host_key for node, host_key in kept.items() if host_key}
    remake = (*todo.remake, *(node for node in kept if node not in good))
    for node in remake:
        say(f"{node}: not as it should be, making it anew")
    new = [*todo.create, *remake]
    if new:
        say(f"starting {len(new)} nodes")
    started = nodes.in_parallel(lambda node: nodes.start(lab, node, image_of[node], key), new)
    good.update(zip(new, started, strict=True))
    done = nodes.Plan(todo.create, remake, tuple(node for node in kept if node not in remake), todo.remove)
    return done, {node: good[node] for node in lab.addresses}


def _prove_ssh(folder: Path, lab: Lab) -> None:
    """The lab is up when its key opens every node, not before."""

    def enter(node: str) -> None:
        done = run("ssh", "-F", str(folder / "ssh_config"), "-o", "BatchMode=yes", node, "true", timeout=30)
        if done.returncode:
            raise LabError(f"node {node} does not let the lab's key in: {done.stderr.strip()}; run `down` and `up`")

    nodes.in_parallel(enter, lab.addresses)


def down(options: argparse.Namespace, labs: Path) -> int:
    """Remove containers, network, volumes, switches and directory of the lab, and what was mended on the machine for the last one."""
    name = lab_name(options.inventory)
    with alone(f"lab {name}"):
        simulated = bmcs.stop(labs / name / "bmcs")  # before the containers: it would start them again
        containers, networks = nodes.remove_all(name)
        volumes = podman("volume", "ls", "-q", "--filter", f"label={LABEL}={name}").split()
        if volumes:
            podman("volume", "rm", "-f", *volumes)
        folder = labs / name
        switched = switches.stop(folder / "switches")
        had_folder = folder.exists()
        if had_folder:
            shutil.rmtree(folder)
        with contextlib.suppress(OSError):
            labs.rmdir()
        removed_images = images.remove_all() if options.images else 0
        with alone("host", wait=True):
            undone = host.undo()
    counts = f"{containers} containers, {networks} networks, {len(volumes)} volumes, {removed_images} images removed"
    counts += ", simulated switches ended" if switched else ""
    counts += ", simulated BMCs ended" if simulated else ""
    word = "changed" if containers or networks or volumes or had_folder or removed_images or undone else "unchanged"
    print(f"lab: {word}: {counts}, {time.monotonic() - BEGUN:.0f} s")
    return 0


def status(options: argparse.Namespace, labs: Path) -> int:
    """Show one line a node, and one a switch."""
    cluster = load(options.inventory)
    lab = lab_nodes(cluster)
    simulated = switches.switches_of(cluster, options.inventory)
    there = {item["Names"][0]: item for item in nodes.existing(lab.name)}
    states = {}
    for node, address in lab.addresses.items():
        found = there.get(lab.container(node), {"State": "missing", "Image": "-"})
        states[node] = found["State"]
        print(f"{node:<16} {address:<16} {found['State']:<10} {found['Image']}")
    serves = switches.running(labs / lab.name / "switches")
    for name, address in simulated.addresses.items():
        print(f"{name:<16} {address:<16} {'running' if serves else 'missing':<10} simulated {simulated.platforms[name]}")
    managed = bmcs.bmcs_of(cluster, options.inventory)
    answers = bmcs.running(labs / lab.name / "bmcs")
    if managed.addresses:
        first = next(iter(managed.addresses.values()))
        print(f"{'BMCs':<16} {first:<16} {'running' if answers else 'missing':<10} {len(managed.addresses)} simulated")
    running = sum(state == "running" for state in states.values())
    print(f"lab: {running} of {len(states)} nodes run; get in by: ssh -F {labs / lab.name}/ssh_config NODE")
    return 0 if running == len(states) and (serves or not simulated.addresses) and (answers or not managed.addresses) else 1


def image(options: argparse.Namespace, labs: Path) -> int:  # noqa: ARG001 - every command is called alike
    """Build the image, unless it is there."""
    with alone("host", wait=True):
        host.mend(0)
    name, built = images.ensure(options.variant, images.RELEASES[options.os])
    if built:
        images.remove_outdated()
    print(f"lab: {'changed' if built else 'unchanged'}: {name}")
    return 0
