# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a node can tell of what stands between it and slurmctld: services, munge, time, mounts, its last boot."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Run
from ansible_collections.clusterwright.hpc.plugins.module_utils.munge import credential as munge

TIME = ("chrony", "chronyd", "systemd-timesyncd", "ntpsec", "ntpd")     # who keeps the time; the first one that is installed and enabled
LOG = "/var/log/slurm/slurmd.log"
ANSWER = 10     # seconds that findmnt may take, which waits for a file server that is gone


def observe(run: Run, credential: str, age: float, host: str, source: str, fstab: Path = Path("/etc/fstab"),
            stat: Path = Path("/proc/stat")) -> dict[str, Any]:
    """All of it. credential: made on another node, `age` seconds ago by the control machine's clock; empty: it could make none."""
    said, skew = _munge(run, credential, age, host, source)
    return {"services": services(run), "munge": said, "skew_seconds": skew, "mounts": not_mounted(run, fstab), "booted_at": booted(stat)}


def _munge(run: Run, credential: str, age: float, host: str, source: str) -> tuple[str, int | None]:
    if not credential:
        return "", None
    decoded = munge.decode(run, credential)
    off = munge.skew(decoded, age)
    try:
        munge.judge(decoded, age, munge.TTL, host, source)
    except ClusterwrightError as error:
        return str(error), None if off is None else round(off)
    return "", round(off or 0)


def services(run: Run) -> dict[str, dict[str, str]]:
    """munge, slurmd and whoever keeps the time, each with its state: active, inactive, failed, not installed, or what systemd says."""
    names = ("munge", "slurmd", *TIME)
    shown = run(["systemctl", "show", "--property=Id,LoadState,ActiveState,UnitFileState", *(f"{name}.service" for name in names)]).out
    units = parse_units(shown)
    found = {name: _service(name, units.get(name, {})) for name in ("munge", "slurmd")}
    keeper = next((name for name in TIME if units.get(name, {}).get("LoadState") == "loaded"
                   and units[name].get("UnitFileState") in ("enabled", "alias", "static")), "")
    if keeper:
        found["time"] = _service(keeper, units[keeper])
    if found["slurmd"]["state"] not in ("active", "not installed"):
        found["slurmd"]["said"] = last_error(run(["tail", "--lines=50", LOG]).out)
    return found


def parse_units(shown: str) -> dict[str, dict[str, str]]:
    """`systemctl show` of several units: blocks of KEY=VALUE. An alias comes under the name of its unit."""
    blocks = (dict(line.partition("=")[::2] for line in block.splitlines()) for block in shown.split("\n\n"))
    return {block["Id"].partition(".service")[0]: block for block in blocks if block.get("Id")}


def _service(name: str, unit: dict[str, str]) -> dict[str, str]:
    state = unit.get("ActiveState", "") if unit.get("LoadState") in ("loaded", "masked") else "not installed"
    return {"unit": name, "state": "masked" if unit.get("LoadState") == "masked" else state or "not installed"}


def last_error(log: str) -> str:
    """The last line of a log of Slurm that says what is wrong."""
    lines = [match[1] for match in re.finditer(r"^(?:\[[^\]]*\] )?(?:error|fatal): (.*)$", log, re.MULTILINE)]
    return lines[-1][:200] if lines else ""


def not_mounted(run: Run, fstab: Path) -> dict[str, str]:
    """Where something should be mounted at boot and is not: path and systemd's unit for it."""
    try:
        wanted = parse_fstab(fstab.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return {}
    result = run(["timeout", str(ANSWER), "findmnt", "--kernel", "--json", "--list", "--output=TARGET"])
    try:
        mounted = {entry["target"] for entry in json.loads(result.out)["filesystems"]}
    except (ValueError, KeyError, TypeError):
        return {}
    missing = [path for path in wanted if path not in mounted]
    return {path: run(["systemd-escape", "--path", "--suffix=mount", path]).out.strip() for path in missing}


def parse_fstab(text: str) -> list[str]:
    """The mount points that a boot mounts."""
    rows = (line.split() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#"))
    return [re.sub(r"\\(\d{3})", lambda code: chr(int(code[1], 8)), row[1]) for row in rows
            if len(row) >= 3 and row[1].startswith("/") and "noauto" not in (row[3] if len(row) > 3 else "").split(",")]


def booted(stat: Path) -> int | None:
    """When the kernel was started, in seconds since 1970."""
    found = re.search(r"^btime (\d+)$", stat.read_text(), re.MULTILINE)
    return int(found[1]) if found else None
