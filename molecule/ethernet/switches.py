"""Serves the scenario's switches in a process of its own: `switches.py up`, `switches.py down`."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(CHECKOUT), str(CHECKOUT / ".build" / "collections")]

from ansible_collections.clusterwright.hpc.plugins.plugin_utils import model
from tests.simulators.switch import Fabric

FOLDER = CHECKOUT / ".build" / "mol-ethernet"
PORT = 2278


def serve() -> None:
    """Until somebody ends it."""
    with Fabric() as fabric:
        key = " ".join(fabric._key.export_public_key().decode().split()[:2])
        hosts = []
        for switch in model.load(str(Path(__file__).with_name("cluster.yml"))).switches:
            fabric.switch(switch.name, platform=switch.platform, ports=8, address=switch.address, port=PORT)
            hosts.append(f"[{switch.address}]:{PORT} {key}\n")
        (FOLDER / "known_hosts").write_text("".join(hosts))
        while True:
            time.sleep(3600)


def main() -> None:
    """Up, down, or what `up` starts."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    known_hosts, pid = FOLDER / "known_hosts", FOLDER / "pid"
    if sys.argv[1] == "serve":
        serve()
    elif sys.argv[1] == "down":
        if pid.exists():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid.read_text()), signal.SIGTERM)
            pid.unlink()
    else:
        known_hosts.unlink(missing_ok=True)
        with (FOLDER / "log").open("w") as log:
            process = subprocess.Popen([sys.executable, __file__, "serve"], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                       start_new_session=True)
        pid.write_text(str(process.pid))
        for _try in range(100):
            if known_hosts.exists() or process.poll() is not None:
                break
            time.sleep(0.1)
        if not known_hosts.exists():
            sys.exit((FOLDER / "log").read_text())


if __name__ == "__main__":
    main()
