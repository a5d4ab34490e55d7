# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of Ceph is on one host where cephadm runs it in containers, which of its disks are still to become OSDs, and how a cluster begins.

Sources: "Deploying a new Ceph cluster" of Ceph's documentation (cephadm), and what cephadm 16.2.15 left on hosts.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.clusterwright.hpc.plugins.module_utils.ceph import osds
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Run, last_lines

FOLDER = "/var/lib/ceph"
BLOCKS = "/sys/class/block"
LOG, KEPT_LOG = "/var/log/ceph/cephadm.log", "/var/log/cephadm-bootstrap.log"
WRITTEN = ("/etc/ceph/ceph.conf", "/etc/ceph/ceph.client.admin.keyring", "/etc/ceph/ceph.pub")      # by a bootstrap
_FSID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_DAEMON = re.compile(r"(mon|mgr|osd|mds|rgw|crash)\.[^/]+")


class Host(NamedTuple):
    """Daemons in containers by cluster, those of packages, and the devices of each OSD."""

    clusters: dict[str, list[str]]
    packages: list[str]
    disks: dict[str, list[str]]


def observe(folder: str = FOLDER, blocks: str = BLOCKS) -> Host:
    """What stands below /var/lib/ceph: cephadm's FSID/osd.1, the packages' osd/ceph-1."""
    clusters: dict[str, list[str]] = {}
    disks: dict[str, list[str]] = {}
    for place in sorted(Path(folder).glob("*/*.*")):
        if not _FSID.fullmatch(place.parent.name) or not _DAEMON.fullmatch(place.name) or not place.is_dir():
            continue
        clusters.setdefault(place.parent.name, []).append(place.name)
        if place.name.startswith("osd.") and (place / "block").is_symlink():
            disks[place.name] = below(os.path.realpath(place / "block"), blocks)
    packages = [f"{place.parent.name}.{place.name.partition('-')[2]}" for kind in ("mon", "mgr", "osd", "mds")
                for place in sorted(Path(folder).glob(f"{kind}/ceph-*"))]
    return Host(clusters, packages, disks)


def below(device: str, blocks: str = BLOCKS) -> list[str]:
    """A device, and those that a volume lies on: /dev/dm-0, then /dev/sdb."""
    found = [device]
    for one in sorted((Path(blocks) / Path(device).name / "slaves").glob("*")):
        found += below(f"/dev/{one.name}", blocks)
    return found


def refuse_others(fsid: str, host: Host) -> None:
    """Raises ClusterwrightError where the host has daemons of another cluster or another way."""
    theirs = {other: daemons for other, daemons in host.clusters.items() if other != fsid}
    for other, daemons in theirs.items():
        raise ClusterwrightError(
            f"this host has {', '.join(daemons)} of another Ceph cluster ({other}, ours is {fsid}): nothing was changed. If it is ours, "
            f"say fsid: {other} in the section ceph; else see whether somebody needs it",
            clusters=sorted(theirs))
    if host.packages:
        raise ClusterwrightError(f"this host has {', '.join(host.packages)} from packages, and two ways at once would be two of each: say "
                                 "way: packages, or bring them over by `cephadm adopt`; nothing was changed")


def missing(run: Run, devices: Sequence[str], mebibytes: int, host: Host) -> list[str]:
    """The devices without an OSD. Raises ClusterwrightError for one that carries anything else."""
    taken = {disk for found in host.disks.values() for disk in found}
    new = [device for device in devices if osds.real(device) not in taken]
    for device in new:
        osds.refuse_data(run, device, mebibytes)
    return new


# --- the beginning of a cluster


def command(wanted: Mapping[str, Any], login: str = "") -> list[str]:
    """How cephadm is told. It shall set up one mon and one manager, and nothing of its own choice; `login`: a file with user and password.

    Without --skip-mon-network it takes the network from the routes of the host, and the declared one is set right after.
    """
    image = ["--image", wanted["image"]] if wanted["image"] else []
    return ["cephadm", *image, "bootstrap", "--fsid", wanted["fsid"], "--mon-ip", wanted["address"], "--skip-mon-network",
            "--skip-monitoring-stack", "--skip-dashboard", "--orphan-initial-daemons", *(["--registry-json", login] if login else [])]


def unfinished(fsid: str, folder: str = FOLDER) -> Path:
    """The file that is there while a bootstrap goes on."""
    return Path(folder) / f"{fsid}.bootstrap"


def bootstrap(run: Run, wanted: Mapping[str, Any], folder: str = FOLDER, written: Sequence[str] = WRITTEN) -> None:
    """Begin a cluster. What fails is taken back; what is interrupted is noticed by the next run."""
    mark, kept = unfinished(wanted["fsid"], folder), [path for path in written if Path(path).exists()]
    if kept:
        raise ClusterwrightError(f"{', '.join(kept)}: of some Ceph cluster, and here is none: see whether somebody needs them, and move "
                                 "them away; nothing was changed")
    mark.parent.mkdir(parents=True, exist_ok=True)
    mark.touch()
    with tempfile.NamedTemporaryFile("w", suffix=".json") as login:     # 0600
        if wanted["registry_user"]:
            json.dump({"url": wanted["registry"], "username": wanted["registry_user"], "password": wanted["registry_password"]}, login)
            login.flush()
        result = run(command(wanted, login.name if wanted["registry_user"] else ""))
    if result.rc:
        with contextlib.suppress(OSError):
            shutil.copy(LOG, KEPT_LOG)      # rm-cluster removes it
        run(["cephadm", "rm-cluster", "--force", "--fsid", wanted["fsid"]])
        for path in written:
            with contextlib.suppress(OSError):
                Path(path).unlink()
        mark.unlink()
        raise ClusterwrightError(f"cephadm could not begin the cluster: {last_lines(result)}; what it had made is taken back, and the "
                                 f"whole story is in {KEPT_LOG}")
    mark.unlink()


def refuse_unfinished(fsid: str, folder: str = FOLDER) -> None:
    """Raises ClusterwrightError where a bootstrap was interrupted."""
    mark = unfinished(fsid, folder)
    if mark.exists():
        raise ClusterwrightError(
            f"a bootstrap of the cluster {fsid} was interrupted here, and nothing can be in it yet: `cephadm rm-cluster --force "
            f"--fsid {fsid} && rm -f {mark} {' '.join(WRITTEN)}`, and run again")
