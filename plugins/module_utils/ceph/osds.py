# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""OSDs of one host: on whole disks that are empty, or on sparse files. A disk that carries anything is refused.

Sources: "Manual deployment" of Ceph 18's documentation (install), blkid(8), and what ceph-osd 18.2.7 was seen to do.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import stat
import tempfile
import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ansible_collections.clusterwright.hpc.plugins.module_utils.ceph.change import PATIENCE
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Run, last_lines

FOLDER = "/var/lib/ceph/osd"
BOOTSTRAP = "/var/lib/ceph/bootstrap-osd/ceph.keyring"
USER = "ceph"
LABEL = b"bluestore block device"
HEAD = 2**20        # bytes at the beginning that must be empty
MEBIBYTE = 2**20


def observe(folder: str = FOLDER) -> dict[str, dict[str, Any]]:
    """The OSDs of this host, by name: where each has its data, and of which cluster it is."""
    found: dict[str, dict[str, Any]] = {}
    for place in sorted(Path(folder).glob("ceph-*"), key=lambda path: (len(path.name), path.name)):
        block = place / "block"
        if not block.exists():
            continue
        cluster = place / "ceph_fsid"
        found[f"osd.{place.name.split('-', 1)[1]}"] = {
            "data": os.path.realpath(block) if block.is_symlink() else "file",
            "fsid": cluster.read_text().strip() if cluster.exists() else "",
        }
    return found


def missing(devices: Sequence[str], files: int, fsid: str, seen: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """The devices that have no OSD yet, and `file` for each file that is missing."""
    others = [name for name, entry in seen.items() if entry["fsid"] not in ("", fsid)]
    if others:
        theirs = seen[others[0]]["fsid"]
        raise ClusterwrightError(f"{', '.join(others)} of this host belongs to another cluster ({theirs}, ours is {fsid}): nothing was "
                                 "changed; see whether somebody needs it")
    taken = [entry["data"] for entry in seen.values()]
    return [device for device in devices if real(device) not in taken] + ["file"] * (files - taken.count("file"))


def real(data: str) -> str:
    """The device that a name stands for; a file has none."""
    return data if data == "file" else os.path.realpath(data)


def refuse_data(run: Run, device: str, mebibytes: int, zap: bool = False) -> None:
    """Raises ClusterwrightError for a device that is none, is in use, is smaller than declared, or carries anything.

    `zap`: it may carry what nobody uses, for that is to be ended.
    """
    place = real(device)
    try:
        mode = Path(place).stat().st_mode
    except OSError:
        raise ClusterwrightError(f"{device} does not exist on this host: look at `lsblk`; nothing was changed") from None
    if not stat.S_ISBLK(mode):
        raise ClusterwrightError(f"{device} is no disk: name a block device; nothing was changed")
    known = Path("/sys/class/block") / Path(place).name
    holders = [*known.glob("holders/*"), *known.glob("*/holders/*")]
    partitions = [*known.glob("*/partition")]
    try:
        descriptor = os.open(place, os.O_RDONLY | os.O_EXCL)
    except OSError as error:
        raise ClusterwrightError(f"{device} is in use ({error.strerror}): look at `lsblk {device}`; nothing was changed") from None
    try:
        size = os.lseek(descriptor, 0, os.SEEK_END) // MEBIBYTE
        os.lseek(descriptor, 0, os.SEEK_SET)
        head = os.read(descriptor, HEAD)
    finally:
        os.close(descriptor)
    probed = run(["blkid", "--probe", "--output", "export", place])
    kind = next((line.split("=", 1)[1] for line in probed.out.splitlines() if line.startswith(("TYPE=", "PTTYPE="))), "")
    if zap and holders:
        raise ClusterwrightError(f"{device} is part of a volume or RAID: take that apart first, `lsblk {device}` shows it; nothing was "
                                 "changed")
    if not zap and head.startswith(LABEL):
        raise ClusterwrightError(f"{device} carries an OSD already, which is not set up on this host: `ceph-volume raw list {device}` says "
                                 f"whose it is, `ceph-volume raw activate --device {device} --no-systemd` brings it back; nothing was "
                                 "changed")
    if not zap and (holders or partitions or kind or any(head)):
        what = kind or ("partitions or volumes" if holders or partitions else "something without a name in its first MiB")
        raise ClusterwrightError(f"{device} carries data ({what}), and an OSD would end it: nothing was changed. If nobody needs it: "
                                 f"`wipefs --all {device}` on this host, and zeros on its first MiB")
    if size < 0.9 * mebibytes:
        raise ClusterwrightError(f"{device} has {size} MiB, and {mebibytes} are declared: is it the right disk? Nothing was changed")


def zap(run: Run, device: str) -> None:
    """End what a disk carries: its signatures and partition table, and the beginning, where OSDs have their label."""
    place = real(device)
    result = run(["wipefs", "--all", place])
    if result.rc:
        raise ClusterwrightError(f"{device} cannot be emptied: {last_lines(result)}")
    try:
        with open(place, "r+b", buffering=0, opener=lambda path, flags: os.open(path, flags | os.O_EXCL)) as disk:
            for _mebibyte in range(10):
                disk.write(bytes(MEBIBYTE))
            os.fsync(disk.fileno())
    except OSError as error:
        raise ClusterwrightError(f"{device} cannot be emptied: {error.strerror}") from None


def make(run: Run, data: str, mebibytes: int, replaces: int | None = None, folder: str = FOLDER) -> str:
    """Make one OSD on an empty disk, or on a file of its own, and return its name. What fails leaves nothing behind.

    `replaces`: the number of a destroyed OSD that it takes; what that one has in `folder` is moved aside.
    """
    identity = str(uuid.uuid4())
    secret = _ask(run, ["ceph-authtool", "--gen-print-key"], data)
    mons = ["ceph", "--connect-timeout", str(PATIENCE), "--name", "client.bootstrap-osd", "--keyring", BOOTSTRAP]
    with tempfile.TemporaryDirectory() as private:      # 0700: the key is on no command line
        file = Path(private) / "secrets.json"
        file.write_text(json.dumps({"cephx_secret": secret}))
        number = _ask(run, [*mons, "osd", "new", identity, *([] if replaces is None else [str(replaces)]), "-i", str(file)], data)
    place = Path(folder) / f"ceph-{number}"
    try:
        if replaces is not None and place.exists():
            aside = Path(folder) / f"replaced-{number}"
            shutil.rmtree(aside, ignore_errors=True)
            place.rename(aside)
        place.mkdir(mode=0o750)
        keyring = place / "keyring"
        keyring.touch(mode=0o600)
        keyring.write_text(f"[osd.{number}]\n\tkey = {secret}\n")
        if data == "file":
            with (place / "block").open("wb") as block:
                block.truncate(mebibytes * MEBIBYTE)
        else:
            (place / "block").symlink_to(data)
        for path in (place, keyring, place / "block"):
            shutil.chown(path, USER, USER)
        _ask(run, ["ceph-osd", "--mkfs", "--id", number, "--osd-uuid", identity, "--setuser", USER, "--setgroup", USER], data)
    except (ClusterwrightError, OSError) as error:
        run([*mons, "osd", "purge-new", number, "--yes-i-really-mean-it"])
        with contextlib.suppress(OSError):
            shutil.rmtree(place)
        if isinstance(error, OSError):
            raise ClusterwrightError(f"{place}: {error.strerror}; nothing is left of this OSD") from None
        raise
    return f"osd.{number}"


def _ask(run: Run, argv: Sequence[str], data: str) -> str:
    result = run(argv)
    if result.rc:
        raise ClusterwrightError(f"an OSD on {data} failed at '{argv[0]} {' '.join(word for word in argv[1:] if word in _VERBS)}': "
                                 f"{last_lines(result)}; nothing is left of it")
    return result.out.strip()


_VERBS = ("--gen-print-key", "osd", "new", "--mkfs")
