"""A Debian with a kernel of its own, in a virtual machine: for what containers cannot show, since they have this machine's kernel.

    recipe = Recipe("nfs", packages="nfs-kernel-server nfs-common", files={"etc/motd": "hello\n"})
    with Machine(recipe, "store1", [wire]) as store1:       # wire: a network card of qemu, as `wires` makes them
        store1.root("exportfs -s")

Kernel, systemd and OpenSSH are real; the processor is emulated, so that it needs no /dev/kvm: it takes a minute or two to be there. It
listens on 127.0.0.1 only, and has no way out: eth0 is for ssh, further cards are wires between machines. An image is built once from this
machine's package sources and stays in .build/machines; a machine forgets what it did. Needs root to build, and the packages
qemu-system-x86, mmdebstrap, e2fsprogs and openssh-client.
"""

from __future__ import annotations

import hashlib
import inspect
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ansible_collections.clusterwright.hpc.tools.labkit.common import alone
from ansible_collections.clusterwright.hpc.tools.labkit.images import apt_settings, debian_sources

CACHE = Path(__file__).resolve().parents[2] / ".build/machines"
PROGRAMS = {"qemu-system-x86_64": "qemu-system-x86", "mmdebstrap": "mmdebstrap", "mke2fs": "e2fsprogs", "ssh-keygen": "openssh-client"}
PATIENCE = 900      # seconds for a start, on a machine that has other things to do
HOST = "127.0.0.1"
BASE = "systemd-sysv dbus udev kmod initramfs-tools linux-image-cloud-amd64 openssh-server iproute2 python3"
UNWANTED = ("getty.target", "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer",
            "e2scrub_reap.service", "fstrim.timer", "systemd-networkd-wait-online.service")
BEFORE = ('mkdir -p "$1/etc/initramfs-tools/conf.d" && echo MODULES=list > "$1/etc/initramfs-tools/conf.d/machine" && '
          'printf "%s\\n" virtio_pci virtio_blk ext4 > "$1/etc/initramfs-tools/modules"')
AFTER = (f'chroot "$1" systemctl --quiet mask {" ".join(UNWANTED)} && chroot "$1" systemctl --quiet enable systemd-networkd')


@dataclass(frozen=True)
class Recipe:
    """What a kind of machine has beside what every one has; `files` by path without a first slash."""

    name: str
    packages: str
    files: dict[str, str] = field(default_factory=dict)
    release: str = "trixie"


def missing() -> str:
    """Why there can be none here; empty if there can."""
    absent = sorted({package for program, package in PROGRAMS.items() if not shutil.which(program)})
    if absent:
        return f"these packages are missing: {' '.join(absent)}"
    return "an image needs root" if os.geteuid() else ""


def wires(count: int = 2) -> list[str]:
    """Network cards of two machines that are plugged into each other, over UDP on 127.0.0.1."""
    ports = [free_port(socket.SOCK_DGRAM) for _end in range(count)]
    return [f"socket,udp={HOST}:{there},localaddr={HOST}:{here}" for here, there in zip(ports, reversed(ports))]


def free_port(kind: int = socket.SOCK_STREAM) -> int:
    """A port that nobody has now."""
    with socket.socket(type=kind) as free:
        free.bind((HOST, 0))
        return int(free.getsockname()[1])


def image(recipe: Recipe) -> Path:
    """The directory of the image: disk, vmlinuz, initrd.img, and key, root's. Built where it is not there yet."""
    words = [repr(recipe), BASE, BEFORE, AFTER, inspect.getsource(_build)]
    place = CACHE / f"{recipe.name}-{hashlib.sha256('|'.join(words).encode()).hexdigest()[:12]}"
    with alone(f"machine-{recipe.name}", wait=True):
        if not place.exists():
            for former in CACHE.glob(f"{recipe.name}-*"):
                shutil.rmtree(former)
            CACHE.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=CACHE) as unfinished:
                _build(recipe, Path(unfinished) / "root", Path(unfinished) / "image")
                (Path(unfinished) / "image").rename(place)
    return place


def _build(recipe: Recipe, root: Path, into: Path) -> None:
    packages = ",".join(f"{BASE} {recipe.packages}".split())
    command = ["mmdebstrap", "--quiet", "--variant=minbase", "--mode=root", f"--include={packages}",
               *(f"--aptopt={setting.rstrip(';')}" for setting in apt_settings()),
               *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "locale", "man")),
               f"--essential-hook={BEFORE}", f"--customize-hook={AFTER}", recipe.release, str(root), *debian_sources(recipe.release)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"mmdebstrap: {done.stderr[-800:]}")
    into.mkdir()
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "machine", "-f", into / "key"], check=True)
    own = {"etc/fstab": "/dev/vda / ext4 noatime 0 0\n", "etc/hosts": "127.0.0.1 localhost\n", "etc/hostname": "",
           "etc/systemd/network/eth0.network": "[Match]\nName=eth0\n[Network]\nAddress=10.0.2.15/24\n",
           "etc/ssh/sshd_config.d/quick.conf": "UseDNS no\nPrintMotd no\n", "root/.ssh/authorized_keys": (into / "key.pub").read_text()}
    for name, text in {**own, **recipe.files}.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    shutil.rmtree(root / "etc/apt/sources.list.d", ignore_errors=True)      # it names this machine's sources, and serves nobody there
    (root / "etc/apt/sources.list").unlink(missing_ok=True)
    for name in ("vmlinuz", "initrd.img"):
        shutil.move(next((root / "boot").glob(f"{name}-*")), into / name)
    # With a journal, as a server that loses power needs it.
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-d", root, into / "disk", "1200M"], check=True)


class Machine:
    """One virtual machine; `cards` are further network cards, eth1 and so on, with the MAC 02:00:5e:00:NUMBER:CARD."""

    def __init__(self, recipe: Recipe, name: str, cards: Sequence[str] = (), number: int = 0, memory: int = 400) -> None:
        self.recipe, self.name, self.cards, self.number, self.memory = recipe, name, cards, number, memory
        self.port = free_port()

    def __enter__(self) -> Machine:
        self.place = image(self.recipe)
        self._folder = tempfile.TemporaryDirectory(dir=CACHE)
        self._console = Path(self._folder.name) / "console"
        # What the machine writes is in a file of its own, so that it can be started again as it was.
        subprocess.run(["cp", "--sparse=always", self.place / "disk", self._folder.name], check=True)
        self.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self.kill()
        self._folder.cleanup()

    def start(self) -> None:
        """Power on. It does not wait; `wait` does."""
        self._machine = subprocess.Popen(self._command(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def kill(self) -> None:
        """Power off, without a word."""
        self._machine.kill()
        self._machine.communicate()

    def wait(self) -> None:
        """Until it is up."""
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            if self._machine.poll() is not None:
                raise RuntimeError(f"{self.name}: qemu ended: {self._machine.communicate()[1]}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"{self.name}: no ssh within {PATIENCE} s: {self._console.read_text(errors='replace')[-800:]}")
            time.sleep(0.5)
        self.root("systemctl is-system-running --wait || true")

    @property
    def key(self) -> Path:
        """The file with root's key."""
        return self.place / "key"

    def root(self, script: str, check: bool = True) -> str:
        """What a shell script of root says, on both streams; unless `check` is off, it must succeed."""
        command = ["ssh", "-i", str(self.key), "-p", str(self.port), "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                   "-o", "LogLevel=ERROR", "-o", "ConnectTimeout=60", f"root@{HOST}", "exec 2>&1; sh -s"]
        done = subprocess.run(command, input=f"set -e\n{script}\n", capture_output=True, text=True, check=False, timeout=PATIENCE)
        if done.returncode and check:
            raise RuntimeError(f"{self.name}: {script} ended with status {done.returncode}: {done.stdout}{done.stderr}")
        return done.stdout

    def _command(self) -> list[str]:
        nets = ["-netdev", f"user,id=n0,restrict=on,hostfwd=tcp:{HOST}:{self.port}-:22"]
        for number, card in enumerate(self.cards, 1):
            nets += ["-netdev", card.replace(",", f",id=n{number},", 1)]
        for number in range(len(self.cards) + 1):
            nets += ["-device", f"virtio-net-pci,netdev=n{number},mac=02:00:5e:00:{self.number:02x}:{number:02x},romfile="]
        return ["setpriv", "--pdeathsig", "KILL",       # it ends with us
                "qemu-system-x86_64", "-accel", "tcg,tb-size=64", "-cpu", "max,-cx16",      # QEMU 7 fails newer kernels that use cx16
                "-smp", "1", "-m", str(self.memory), "-nodefaults", "-no-reboot", "-display", "none", "-serial", f"file:{self._console}",
                "-kernel", f"{self.place}/vmlinuz", "-initrd", f"{self.place}/initrd.img",
                "-append", "root=/dev/vda rw console=ttyS0 quiet mitigations=off audit=0 net.ifnames=0 systemd.log_level=err "
                           f"systemd.hostname={self.name}",
                "-drive", f"file={self._folder.name}/disk,format=raw,if=virtio", *nets]

    def _answers(self) -> bool:
        """Whether sshd is there: qemu takes the connection long before."""
        try:
            with socket.create_connection((HOST, self.port), 5) as channel:
                return channel.recv(4) == b"SSH-"
        except OSError:
            return False
