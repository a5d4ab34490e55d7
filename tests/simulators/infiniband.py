"""A simulated InfiniBand fabric with the real OpenSM: ibsim, opensm, and modules of this collection as on its subnet manager.

It carries no data, only management packets. ibsim has room for ten clients, and one that is killed keeps its place; `free` gives it back.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband import trial

CHECKOUT = Path(__file__).resolve().parents[2]
COLLECTIONS = CHECKOUT / ".build" / "collections"
MODULES = "ansible_collections.clusterwright.hpc.plugins.modules"


class Fabric:
    """ibsim, and opensm on the first of its ports. `path` is the partitions.conf that it reads."""

    def __init__(self, folder: Path, guids: list[str]) -> None:
        self.folder, self.guids = folder, guids
        self.topology = trial.topology(guids)
        self.path = folder / "conf" / "partitions.conf"
        self.path.parent.mkdir()
        self.name = f"fabric-{os.getpid()}-{folder.name}"
        self.processes: list[subprocess.Popen[bytes]] = []
        self.opensm: subprocess.Popen[bytes]
        self.variables = {"IBSIM_SOCKNAME": self.name, "SIM_HOST": "host0", "LD_PRELOAD": trial.library()}

    def up(self, text: str | None = None, **config: str) -> None:
        """Start the simulator and OpenSM, with this partitions.conf (None: without one)."""
        (self.folder / "fabric.net").write_text(self.topology)
        if text is not None:
            self.path.write_text(text)
        keys = {"guid": self.guids[0], "partition_config_file": self.path, "log_file": self.folder / "log", **config}
        keys.setdefault("force_log_flush", "TRUE")
        (self.folder / "opensm.conf").write_text("".join(f"{key} {value}\n" for key, value in keys.items()))
        os.mkfifo(self.folder / "console")
        console = os.open(self.folder / "console", os.O_RDWR)
        self._start(["ibsim", "-s", "-N", "4096", "-S", "512", "-P", "40000", "fabric.net"], {"IBSIM_SOCKNAME": self.name}, stdin=console)
        self.console = console
        self._wait(lambda: f"@{self.name}:" in Path("/proc/net/unix").read_text(errors="replace"), "ibsim is not up")
        self.opensm = self._start(["opensm", "-F", "opensm.conf"], self._manager())
        self._wait(lambda: "SUBNET UP" in self.log(), "opensm is not up")

    def another_manager(self, host: int, priority: int, partitions: str | None = None) -> subprocess.Popen[bytes]:
        """A second OpenSM, on the port of another host, with a partitions.conf of its own, or none."""
        own = self.folder / f"manager{host}"
        own.mkdir()
        if partitions is not None:
            (own / "partitions.conf").write_text(partitions)
        (own / "opensm.conf").write_text(f"guid {self.guids[host]}\nsm_priority {priority}\nlog_file {own}/log\nforce_log_flush TRUE\n"
                                         f"partition_config_file {own}/partitions.conf\n"
                                         "sminfo_polling_timeout 300\npolling_retry_number 2\n")
        around = {**self.variables, "SIM_HOST": f"host{host}", "OSM_CACHE_DIR": str(own), "OSM_TMP_DIR": str(own)}
        process = self._start(["opensm", "-F", str(own / "opensm.conf")], around)
        self._wait(lambda: (own / "log").exists() and re.search("SUBNET UP|STANDBY", (own / "log").read_text()), "it is not up")
        return process

    def restart_with_its_own_copy(self) -> None:
        """OpenSM again, in a mount namespace in which the folder of partitions.conf is a copy."""
        self.opensm.terminate()
        self.opensm.wait(10)
        (self.folder / "log").unlink()
        copy, real = self.folder / "copy", self.path.parent
        script = f"cp -r {real} {copy} && mount --bind {copy} {real} && exec opensm -F opensm.conf"
        self.opensm = self._start(["unshare", "--mount", "sh", "-c", script], self._manager())
        self._wait(lambda: "SUBNET UP" in self.log(), "opensm is not up")

    def _manager(self) -> dict[str, str]:
        return {**self.variables, "OSM_CACHE_DIR": str(self.folder), "OSM_TMP_DIR": str(self.folder)}

    def _start(self, argv: list[str], variables: dict[str, str], stdin: int = subprocess.DEVNULL) -> subprocess.Popen[bytes]:
        with (self.folder / f"{argv[0]}.out").open("wb") as out:
            process = subprocess.Popen(argv, cwd=self.folder, env={**os.environ, **variables}, stdin=stdin, stdout=out, stderr=out)
        self.processes.append(process)
        return process

    def _wait(self, done: Any, otherwise: str) -> None:
        end = time.monotonic() + 20
        while not done():
            assert time.monotonic() < end, f"{otherwise}: {self.log()[-500:]}"
            time.sleep(0.02)

    def down(self) -> None:
        """End what was started, OpenSM first, so that it leaves the simulator in order."""
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGCONT)
                process.terminate()
                try:
                    process.wait(5)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
        if self.processes:
            os.close(self.console)

    def log(self) -> str:
        """What OpenSM has logged."""
        path = self.folder / "log"
        return path.read_text(errors="replace") if path.exists() else ""

    def type(self, command: str) -> None:
        """A command of ibsim's console, such as Unlink."""
        os.write(self.console, f"{command}\n".encode())

    def free(self) -> None:
        """Lets go of the places of all clients that do not run any more."""
        listing = self.folder / "ibsim.out"
        begin = len(listing.read_bytes())
        self.type("Attached")
        time.sleep(0.2)
        for place, pid in re.findall(r"Client (\d+): pid (\d+) ", listing.read_bytes()[begin:].decode(errors="replace")):
            if not Path("/proc", pid).exists():
                self.type(f"X {place}")

    def sh(self, *argv: str) -> str:
        """What a program of infiniband-diags prints, on the first host."""
        client = self.folder / "client"
        client.mkdir(exist_ok=True)
        around = {**os.environ, **self.variables}
        done = subprocess.run(argv, cwd=client, env=around, capture_output=True, text=True, check=False, timeout=30)
        return done.stdout

    def lid(self, guid: str) -> int:
        """The LID of a port."""
        found = re.search(rf"^{guid} (0x[0-9a-f]+)", (self.folder / "guid2lid").read_text(), re.MULTILINE)
        assert found
        return int(found[1], 16)

    def keys(self, guid: str) -> list[str]:
        """The P_Keys of a port as smpquery sees them: another program than ours."""
        lines = self.sh("smpquery", "pkeys", str(self.lid(guid))).splitlines()
        return sorted(key for line in lines for key in re.findall(r"0x[0-9a-f]{4}", line) if key != "0x0000")

    def module(self, intent: dict[str, Any], check: bool = False, **options: Any) -> dict[str, Any]:
        """Run ib_partitions as Ansible would on a subnet manager."""
        return self.run("ib_partitions", check, **{"intent": intent, "path": str(self.path), **options})

    def run(self, name: str, check: bool = False, **options: Any) -> dict[str, Any]:
        """Run a module as Ansible would on a subnet manager."""
        arguments = {"_ansible_check_mode": check, **options}
        around = {**os.environ, **self.variables, "PYTHONPATH": str(COLLECTIONS)}
        done = subprocess.run([sys.executable, "-m", f"{MODULES}.{name}"], input=json.dumps({"ANSIBLE_MODULE_ARGS": arguments}),
                              cwd=self.folder, env=around, capture_output=True, text=True, check=False, timeout=120)
        assert done.stdout, done.stderr
        return json.loads(done.stdout.strip().splitlines()[-1])

    def play(self, task: dict[str, Any]) -> str:
        """Run a task on this machine by a playbook, with the simulator in its `environment`; what Ansible prints."""
        book = self.folder / "play.yml"
        book.write_text(json.dumps([{"hosts": "localhost", "connection": "local", "gather_facts": False,
                                     "tasks": [{**task, "environment": self.variables}]}]))
        around = {**os.environ, "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_CONFIG": str(CHECKOUT / "ansible.cfg")}
        command = [sys.executable, "-m", "ansible", "playbook", "-i", "localhost,", "-e", f"ansible_python_interpreter={sys.executable}"]
        done = subprocess.run([*command, str(book)], env=around, cwd=self.folder, capture_output=True, text=True, check=False, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout
