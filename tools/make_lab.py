#!/usr/bin/env python3
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""`make lab`: containers, cluster, a job on it, and how to get in. Run again, it says that nothing has changed."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).resolve().parents[1]
RUNS = CHECKOUT / ".build" / "runs"
sys.path.insert(0, str(CHECKOUT / ".build" / "collections"))

FAILURES = {1: "did not run", 2: "failed", 4: "left out nodes that do not answer", 6: "failed", 130: "was interrupted"}


class Stop(Exception):
    """Why the lab is not up, and the exit status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def say(text: str) -> None:
    """A line of progress."""
    print(f"==> {text}", flush=True)


def call(*words: str) -> int:
    """A tool of this directory, with its output shown as it comes."""
    return subprocess.run([sys.executable, str(CHECKOUT / "tools" / words[0]), *words[1:]], cwd=CHECKOUT, check=False).returncode


def play(playbook: str, inventory: str, *more: str) -> dict[str, Any]:
    """Run a playbook through ansible-runner; its summary. Raises Stop unless all hosts are as they shall be."""
    before = set(RUNS.glob("*/summary.json"))
    status = call("run.py", playbook, "-i", inventory, *more)
    if status in FAILURES:
        raise Stop(f"{playbook} {FAILURES[status]}; mend what it says and run `make lab` again, it goes on from here", status)
    (written,) = set(RUNS.glob("*/summary.json")) - before
    summary: dict[str, Any] = json.loads(written.read_text())
    return {**summary, "directory": written.parent}


def job_output(run: dict[str, Any]) -> list[str]:
    """What the nodes said, from the run's events."""
    for path in (run["directory"] / "artifacts" / "job_events").glob("*.json"):
        event = json.loads(path.read_text())
        result = event.get("event_data", {}).get("res", {})
        if event["event"] == "runner_on_ok" and result.get("cmd"):
            return sorted(result["stdout_lines"])
    return []


def build(inventory: str) -> None:
    """All steps, and the summary at the end."""
    # The path to them is set above.
    from ansible_collections.clusterwright.hpc.plugins.plugin_utils import model  # noqa: PLC0415
    from ansible_collections.clusterwright.hpc.tools.labkit.switches import switches_of  # noqa: PLC0415

    try:
        cluster = model.load(inventory)
    except model.ClusterFileError as error:
        raise Stop(f"{inventory} does not load:\n{error}", 1) from None
    begun = time.monotonic()
    steps: list[str] = []

    def done(step: str, since: float) -> float:
        now = time.monotonic()
        steps.append(f"{step} {now - since:.0f} s")
        return now

    say("image: what the nodes start from (made once, a minute or two)")
    if status := call("lab.py", "image", "slurm"):
        raise Stop("the image cannot be made; see above", status)
    at = done("image", begun)
    simulated = switches_of(cluster, Path(inventory)).platforms
    say(f"containers: {sum(1 for _node in cluster.nodes)} nodes" + (f", and {len(simulated)} simulated switches" if simulated else ""))
    created = play("molecule/common/create.yml", "localhost,", "-e", f"lab_inventory={Path(inventory).resolve()}", "-e", "lab_image=slurm")
    at = done("containers", at)
    say("configuration: playbooks/site.yml")
    configured = play("playbooks/site.yml", inventory)
    at = done("configuration", at)
    say("a job over all compute nodes")
    job = play("playbooks/hello.yml", inventory)
    done("job", at)
    changes = changed(created["verdict"] == "changed", changed_hosts(configured))
    report(cluster, inventory, simulated, job_output(job), changes, steps, time.monotonic() - begun)


def changed_hosts(summary: dict[str, Any]) -> list[str]:
    """The nodes on which something was changed."""
    return [name for name, host in summary["hosts"].items() if host["changed"]]


def changed(created: bool, hosts: list[str]) -> str:
    """What this run changed, in words."""
    return f"changed {', '.join(hosts) or 'the containers only'}" if hosts or created else "nothing: everything was as it shall be"


def report(
    cluster: Any, inventory: str, simulated: Mapping[str, str], said: list[str], changes: str, steps: list[str], seconds: float
) -> None:
    """What was built, what was changed, how to get in, how long it took."""
    roles = {role: sum(1 for node in cluster.nodes if role in node.roles) for role in ("slurm_controller", "slurm_login", "slurm_compute")}
    login = next((node.name for node in cluster.nodes if "slurm_login" in node.roles), next(cluster.nodes).name)
    print("\nThe job said:")
    print("\n".join(f"  {line}" for line in said))
    what = ", ".join(f"{count} {role.split('_')[1]}" for role, count in roles.items())
    names = ", ".join(f"{name} ({platform})" for name, platform in simulated.items())
    network = f"  switches  {names}, simulated: .venv/bin/ansible-playbook playbooks/network.yml -i {inventory}\n" if names else ""
    print(f"""
The lab is up.
  cluster   {cluster.name}: {what} nodes, from {inventory}
  changes   {changes}
  get in    ssh -F .build/lab/{cluster.name}/ssh_config {login}     then, for example: sinfo, srun -N{roles['slurm_compute']} hostname
{network}  change    edit {inventory}, then `make lab`
  remove    make lab-down
  time      {seconds:.0f} s ({', '.join(steps)})""")


def main() -> int:
    """Exit status 0 when the lab is up and the job ran."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-i", dest="inventory", required=True, help="the cluster file")
    try:
        build(parser.parse_args().inventory)
    except Stop as stop:
        print(f"make lab: {stop}", file=sys.stderr)
        return stop.status
    except KeyboardInterrupt:
        print("make lab: interrupted; run it again, it goes on from here", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
