"""A Linux that switches VLANs: Debian with ifupdown2 in a virtual machine, which stands for Cumulus Linux configured through its file.

    with Datapath() as wires, LinuxSwitch() as switch:
        wires.cable(switch.taps["swp1"], a=("10.0.0.1/24", None))       # a host on it, in a namespace
        switch.root("bridge vlan show")                                 # what somebody does by hand
        switch.reset()

Kernel, bridge, ifupdown2, sudo, systemd and OpenSSH are real; the processor is emulated, so that it needs no /dev/kvm: it takes a minute
to be there. It listens on 127.0.0.1 only, and has no way out. Its image is built once from this machine's package sources and stays in
.build/linux-switch; the machine forgets what it did. Needs root, and the packages qemu-system-x86, mmdebstrap and e2fsprogs.
"""

from __future__ import annotations

import contextlib
import hashlib
import inspect
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import paramiko  # type: ignore[import-untyped]

from ansible_collections.clusterwright.hpc.tools.labkit.common import alone
from ansible_collections.clusterwright.hpc.tools.labkit.images import apt_settings, debian_sources

CACHE = Path(__file__).resolve().parents[2] / ".build/linux-switch"
PROGRAMS = {"qemu-system-x86_64": "qemu-system-x86", "mmdebstrap": "mmdebstrap", "mke2fs": "e2fsprogs", "ip": "iproute2"}
PATIENCE = 600      # seconds for a start, on a machine that has other things to do
PORTS = 6
SHORT = "swp6"      # takes no frames longer than 1500 bytes

RELEASE = "bookworm"        # as Cumulus Linux has it
PACKAGES = "systemd-sysv udev kmod initramfs-tools linux-image-cloud-amd64 openssh-server sudo iproute2 ifupdown2"
USER, PASSWORD = "cumulus", "of-a-test-switch"
UNWANTED = ("getty.target", "apt-daily.timer", "apt-daily-upgrade.timer", "dpkg-db-backup.timer", "e2scrub_all.timer",
            "e2scrub_reap.service", "fstrim.timer")
INTERFACES = """\
auto lo
iface lo inet loopback

auto eth0
iface eth0
    address 10.0.2.15/24

# the hosts
auto swp1
iface swp1
    bridge-access 20

auto swp2
iface swp2
    bridge-access 20

auto bridge
iface bridge
    bridge-ports swp1 swp2
    bridge-vlan-aware yes
    bridge-vids 20 700
"""
BEFORE = ('mkdir -p "$1/etc/initramfs-tools/conf.d" && echo MODULES=list > "$1/etc/initramfs-tools/conf.d/switch" && '
          'printf "%s\\n" virtio_pci virtio_blk ext4 > "$1/etc/initramfs-tools/modules"')
AFTER = (f'chroot "$1" useradd -m -s /bin/bash {USER} && echo {USER}:{PASSWORD} | chroot "$1" chpasswd && '
         f'chroot "$1" systemctl --quiet mask {" ".join(UNWANTED)}')


def missing() -> str:
    """Why there can be none here; empty if there can."""
    absent = sorted({package for program, package in PROGRAMS.items() if not shutil.which(program)})
    if absent:
        return f"these packages are missing: {' '.join(absent)}"
    if os.geteuid():
        return "an image and network interfaces need root"
    return "" if Path("/dev/net/tun").exists() else "no /dev/net/tun here"


def mac(number: int) -> str:
    """The address of eth0 (0) or swpN."""
    return f"02:00:5e:00:53:{number:02x}"


def files() -> dict[str, str]:
    """What the image has beside its packages."""
    links = {f"etc/systemd/network/10-{name}.link": f"[Match]\nMACAddress={mac(number)}\nType=ether\n[Link]\nName={name}\n"
             for number, name in enumerate(["eth0", *(f"swp{port}" for port in range(1, PORTS + 1))])}
    return {**links, "etc/hostname": "leaf1\n", "etc/hosts": "127.0.0.1 localhost leaf1\n", "etc/fstab": "/dev/vda / ext4 noatime 0 0\n",
            f"etc/sudoers.d/{USER}": f"{USER} ALL=(ALL) NOPASSWD: ALL\n", "etc/network/interfaces": INTERFACES,
            "etc/network/interfaces.first": INTERFACES, "etc/ssh/sshd_config.d/quick.conf": "UseDNS no\nPrintMotd no\n"}


def image() -> Path:
    """The directory of the image: disk, vmlinuz, initrd.img, and host_key, its public key. Built where it is not there yet."""
    recipe = [RELEASE, PACKAGES, BEFORE, AFTER, inspect.getsource(_build), *(f"{name}\n{text}" for name, text in files().items())]
    place = CACHE / hashlib.sha256("\0".join(recipe).encode()).hexdigest()[:12]
    with alone("linux-switch", wait=True):
        if not place.exists():
            shutil.rmtree(CACHE, ignore_errors=True)    # former ones
            CACHE.mkdir(parents=True)
            with tempfile.TemporaryDirectory(dir=CACHE) as unfinished:
                _build(Path(unfinished) / "root", Path(unfinished) / "image")
                (Path(unfinished) / "image").rename(place)
    return place


def _build(root: Path, into: Path) -> None:
    command = ["mmdebstrap", "--quiet", "--variant=minbase", "--mode=root", f"--include={PACKAGES.replace(' ', ',')}",
               *(f"--aptopt={setting.rstrip(';')}" for setting in apt_settings()),
               *(f"--dpkgopt=path-exclude=/usr/share/{name}/*" for name in ("doc", "locale", "man")),
               f"--essential-hook={BEFORE}", f"--customize-hook={AFTER}", RELEASE, str(root), *debian_sources(RELEASE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"mmdebstrap: {done.stderr[-800:]}")
    for name, text in files().items():
        (root / name).write_text(text)
    shutil.rmtree(root / "etc/apt")     # it names this machine's sources, and serves nobody there
    into.mkdir()
    for name in ("vmlinuz", "initrd.img"):
        shutil.move(next((root / "boot").glob(f"{name}-*")), into / name)
    shutil.copy(root / "etc/ssh/ssh_host_ed25519_key.pub", into / "host_key")
    subprocess.run(["mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-d", root, into / "disk", "800M"], check=True)


class LinuxSwitch:
    """One virtual machine, with what a test needs of a switch."""

    host, user, password = "127.0.0.1", USER, PASSWORD

    def __enter__(self) -> LinuxSwitch:
        self._place = image()
        with socket.socket() as free:
            free.bind((self.host, 0))
            self.port = free.getsockname()[1]
        self.taps = {f"swp{port}": f"sw{os.getpid()}p{port}" for port in range(1, PORTS + 1)}
        self.known_host = f"[{self.host}]:{self.port} {' '.join((self._place / 'host_key').read_text().split()[:2])}"
        self._console = tempfile.NamedTemporaryFile("r")
        self._machine = subprocess.Popen(self._command(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            self._ssh = self._logged_in()
            self.root("systemctl is-system-running --wait || systemctl is-active networking")
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_exception: object) -> None:
        self._machine.kill()
        self._machine.communicate()
        self._console.close()

    def _command(self) -> list[str]:
        cards = [f"user,id=n0,restrict=on,hostfwd=tcp:{self.host}:{self.port}-:22",
                 *(f"tap,id=n{number},ifname={tap},script=no,downscript=no" for number, tap in enumerate(self.taps.values(), 1))]
        short = list(self.taps).index(SHORT) + 1
        nets = [word for number, card in enumerate(cards) for word in ("-netdev", card, "-device", (
            f"virtio-net-pci,netdev=n{number},mac={mac(number)},romfile=" + (",host_mtu=1500" if number == short else "")))]
        return ["setpriv", "--pdeathsig", "KILL",       # it ends with us
                "qemu-system-x86_64", "-accel", "tcg,tb-size=64", "-cpu", "max,-cx16",      # QEMU 7 fails newer kernels that use cx16
                "-smp", "1", "-m", "320", "-nodefaults", "-no-reboot", "-display", "none", "-serial", f"file:{self._console.name}",
                "-kernel", f"{self._place}/vmlinuz", "-initrd", f"{self._place}/initrd.img",
                "-append", "root=/dev/vda rw console=ttyS0 quiet mitigations=off audit=0 systemd.log_level=err",
                "-drive", f"file={self._place}/disk,format=raw,if=virtio,snapshot=on", *nets]

    def _logged_in(self) -> Any:
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            if self._machine.poll() is not None:
                raise RuntimeError(f"qemu ended: {self._machine.communicate()[1]}")
            if time.monotonic() > deadline:
                raise RuntimeError(f"no ssh within {PATIENCE} s: {self._console.read()[-800:]}")
            time.sleep(0.5)
        client = paramiko.SSHClient()
        client.set_missing_host_key_policy(paramiko.AutoAddPolicy())
        client.connect(self.host, self.port, self.user, self.password, timeout=60, banner_timeout=60, auth_timeout=60,
                       look_for_keys=False, allow_agent=False)
        return client

    def _answers(self) -> bool:
        """Whether sshd is there: qemu takes the connection long before."""
        try:
            with socket.create_connection((self.host, self.port), 5) as channel:
                return channel.recv(4) == b"SSH-"
        except OSError:
            return False

    def root(self, script: str) -> str:
        """What a shell script of root says, on both streams; it must succeed."""
        channel = self._ssh.get_transport().open_session()
        channel.set_combine_stderr(True)
        channel.settimeout(PATIENCE)
        channel.exec_command("sudo -n sh -s")
        channel.sendall(f"set -e\n{script}\n".encode())
        channel.shutdown_write()
        with contextlib.closing(channel), channel.makefile() as said:
            text = said.read().decode()
            if status := channel.recv_exit_status():
                raise RuntimeError(f"{script} ended with status {status}: {text}")
        return text

    def reset(self) -> None:
        """Back to what it was at its start."""
        self.root("systemctl stop 'cw*.timer'; rm -f /etc/network/interfaces.cw*; cp -a /etc/network/interfaces.first "
                  "/etc/network/interfaces; ifreload -a")


def main() -> int:
    """Builds the image, so that a person sees how long that takes."""
    begun = time.monotonic()
    print(f"{image()}: {time.monotonic() - begun:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
