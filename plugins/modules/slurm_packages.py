#!/usr/bin/python
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings the Slurm packages of a host to another release, and starts nothing."""

from __future__ import annotations

DOCUMENTATION = r"""
module: slurm_packages
short_description: Bring a host's Slurm packages to another release
version_added: 0.1.0
author: The clusterwright developers (@clusterwright)
description:
  - Looks at Slurm's packages and daemons on a host, fetches the packages of another release, or installs them.
  - All Slurm packages that are installed go together, and no other package is added or upgraded unless they depend on it.
  - While packages are replaced, Slurm's daemons on the host are stopped but for sackd, and Debian's maintainer scripts do not start them
    again. Starting them is the caller's work, in the order that Slurm demands. Job steps run on while slurmd is down.
  - An upgrade that was interrupted within dpkg is finished first.
  - When packages cannot be replaced, daemons that still have their old package are started again, and slurmd in any case.
requirements:
  - Debian's packages of Slurm, or those that SchedMD's sources build
options:
  state:
    description:
      - V(seen) looks, and reports what would be in the way in RV(trouble) instead of failing.
      - V(fetched) brings the packages to the host, so that little time passes between stopping and starting.
      - V(installed) stops the daemons and replaces the packages.
    type: str
    choices: [seen, fetched, installed]
    default: seen
  release:
    description: The release to have, such as V(26.05). Needed for V(state=fetched) and V(state=installed).
    type: str
  refresh:
    description: Fetch the package lists first.
    type: bool
    default: false
extends_documentation_fragment:
  - clusterwright.hpc.attributes
  - clusterwright.hpc.attributes.node
"""

EXAMPLES = r"""
- name: What the package sources offer
  clusterwright.hpc.slurm_packages:
    refresh: true
  register: slurm

- name: Replace the packages; slurmd is down now
  clusterwright.hpc.slurm_packages:
    state: installed
    release: "26.05"

- name: Up again
  ansible.builtin.systemd_service:
    name: slurmd.service
    state: started
"""

RETURN = r"""
before:
  description: Slurm's packages and their versions.
  returned: success
  type: dict
  sample: {slurm-client: 24.11.5-4+deb13u1, slurm-wlm-basic-plugins: 24.11.5-4+deb13u1, slurmd: 24.11.5-4+deb13u1}
after:
  description: The same, read back; in check mode, predicted.
  returned: success
  type: dict
  sample: {slurm-client: 26.05.5-1, slurm-wlm-basic-plugins: 26.05.5-1, slurmd: 26.05.5-1}
candidate:
  description: The versions that the package sources offer.
  returned: success
  type: dict
  sample: {slurm-client: 26.05.5-1, slurm-wlm-basic-plugins: 26.05.5-1, slurmd: 26.05.5-1}
daemons:
  description: >-
    Slurm's units on the host, as they were before. C(down) is one that is enabled and does not run; C(stale) one that runs from a program
    which a newer package has replaced.
  returned: success
  type: dict
  sample:
    slurmd.service: {active: true, down: false, stale: false}
unfinished:
  description: Packages of an upgrade that was interrupted within dpkg.
  returned: success
  type: list
  elements: str
  sample: []
to_start:
  description: Units that shall run afterwards, which are those that ran and those that are enabled.
  returned: success
  type: list
  elements: str
  sample: [slurmd.service]
old_steps:
  description: How many running job steps were started by packages that have been replaced since.
  returned: success
  type: int
  sample: 0
removed:
  description: Other packages that go, because they do not fit the new ones.
  returned: success
  type: list
  elements: str
  sample: [libpmix2t64]
trouble:
  description: What keeps the packages from being replaced, each with its way out.
  returned: success
  type: list
  elements: str
  sample: ["slurmd held back: type `apt-mark unhold slurmd`"]
commands:
  description: The commands that were run or, in check mode, would be.
  returned: success
  type: list
  elements: str
  sample:
    - systemctl stop slurmd.service
    - env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get -q -o DPkg::Lock::Timeout=120
      -o Dpkg::Options::=--force-confold install -y --no-install-recommends --only-upgrade slurm-client=26.05.5-1
      slurm-wlm-basic-plugins=26.05.5-1 slurmd=26.05.5-1
impact:
  description: What the change disturbs, in words and as data.
  returned: success
  type: list
  elements: dict
  contains:
    kind:
      description: C(service_stops) or C(package_removed).
      type: str
      returned: always
    name:
      description: The unit or package.
      type: str
      returned: always
    text:
      description: The same in words.
      type: str
      returned: always
  sample:
    - {kind: service_stops, name: slurmd.service, text: "slurmd.service stops: jobs run on, and new steps and jobs wait for it"}
verified:
  description: Whether the packages were read back as wanted. False in check mode, and for V(state=seen).
  returned: success
  type: bool
  sample: true
"""

from typing import Any

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError, fail
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Run, runner
from ansible_collections.clusterwright.hpc.plugins.module_utils.slurm import packages

STOPS = {
    "slurmdbd.service": "slurmctld keeps what it has to tell, and sacct does not answer",
    "slurmctld.service": "jobs run on, and nothing can be submitted or starts",
    "slurmd.service": "jobs run on, and new steps and jobs wait for it",
    "slurmrestd.service": "REST does not answer",
    "sackd.service": "commands find no configuration",
}


def main() -> None:
    """Observe, plan, apply, observe again, compare."""
    module = AnsibleModule(
        argument_spec={
            "state": {"type": "str", "choices": ["seen", "fetched", "installed"], "default": "seen"},
            "release": {"type": "str"},
            "refresh": {"type": "bool", "default": False},
        },
        required_if=[("state", "fetched", ["release"]), ("state", "installed", ["release"])],
        supports_check_mode=True,
    )
    try:
        module.exit_json(**answer(runner(module), module.params, module.check_mode))
    except ClusterwrightError as error:
        fail(module, error)


def answer(run: Run, params: dict[str, Any], check: bool) -> dict[str, Any]:
    """What the module returns. Raises ClusterwrightError."""
    trouble = packages.refresh(run) if params["refresh"] and not check else []
    state = packages.observe(run)
    said: dict[str, Any] = {
        "before": state.installed,
        "after": state.installed,
        "candidate": state.candidate,
        "daemons": {
            unit: {"active": daemon.active, "down": daemon.down, "stale": daemon.stale} for unit, daemon in state.daemons.items()
        },
        "to_start": [unit for unit, daemon in state.daemons.items() if daemon.active or daemon.down],
        "unfinished": state.unfinished,
        "old_steps": state.old_steps,
        "trouble": trouble + state.trouble,
        "removed": [],
        "commands": [],
        "impact": [],
        "diff": {"before": "", "after": ""},
        "verified": False,
        "changed": False,
    }
    if params["state"] == "seen":
        return said
    planned = packages.plan(state, params["release"])
    said["removed"] = packages.simulate(run, planned)
    if params["state"] == "fetched":
        if not check:
            said["commands"] = packages.fetch(run, planned)
        return {**said, "verified": not check}
    predicted = {**state.installed, **planned.upgrade}
    said |= {
        "after": predicted,
        "commands": packages.commands(planned),
        "impact": [
            *({"kind": "service_stops", "name": unit, "text": f"{unit} stops: {STOPS[unit]}"} for unit in planned.stop),
            *({"kind": "package_removed", "name": name, "text": f"package {name} is removed"} for name in said["removed"]),
        ],
        "diff": {"before": listed(state.installed), "after": listed(predicted)},
        "changed": bool(planned.stop or planned.steps),
    }
    if check or not said["changed"]:
        return {**said, "verified": not check}
    packages.install(run, planned)
    after = packages.observe(run)
    if after.unfinished or packages.plan(after, params["release"]).upgrade:
        raise ClusterwrightError(
            f"packages: after the upgrade they are {listed(after.installed).strip()}: see /var/log/apt/term.log", changed=True
        )
    return {**said, "after": after.installed, "verified": True}


def listed(installed: dict[str, str]) -> str:
    """A line a package."""
    return "".join(f"{package} {version}\n" for package, version in installed.items())


if __name__ == "__main__":
    main()
