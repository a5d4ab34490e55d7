"""The images of the lab: built once, named after what goes in, and used again."""

from __future__ import annotations

import hashlib
import re
import subprocess
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from .common import LabError, alone, last_line, podman, podman_json, run, say

DEFAULT_OS = "debian-13"  # of a node for which the cluster file names none
RELEASES = {"debian-12": "bookworm", "debian-13": "trixie"}  # a node's os -> Debian's name of the release
REGISTRY_BASES = {"bookworm": "docker.io/library/debian:12", "trixie": "docker.io/library/debian:13"}
REGISTRY_PATIENCE = 10  # seconds for an answer; a machine without a way out must not wait
REPOSITORY = "localhost/clusterwright-lab"
RECIPES = Path(__file__).parent / "recipes"
LACKS = {"bookworm": ["sackd"]}  # packages of the recipes that a release does not have; their units go with them
VARIANTS = {"bare": "base", "slurm": "bare", "upgrade": "slurm", "ceph": "bare"}  # what each is built on

KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"
# The apt settings that decide whether this machine's package sources can be reached and trusted.
APT_SETTING = re.compile(r'Acquire::(?:https?::Proxy\b.*|Check-Valid-Until|Check-Date) ".+";')


def release_of(node: str, os: str | None) -> str:
    """Debian's name of the release that a node's image has."""
    try:
        return RELEASES[os or DEFAULT_OS]
    except KeyError:
        raise LabError(f"node {node}: its os is {os}, and the lab has images of {', '.join(RELEASES)}: name one of these") from None


def name(variant: str, release: str, recipes: Path = RECIPES) -> str:
    """The image's full name; its tag changes whenever the release or a recipe that goes into it does."""
    return f"{REPOSITORY}:{variant}-{_key(variant, release, recipes)}"


def _key(variant: str, release: str, recipes: Path) -> str:
    parts = [release, REGISTRY_BASES[release]]
    if variant in VARIANTS:
        parts = [_key(VARIANTS[variant], release, recipes), (recipes / f"Containerfile.{variant}").read_text()]
    if release in LACKS and variant in VARIANTS:
        parts += LACKS[release]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:12]


def ensure(variant: str, release: str) -> tuple[str, bool]:
    """The name of the image, built where it is missing, and whether it had to be."""
    image = name(variant, release)
    if _exists(image):
        return image, False
    with alone("image", wait=True):
        if not _exists(image):  # another run may just have built it
            _build(variant, release)
    return image, True


def remove_all() -> int:
    """Remove the lab's images, of former recipes too; return how many. One that another lab's containers use stays."""
    order = [*reversed(VARIANTS)]  # what is built on another image goes first
    tags = sorted(_tags(), key=lambda tag: order.index(variant) if (variant := tag.split(":")[1].split("-")[0]) in order else len(order))
    return sum(run("podman", "rmi", tag).returncode == 0 for tag in tags)


def remove_outdated() -> None:
    """Remove images of former recipes, which only fill the disk; one that a container still uses stays."""
    current = {name(variant, release) for variant in ("base", *VARIANTS) for release in RELEASES.values()}
    for tag in set(_tags()) - current:
        run("podman", "rmi", tag)


def _exists(image: str) -> bool:
    return run("podman", "image", "exists", image).returncode == 0


def _tags() -> list[str]:
    listed = podman_json("images", "--filter", f"reference={REPOSITORY}")
    return sorted({tag for item in listed for tag in item.get("Names") or [] if tag.startswith(f"{REPOSITORY}:")})


def _build(variant: str, release: str) -> None:
    below = VARIANTS[variant]
    if not _exists(name(below, release)):
        if below == "base":
            _make_base(release)
        else:
            _build(below, release)
    say(f"image {variant} of {release}: building")
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="clusterwright-lab-") as context:
        (Path(context) / "apt.conf").write_text("\n".join(apt_settings()) + "\n")
        done = run(
            "podman", "build", "-q", "--network=host", "--layers=false", f"--build-arg=BASE={name(below, release)}",
            *less(LACKS.get(release, []), (RECIPES / f"Containerfile.{variant}").read_text()),
            f"--file={RECIPES}/Containerfile.{variant}", f"--tag={name(variant, release)}", context,
        )  # fmt: skip
    if done.returncode:
        log = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
        raise LabError(f"image {variant} of {release}: podman build failed; its last lines say why:\n{log}")
    say(f"image {variant} of {release}: built in {time.monotonic() - begun:.0f} s")


def less(packages: Iterable[str], recipe: str) -> list[str]:
    """The build arguments that take packages and their units out of the lists which a recipe has as defaults."""
    out = {word for package in packages for word in (package, f"{package}.service")}
    lists = [(name, words.split()) for name, words in re.findall(r'^ARG (\w+)="(.*)"$', recipe, re.MULTILINE)]
    return [f"--build-arg={name}={' '.join(word for word in words if word not in out)}" for name, words in lists if out & {*words}]


def _make_base(release: str) -> None:
    base, registry_base = name("base", release), REGISTRY_BASES[release]
    had = _exists(registry_base)
    if had or run("podman", "pull", "-q", registry_base, timeout=REGISTRY_PATIENCE).returncode == 0:
        say(f"image base of {release}: {registry_base}")
        podman("tag", registry_base, base)
        if not had:
            podman("untag", registry_base, registry_base)
        return
    say(f"image base of {release}: no registry in reach, making it by mmdebstrap from this machine's package sources")
    begun = time.monotonic()
    unfinished = f"{REPOSITORY}:unfinished"
    command = [
        "mmdebstrap", "--quiet", "--variant=minbase", "--mode=root",
        *(f"--aptopt={setting.rstrip(';')}" for setting in apt_settings()), release, "-", *debian_sources(release),
    ]  # fmt: skip
    with tempfile.TemporaryFile("w+") as log:
        try:
            maker = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, start_new_session=True)
        except FileNotFoundError:
            raise LabError("mmdebstrap is not installed; run tools/preflight.sh install") from None
        taker = subprocess.Popen(
            ["podman", "import", "-q", "-", unfinished],
            stdin=maker.stdout, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
        )  # fmt: skip
        if maker.stdout:
            maker.stdout.close()
        told, _ = taker.communicate()
        if maker.wait():
            run("podman", "rmi", unfinished)
            log.seek(0)
            reason = last_line(log.read())
            raise LabError(f"image base of {release}: mmdebstrap failed: {reason}; check this machine's sources by `apt-get update`")
    if taker.returncode:
        raise LabError(f"image base of {release}: podman import failed: {last_line(told)}")
    podman("tag", unfinished, base)
    podman("untag", base, unfinished)
    say(f"image base of {release}: made in {time.monotonic() - begun:.0f} s")


def apt_settings() -> list[str]:
    """This machine's apt settings that an image needs to reach the same sources."""
    return [line for line in run("apt-config", "dump").stdout.splitlines() if APT_SETTING.fullmatch(line)]


def debian_sources(release: str, root: Path = Path("/")) -> list[str]:
    """Where this machine gets Debian from, as mmdebstrap's mirror arguments for a release.

    Empty on another distribution, or when nothing fits: mmdebstrap then takes Debian's own address.
    """
    system = (root / "etc/os-release").read_text()
    found = re.search(r"^VERSION_CODENAME=\W?(\w+)", system, re.MULTILINE)
    if not found or not re.search(r"^ID=\W?debian\b", system, re.MULTILINE):
        return []
    folder = root / "etc/apt"
    files = [folder / "sources.list", *sorted(folder.glob("sources.list.d/*"))]
    entries: list[tuple[str, str, str]] = []
    for file in files:
        if file.is_file() and file.suffix == ".list":
            entries += _one_line_entries(file.read_text())
        elif file.is_file() and file.suffix == ".sources":
            entries += _deb822_entries(file.read_text())
    lines = []
    for uri, suite, keyring in entries:
        here, _, rest = suite.partition("-")
        if here == found[1] and rest in ("", "updates", "security"):
            ours = f"{release}-{rest}" if rest else release
            lines.append(f"deb [signed-by={keyring}] {uri} {ours} main")
    return list(dict.fromkeys(lines)) if any(line.endswith(f" {release} main") for line in lines) else []


def _one_line_entries(text: str) -> Iterable[tuple[str, str, str]]:
    for line in text.splitlines():
        found = re.match(r"deb\s+(?:\[(.*?)\]\s+)?(\S+)\s+(\S+)\s+\S", line.strip())
        if found:
            keyring = re.search(r"signed-by=(/\S+)", found[1] or "")
            yield found[2], found[3], keyring[1] if keyring else KEYRING


def _deb822_entries(text: str) -> Iterable[tuple[str, str, str]]:
    text = re.sub(r"(?m)^#.*\n?", "", text)
    for stanza in re.split(r"\n\s*\n", text):
        fields = {key.lower(): value.split() for key, value in re.findall(r"(?m)^([\w-]+):((?:.*(?:\n[ \t].*)*))", stanza)}
        if "deb" not in fields.get("types", []) or fields.get("enabled") == ["no"]:
            continue
        signed = fields.get("signed-by", [])
        keyring = signed[0] if len(signed) == 1 and signed[0].startswith("/") else KEYRING
        for uri in fields.get("uris", []):
            for suite in fields.get("suites", []):
                yield uri, suite, keyring
