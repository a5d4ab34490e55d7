#!/usr/bin/python
# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name, which runs on the control machine."""

from __future__ import annotations

DOCUMENTATION = r"""
module: run_lock
short_description: Let one run at a time work on a cluster
version_added: 0.1.0
author: The clusterwright developers (@clusterwright)
description:
  - Takes a lock that lasts until the C(ansible-playbook) process ends, however it ends.
    A second run on the same cluster fails at its first task and names the run that is in its way.
  - The lock is a file that names the process (pid and start time). A lock whose process is gone is replaced.
  - Nothing releases the lock and the file stays after the run, since no task is sure to run last.
    A file alone locks nothing.
  - It holds among runs that use the same lock directory,
    so by default among the runs of one user on one control machine.
  - The task runs once, whatever the number of hosts.
options:
  name:
    description: Name of the cluster, of letters, digits, C(.), C(_) and C(-).
    type: str
    required: true
  directory:
    description:
      - Where the lock file C(<name>.lock) lies. It is made when missing and must belong to this user or to root.
      - Default is C(/run/lock/clusterwright) for root, else C($XDG_RUNTIME_DIR/clusterwright),
        else C(~/.cache/clusterwright).
      - On a file system that several control machines share, a lock of another machine counts as held
        until its file is removed, as its process cannot be looked at from here.
    type: path
attributes:
  action:
    description: Has an action plugin and runs on the control machine.
    support: full
  async:
    description: Can be used with O(ignore:async).
    support: none
  bypass_host_loop:
    description: Runs once for all hosts of a play.
    support: full
  check_mode:
    description: Takes no lock, but warns if another run holds it.
    support: full
  diff_mode:
    description: Nothing of the cluster is changed, so there is no difference to show.
    support: none
  idempotent:
    description: Asking again within a run is fine and changes nothing.
    support: full
"""

EXAMPLES = r"""
- name: Lock the cluster
  hosts: localhost
  connection: local
  gather_facts: false
  tasks:
    - name: Keep other runs away
      clusterwright.hpc.run_lock:
        name: lab
"""

RETURN = r"""
path:
  description: The lock file.
  returned: always
  type: str
  sample: /run/lock/clusterwright/lab.lock
holder:
  description: The run that holds the lock, this one if the task succeeded; none in check mode when the lock is free.
  returned: always
  type: dict
  contains:
    pid:
      description: Process id of C(ansible-playbook).
      type: int
    started:
      description: Its start time in clock ticks after boot.
      type: int
    user:
      description: Who started it.
      type: str
    host:
      description: Control machine that it runs on.
      type: str
    command:
      description: Program and playbooks, without options.
      type: str
    since:
      description: When the lock was taken, in UTC.
      type: str
  sample:
    command: ansible-playbook lock.yml
    host: vm
    pid: 17437
    since: "2026-11-21T04:05:42Z"
    started: 132607
    user: root
stale:
  description: The ended run that the lock was taken over from, with the keys of RV(holder); none if there was none.
  returned: always
  type: dict
  sample: {}
msg:
  description: What happened, in a sentence.
  returned: always
  type: str
  sample: "Cluster t1: locked for this run."
"""
