"""A package of a stand-in for Enroot, built by the test that needs it; not Enroot."""

from __future__ import annotations

import hashlib
import os
import subprocess
import tempfile
from pathlib import Path

VERSION = "4.1.2-1"
CONTROL = f"""Package: enroot
Version: {VERSION}
Architecture: all
Maintainer: The clusterwright developers <clusterwright@example.org>
Depends: bash, squashfs-tools, squashfuse, fuse3, util-linux
Suggests: skopeo
Description: stand-in for Enroot, for tests
 It is not Enroot: it takes some of its calls and does them with Debian's programs.
"""
# Jobs of all users write their calls here.
CREATED = "#!/bin/sh\nset -e\ntouch /var/log/enroot-stand-in.log\nchmod 666 /var/log/enroot-stand-in.log\n"
FOLDERS = ("etc/enroot/enroot.conf.d", "etc/enroot/environ.d", "etc/enroot/mounts.d", "etc/enroot/hooks.d", "usr/share/enroot/hooks.d")
HOOKS = ("50-slurm-pmi.sh", "50-slurm-pytorch.sh")


def packages(folder: Path) -> list[Path]:
    """The packages of Enroot: those in ENROOT_PACKAGES, or the stand-in's, built into `folder`."""
    real = os.environ.get("ENROOT_PACKAGES")
    return sorted(Path(real).glob("enroot*.deb")) if real else [build(folder)]


def build(folder: Path) -> Path:
    """Builds the stand-in's package."""
    made = folder / f"enroot_{VERSION}_all.deb"
    with tempfile.TemporaryDirectory() as private:
        root = Path(private)
        for name in FOLDERS:
            (root / name).mkdir(parents=True)
        _write(root / "DEBIAN/control", CONTROL)
        _write(root / "DEBIAN/conffiles", "/etc/enroot/enroot.conf\n")
        _write(root / "DEBIAN/postinst", CREATED, 0o755)
        _write(root / "etc/enroot/enroot.conf", "# The stand-in's.\n")
        _write(root / "usr/bin/enroot", (Path(__file__).parent / "enroot").read_text(), 0o755)
        for name in HOOKS:
            _write(root / "usr/share/enroot/hooks.d" / name, "#!/bin/bash\n", 0o755)
        root.chmod(0o755)
        # So that the same files give the same package.
        subprocess.run(["dpkg-deb", "--root-owner-group", "--build", root, made], check=True, capture_output=True,
                       env={**os.environ, "SOURCE_DATE_EPOCH": "1700000000"})
    return made


def sha256(path: Path) -> str:
    """What a role checks a package against."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    path.chmod(mode)
