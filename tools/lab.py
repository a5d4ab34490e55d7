#!/usr/bin/env python3
"""A lab of systemd containers that stand for the nodes of a cluster file, and simulated switches, on this machine.

    tools/lab.py up -i inventories/lab/cluster.yml [--image bare|slurm]
    tools/lab.py status -i inventories/lab/cluster.yml
    tools/lab.py down -i inventories/lab/cluster.yml [--images]
    tools/lab.py switches -i inventories/lab/cluster.yml        (without nodes; `down` ends them)
    tools/lab.py image slurm

Exit status: 0 when it is done, 1 with the reason on stderr, 130 when interrupted. The last line of `up` and `down`
begins with "lab: changed" or "lab: unchanged".
"""

from __future__ import annotations

import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent
COLLECTIONS = CHECKOUT / ".build/collections"

if __name__ == "__main__":
    if not (COLLECTIONS / "ansible_collections/clusterwright/hpc").exists():
        sys.exit(f"lab: {COLLECTIONS} is not set up; run `make setup` first")
    sys.path.insert(0, str(COLLECTIONS))
    from ansible_collections.clusterwright.hpc.tools.labkit.cli import main

    sys.exit(main(sys.argv[1:], CHECKOUT / ".build/lab"))
