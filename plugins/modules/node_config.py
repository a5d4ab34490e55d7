#!/usr/bin/python
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Brings a node to what is declared: its packages, users, files and services, in one call."""

from __future__ import annotations

DOCUMENTATION = r"""
module: node_config
short_description: Packages, users, files and services of a node in one call
version_added: 0.1.0
description:
  - Looks at a node, plans what differs from the declaration, applies the plan, looks again and compares.
  - One call does the work of many tasks, because the cost of a configuration run is the number of tasks.
  - The order is groups and users, packages, directories, files, removals, services. Users come before packages, so that
    a package finds the declared uid and does not choose its own.
  - A running service is never restarted or reloaded. The module returns in RV(stale) and RV(outdated) which services still
    run with files that have changed since, and a handler decides.
  - When a step fails, files that were replaced in this call are put back.
  - In check mode on a fresh node, what a missing package will bring (users, directories, programs, units) is taken as
    there. C(validate) commands run only when files are really written.
requirements:
  - Debian, Ubuntu, RHEL or a relative of these, for O(packages)
  - systemd, for O(services) and O(conflicts)
options:
  packages:
    description:
      - Packages that shall be present. What is missing is installed by one command, without recommended packages.
      - A virtual package counts as installed when an installed package provides it. Where several could, C(apt-get)
        refuses to choose, so name the real one.
      - The absolute path of a package's file on the node stands for the very version in that file.
      - Existing configuration files are kept. Package lists are fetched only when something is missing and they are
        absent or older than a day, or the package is not found.
    type: list
    elements: str
    default: []
  conflicts:
    description: Units that must be neither enabled nor active. Otherwise the module fails before anything is changed.
    type: list
    elements: dict
    default: []
    suboptions:
      service:
        description: Name of the unit. C(.service) may be left out.
        type: str
        required: true
      remedy:
        description: What the administrator shall do, as the error says it.
        type: str
        required: true
  groups:
    description: Groups that shall be present.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the group.
        type: str
        required: true
      gid:
        description: Number of the group. A group that exists with another one is an error.
        type: int
      system:
        description: A new group gets a number from the system's range.
        type: bool
        default: false
  users:
    description: Users that shall be present. What is left out is not changed on a user that exists.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the user.
        type: str
        required: true
      uid:
        description: Number of the user. A user that exists with another one is an error, since daemons may run as it.
        type: int
      group:
        description: Primary group. A new user gets the group of its own name when this is left out.
        type: str
      groups:
        description: Groups that the user is added to. It is removed from none.
        type: list
        elements: str
        default: []
      home:
        description: Home directory. The directory of a user that exists is not moved.
        type: path
      shell:
        description: Login shell.
        type: path
      comment:
        description: Full name or purpose.
        type: str
      system:
        description: A new user gets a number from the system's range.
        type: bool
        default: false
      create_home:
        description: Create the home directory of a new user. Off, because homes of a cluster are mounted.
        type: bool
        default: false
  files:
    description:
      - Files and directories. New contents are written beside their places and validated, all of them, before the first
        is put in place by rename.
      - A symlink, device or directory where a file shall be is an error.
    type: list
    elements: dict
    default: []
    suboptions:
      path:
        description: Absolute path. Its directory must exist or be declared too.
        type: path
        required: true
      state:
        description: What shall be there. V(absent) removes files and symlinks, not directories.
        type: str
        choices: [file, directory, absent]
        default: file
      content:
        description: Content as text.
        type: str
      template:
        description:
          - Name of a Jinja template that is rendered to the content, on the control machine. A role's is found in its C(templates).
          - It costs less than the lookup P(ansible.builtin.template#lookup), by far in a large inventory.
        type: str
      secret:
        description: Content in base64 that appears in no output, log or diff.
        type: str
      owner:
        description: Name of the owner.
        type: str
        default: root
      group:
        description: Name of the group.
        type: str
        default: root
      mode:
        description:
          - Four octal digits in quotes.
          - When left out it is V(0644), for a secret V(0600), for a directory V(0755).
        type: str
      validate:
        description:
          - Command that checks the new content, with C(%s) for the file's temporary name in the same directory.
          - It is run without a shell.
        type: str
      block:
        description:
          - The content is a block between marker lines that start with C(#), in a file that others write too. What stands around it stays.
          - A block that is not there yet is put at the top.
        type: bool
        default: false
      backup:
        description: Keep the replaced file as C(path.<timestamp>~).
        type: bool
        default: false
  services:
    description: Services that shall run or not run.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description: Name of the unit. C(.service) may be left out.
        type: str
        required: true
      enabled:
        description: Start it at boot.
        type: bool
        default: true
      state:
        description: What it does now.
        type: str
        choices: [started, stopped]
        default: started
      uses:
        description:
          - Files that the service reads only when it starts. A change of one of them makes the service stale.
          - A directory counts when entries are added to it, removed or replaced. A file that does not exist is fine.
          - Leave out what the service re-reads by a reload.
        type: list
        elements: path
        default: []
      since:
        description:
          - A time in seconds since 1970. A service that was started before it is stale, because what it read then is no more.
        type: int
        default: 0
      rereads:
        description:
          - Files that the service also reads when it is reloaded, by a reload that replaces its main process, as that of Slurm's daemons
            does. A change of one of them makes the service outdated.
          - For a service that keeps its process, notify a reload from RV(changed_files) instead.
        type: list
        elements: path
        default: []
extends_documentation_fragment:
  - clusterwright.hpc.attributes
  - clusterwright.hpc.attributes.node
author:
  - The clusterwright developers (@clusterwright)
"""

EXAMPLES = r"""
- name: Munge with the cluster's key
  clusterwright.hpc.node_config:
    packages: [munge]
    groups:
      - {name: munge, gid: 966, system: true}
    users:
      - {name: munge, uid: 966, group: munge, home: /nonexistent, shell: /usr/sbin/nologin, system: true}
    files:
      - path: /etc/munge
        state: directory
        owner: munge
        group: munge
        mode: "0700"
      - path: /etc/munge/munge.key
        secret: "{{ munge_key }}"  # base64
        owner: munge
        group: munge
        mode: "0400"
    services:
      - name: munge
        uses: [/etc/munge/munge.key]
  register: munge_node
  notify: Restart munge

# In handlers/main.yml
- name: Restart munge
  ansible.builtin.systemd_service:
    name: munge.service
    state: restarted
  when: "'munge.service' in munge_node.stale"

- name: Time by chrony, and by nothing else
  clusterwright.hpc.node_config:
    packages: [chrony]
    conflicts:
      - service: systemd-timesyncd
        remedy: type 'systemctl disable --now systemd-timesyncd', chrony keeps the time here
    files:
      - path: /etc/chrony/chrony.conf
        template: chrony.conf.j2
        validate: chronyd -p -f %s
        backup: true
    services:
      - name: chrony
        uses: [/etc/chrony/chrony.conf]
"""

RETURN = r"""
before:
  description: What was seen, of all that is declared. Contents of files are never part of it.
  returned: success
  type: dict
  sample:
    packages: {munge: null}
    groups: {munge: null}
    users: {munge: null}
    files:
      /etc/munge/munge.key: {state: absent}
    services:
      munge.service: {enabled: not-found, active: inactive}
after:
  description: What was read back after the change. In check mode, what is predicted.
  returned: success
  type: dict
  sample:
    packages: {munge: 0.5.16-1.1~deb13u1}
    groups: {munge: {gid: 966}}
    users: {munge: {uid: 966, group: munge, home: /nonexistent, shell: /usr/sbin/nologin, comment: ""}}
    files:
      /etc/munge/munge.key: {state: file, owner: munge, group: munge, mode: "0400", content: as declared}
    services:
      munge.service: {enabled: enabled, active: active}
diff:
  description: One entry for each file that changes, and one each for packages, groups, users and services.
  returned: success
  type: list
  elements: dict
  sample:
    - before_header: /etc/munge/munge.key (file 0600 munge:munge)
      before: |
        (secret)
      after_header: /etc/munge/munge.key (file 0400 munge:munge)
      after: |
        (secret differs)
commands:
  description: The commands that were run or, in check mode, would be. C(write) stands for an atomic replacement.
  returned: always, unless the declaration itself was refused
  type: list
  elements: str
  sample:
    - groupadd -r -g 966 munge
    - useradd -M -r -u 966 -g munge -d /nonexistent -s /usr/sbin/nologin munge
    - env DEBIAN_FRONTEND=noninteractive NEEDRESTART_SUSPEND=1 apt-get -q -o DPkg::Lock::Timeout=120
      -o Dpkg::Options::=--force-confold install -y --no-install-recommends munge
    - write /etc/munge/munge.key (0400 munge:munge)
changed_files:
  description: Paths that were written, removed or given another owner or mode; in check mode, that would be.
  returned: success
  type: list
  elements: str
  sample: [/etc/munge/munge.key, /etc/default/munge]
stale:
  description:
    - Full unit names of services that run with files that have changed since they started.
    - It makes the task changed in each run until the service was restarted, so that a lost handler is notified again.
    - A service that this call starts is not stale. A time of change that lies in the future does not count.
  returned: success
  type: list
  elements: str
  sample: [munge.service]
outdated:
  description:
    - Full unit names of services whose main process is older than a file that it rereads. Like RV(stale), until the service was reloaded.
  returned: success
  type: list
  elements: str
  sample: [slurmctld.service]
impact:
  description: What the change disturbs, in words (RV(impact[].text)) and as data.
  returned: success
  type: list
  elements: dict
  contains:
    kind:
      description: One of C(service_starts), C(service_stops), C(restart_pending), C(reload_pending), C(package_installed).
      type: str
      returned: always
    name:
      description: The service or package.
      type: str
      returned: always
    text:
      description: The same in words.
      type: str
      returned: always
  sample:
    - kind: restart_pending
      name: munge.service
      text: "munge.service runs with files that have changed since it started: a restart is pending"
    - {kind: package_installed, name: munge, text: package munge is installed}
verified:
  description: True when the node was read back and nothing is left to do. False in check mode and on failure.
  returned: always, unless the declaration itself was refused
  type: bool
  sample: true
conflicts:
  description: The units that must not be there, with their remedies.
  returned: when O(conflicts) were found
  type: list
  elements: str
  sample: ["cron.service is enabled and active: type 'systemctl disable --now cron'"]
restored_files:
  description: Files that were put back as they were, the last first.
  returned: when a step failed
  type: list
  elements: str
  sample: [/etc/systemd/system/nc.service, /etc/default/munge]
rollback_commands:
  description: The commands that undo what stays done after a failure, in this order.
  returned: when a step failed
  type: list
  elements: str
  sample: [systemctl stop nc.service, apt-get remove -y cron]
journal:
  description: The end of the journal of a service that did not come up.
  returned: when a service did not come up
  type: list
  elements: str
  sample:
    - Started nc.service.
    - cannot read my file
    - "nc.service: Main process exited, code=exited, status=3/NOTIMPLEMENTED"
    - "nc.service: Failed with result 'exit-code'."
mismatch:
  description: What still differs after everything was applied.
  returned: when the node, read back, is not as declared
  type: list
  elements: str
  sample: [services munge.service]
mismatch_commands:
  description: The commands that another run would try.
  returned: when the node, read back, is not as declared
  type: list
  elements: str
  sample: [systemctl enable munge.service]
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError, fail
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import runner
from ansible_collections.clusterwright.hpc.plugins.module_utils.node import report
from ansible_collections.clusterwright.hpc.plugins.module_utils.node import state as node
from ansible_collections.clusterwright.hpc.plugins.module_utils.node.intent import from_params


def entries(**options: dict) -> dict:
    """Returns the argument spec of a list of dictionaries."""
    return {"type": "list", "elements": "dict", "default": [], "options": options}


ARGUMENT_SPEC = {
    "packages": {"type": "list", "elements": "str", "default": []},
    "conflicts": entries(
        service={"type": "str", "required": True},
        remedy={"type": "str", "required": True},
    ),
    "groups": entries(
        name={"type": "str", "required": True},
        gid={"type": "int"},
        system={"type": "bool", "default": False},
    ),
    "users": entries(
        name={"type": "str", "required": True},
        uid={"type": "int"},
        group={"type": "str"},
        groups={"type": "list", "elements": "str", "default": []},
        home={"type": "path"},
        shell={"type": "path"},
        comment={"type": "str"},
        system={"type": "bool", "default": False},
        create_home={"type": "bool", "default": False},
    ),
    "files": {
        **entries(
            path={"type": "path", "required": True},
            state={"type": "str", "choices": ["file", "directory", "absent"], "default": "file"},
            content={"type": "str"},
            template={"type": "str"},   # content by now, unless the action plugin was passed by
            secret={"type": "str", "no_log": True},
            owner={"type": "str", "default": "root"},
            group={"type": "str", "default": "root"},
            mode={"type": "str"},
            validate={"type": "str"},
            backup={"type": "bool", "default": False},
            block={"type": "bool", "default": False},
        ),
        "mutually_exclusive": [("content", "template", "secret")],
    },
    "services": entries(
        name={"type": "str", "required": True},
        enabled={"type": "bool", "default": True},
        state={"type": "str", "choices": ["started", "stopped"], "default": "started"},
        uses={"type": "list", "elements": "path", "default": []},
        rereads={"type": "list", "elements": "path", "default": []},
        since={"type": "int", "default": 0},
    ),
}


def main() -> None:
    """Observe, plan, apply, observe again and compare."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    run = runner(module)
    try:
        intent = from_params(module.params)
        state = node.observe(run, intent)
        plan = node.plan(intent, state)
        before, after = report.view(intent, state), report.predict(intent, state, plan)
        commands, left = plan.commands, plan
        if not module.check_mode:
            commands, plan = node.apply(run, intent, state, plan)
            state = node.observe(run, intent)
            after, left = report.view(intent, state), node.compare(intent, state, commands)
    except ClusterwrightError as error:
        fail(module, error)
    stale, outdated = left.services.stale, left.services.outdated
    module.exit_json(
        changed=bool(commands or stale or outdated),
        before=before,
        after=after,
        diff=report.diff(plan, before, after),
        commands=commands,
        changed_files=plan.changed_files,
        stale=stale,
        outdated=outdated,
        impact=report.impact(plan, stale, outdated),
        verified=not module.check_mode,
    )


if __name__ == "__main__":
    main()
