# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Copies that take Slurm back to where it was: the accounting database and the state of slurmctld, each as one compressed file.

A copy is whole or not there: it is written beside its place, checked, and renamed, with its checksum in a file beside it.

Sources: slurmdbd.conf(5), slurm.conf(5), mariadb-dump(1), https://slurm.schedmd.com/upgrades.html ("Create Backups").
"""

from __future__ import annotations

import hashlib
import os
import re
import shlex
import shutil
import subprocess
import tempfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import PATH, Result, Run, last_lines

from . import conf
from .releases import by_protocol

MARGIN = 64 << 20       # bytes that a file system shall have left
CHUNK = 1 << 20
GZIP = 16 + zlib.MAX_WBITS
LEVEL = 3               # of compression: no slower than the database
END = b"-- Dump completed"
SSL = {"SSL_CA": "ssl-ca", "SSL_CAPATH": "ssl-capath", "SSL_CERT": "ssl-cert", "SSL_KEY": "ssl-key", "SSL_CIPHER": "ssl-cipher"}


class Source(NamedTuple):
    """What is copied. argv: the command that writes it to its standard output; end: what its last bytes contain.

    size: bytes, about, before compression. written_by: the release that has last written there, where that can be seen. local: a file
    system that the next release works in, with the bytes that it may need there.
    """

    what: str
    argv: Sequence[str]
    size: int
    end: bytes = b""
    written_by: str = ""
    local: tuple[str, int] | None = None


def settings(path: str) -> dict[str, str]:
    """The keys of a slurm.conf or slurmdbd.conf in lower case, included files with it."""
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ClusterwrightError(f"{path} cannot be read ({error.strerror}): is this the right host?") from None
    found: dict[str, str] = {}
    for line in text.splitlines():
        included = re.match(r"\s*include\s+(\S+)", line, re.IGNORECASE)
        if included:
            found.update(settings(str(Path(path).parent / included[1])))
        for keys in conf.parse(line):
            found.update({key.lower(): value for key, value in keys.items()})
    return found


def refuse_running(run: Run, unit: str) -> None:
    """Raises ClusterwrightError when the daemon that writes it still runs here."""
    if run(("systemctl", "is-active", "--quiet", unit)).rc == 0:
        raise ClusterwrightError(f"{unit} runs: stop it first, or the copy may not fit together")


def state(run: Run, slurm_conf: str) -> Source:
    """StateSaveLocation."""
    folder = settings(slurm_conf).get("statesavelocation", "/var/spool")
    if not Path(folder).is_dir():
        raise ClusterwrightError(f"StateSaveLocation {folder} of {slurm_conf} is no directory on this host: is a file system not mounted?")
    result = run(("du", "-sb", "--", folder))
    size = int(result.out.split()[0]) if result.out else 0
    argv = ("tar", "-C", str(Path(folder).parent), "-cf", "-", Path(folder).name)
    return Source(f"StateSaveLocation {folder}", argv, size, written_by=_written_by(folder))


def _written_by(folder: str) -> str:
    """Who has last started with this state: slurmctld begins the file that it writes first with its protocol's number."""
    try:
        with (Path(folder) / "last_config_lite").open("rb") as file:
            return by_protocol(int.from_bytes(file.read(2), "big"))
    except OSError:
        return ""


class Database(NamedTuple):
    """Access to the accounting database, as slurmdbd has it."""

    name: str
    user: str       # of the system: a socket knows the database's user by it
    host: str
    options: str    # an option file's text, with the password in it

    def argv(self, options: str, *command: str) -> tuple[str, ...]:
        """A MariaDB command that reads the option file first."""
        program, *words = command
        return ("runuser", "-u", self.user, "--", program, f"--defaults-extra-file={options}", *words)

    @property
    def local(self) -> bool:
        """Whether its files are on this host."""
        return self.host in ("", "localhost", "127.0.0.1", "::1")


def database(slurmdbd_conf: str) -> Database:
    """What slurmdbd.conf says of the database."""
    keys = settings(slurmdbd_conf)
    host, port = keys.get("storagehost", ""), keys.get("storageport", "")
    options = {"user": keys.get("storageuser", "")}
    if host not in ("", "localhost"):
        options |= {"host": host, "port": port}
    options["password"] = keys.get("storagepass", "")
    parameters = dict(word.split("=", 1) for word in keys.get("storageparameters", "").split(",") if "=" in word)
    options |= {SSL[key]: value for key, value in parameters.items() if key in SSL}
    text = "[client]\n" + "".join(f"{key}={_quoted(value)}\n" for key, value in options.items() if value)
    return Database(keys.get("storageloc", "slurm_acct_db"), keys.get("slurmuser", "root"), host, text)


def _quoted(value: str) -> str:
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def tables(run: Run, db: Database, options: str) -> tuple[int, int, str]:
    """Bytes of all tables, bytes of the largest, and the directory that they lie in. Raises ClusterwrightError without an answer."""
    query = (
        "SELECT COALESCE(SUM(data_length + index_length), 0), COALESCE(MAX(data_length + index_length), 0), COUNT(*), @@datadir"
        f" FROM information_schema.tables WHERE table_schema = '{db.name}'"
    )
    result = run(db.argv(options, _program("mariadb", "mysql"), "--batch", "--skip-column-names", "--execute", query))
    if result.rc:
        raise ClusterwrightError(f"the database {db.name} does not answer: {last_lines(result)}; slurmdbd.conf says how it is reached")
    total, largest, count, folder = result.out.strip().split("\t")
    if count == "0":
        raise ClusterwrightError(f"the database {db.name} has no tables: is StorageLoc in slurmdbd.conf right?")
    return int(float(total)), int(float(largest)), folder


def dump(db: Database, options: str, sizes: tuple[int, int, str]) -> Source:
    """The accounting database. The next release's slurmdbd rewrites tables one after the other, so the largest fits once more."""
    total, largest, folder = sizes
    argv = db.argv(options, _program("mariadb-dump", "mysqldump"), "--single-transaction", "--quick", "--databases", db.name)
    return Source(f"database {db.name}", argv, total, END, local=(folder, largest) if db.local else None)


@contextmanager
def option_file(db: Database) -> Iterator[str]:
    """The path of an option file that only the database's user can read, and that is gone afterwards."""
    with tempfile.NamedTemporaryFile("w", prefix="clusterwright-", suffix=".cnf") as file:      # made with mode 0600
        file.write(db.options)
        file.flush()
        shutil.chown(file.name, db.user)
        yield file.name


def short_of_space(source: Source, directory: str, free: Callable[[str], tuple[int, int]] | None = None) -> str:
    """Where there is too little space for the copy and for what comes after it, in words; empty when there is enough.

    `free` tells a path's file system and the bytes that are free there. Compressed, a dump has an eighth of its tables' size or less; half
    is asked for.
    """
    needs: dict[int, list[tuple[str, int, int]]] = {}
    for path, wanted in ((directory, source.size // 2), *([source.local] if source.local else [])):
        device, room = (free or _free)(path)
        needs.setdefault(device, []).append((path, wanted, room))
    for places in needs.values():
        wanted, room = sum(place[1] for place in places) + MARGIN, places[0][2]
        if room < wanted:
            paths = " and ".join(place[0] for place in places)
            return f"{source.what}: {paths} needs {mebibytes(wanted)} and has {mebibytes(room)} free: make room"
    return ""


def _free(path: str) -> tuple[int, int]:
    place = Path(path)
    while not place.exists():
        place = place.parent
    room = os.statvfs(place)
    return place.stat().st_dev, room.f_bavail * room.f_frsize


def mebibytes(size: int) -> str:
    """A size for people."""
    return f"{size / (1 << 20):.1f} MiB"


def verify(path: str) -> str:
    """The checksum of a copy that is there and whole, else an empty text."""
    try:
        wanted = Path(f"{path}.sha256").read_text(encoding="ascii").split()[0]
        digest = hashlib.sha256()
        with Path(path).open("rb") as file:
            for block in iter(lambda: file.read(CHUNK), b""):
                digest.update(block)
    except (OSError, IndexError, UnicodeDecodeError):
        return ""
    return wanted if digest.hexdigest() == wanted else ""


def write(source: Source, path: str) -> str:
    """Writes the copy; returns its checksum. Raises ClusterwrightError, and leaves nothing half done behind."""
    target, part = Path(path), Path(f"{path}.part")
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        digest, said = _stream(source, part)
        if said:
            raise ClusterwrightError(f"{source.what} cannot be copied: {said}")
        Path(f"{path}.sha256").write_text(f"{digest}  {target.name}\n", encoding="ascii")
        part.rename(target)
    except OSError as error:
        raise ClusterwrightError(f"{source.what} cannot be copied to {path}: {error.strerror}") from None
    finally:
        with suppress(OSError):
            part.unlink()
    return digest


def _stream(source: Source, part: Path) -> tuple[str, str]:
    """Compresses what the command writes; the checksum, and what went wrong."""
    digest, packer, tail = hashlib.sha256(), zlib.compressobj(LEVEL, zlib.DEFLATED, GZIP), b""
    with tempfile.TemporaryFile() as errors, os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        environment = {"LC_ALL": "C", "PATH": PATH}
        with subprocess.Popen(list(source.argv), stdout=subprocess.PIPE, stderr=errors, env=environment) as child:
            try:
                for block in iter(lambda: child.stdout.read(CHUNK), b""):   # type: ignore[union-attr]
                    tail = (tail + block)[-256:]
                    packed = packer.compress(block)
                    digest.update(packed)
                    file.write(packed)
            except OSError:     # a full disk: the command must not wait for us
                child.kill()
                raise
        packed = packer.flush()
        digest.update(packed)
        file.write(packed)
        file.flush()
        os.fsync(file.fileno())
        errors.seek(0)
        words = errors.read().decode(errors="replace")
    if child.returncode:
        return "", last_lines(Result(child.returncode, "", words))
    return digest.hexdigest(), "" if source.end in tail else f"'{shlex.join(source.argv[:5])} ...' ended before its end"


def _program(*names: str) -> str:
    """The first of these names that exists; MariaDB has renamed its programs."""
    return next((name for name in names if shutil.which(name, path=PATH)), names[0])
