# Copyright: (c) 2026, The clusterwright developers
# GNU General Public License v3.0+ (see COPYING or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Images of a store as declared: what is there, what must change, and the change, one image after the other."""

from __future__ import annotations

import contextlib
import grp
import pwd
import re
import shlex
import shutil
import stat
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.errors import ClusterwrightError
from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Run
from ansible_collections.clusterwright.hpc.plugins.module_utils.enroot import sources, store
from ansible_collections.clusterwright.hpc.plugins.module_utils.enroot.intent import ImageIntent
from ansible_collections.clusterwright.hpc.plugins.module_utils.enroot.sources import Source

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*")
SHA256 = re.compile(r"[0-9a-f]{64}")
WORK = ".clusterwright-images~"


class Settings(NamedTuple):
    """What holds for all images of a call."""

    store: Path
    work: Path
    owner: str
    group: str
    mode: str
    keep_days: int
    patience: float

    @property
    def access(self) -> dict[str, str]:
        """Who may read an image."""
        return {"owner": self.owner, "group": self.group, "mode": self.mode}


class Seen(NamedTuple):
    """What is seen of one image. `sound`: the squashfs is whole, and the one that the record tells of."""

    size: int = 0
    access: Mapping[str, str] = {}
    record: Mapping[str, Any] = {}
    sound: bool = False
    source: Source = Source()

    @property
    def there(self) -> bool:
        """Whether there is a file, of whatever kind."""
        return bool(self.access)

    def view(self) -> dict[str, Any]:
        """What `before` and `after` tell of it."""
        if not self.there:
            return {}
        return {"source": self.record.get("source", ""), "sha256": self.record.get("sha256", ""), "size": self.size, **self.access}


class Step(NamedTuple):
    """What happens to an image: import, access or remove; why; and what a person would type."""

    image: ImageIntent
    action: str
    why: str
    commands: Sequence[str]


def check(images: Sequence[ImageIntent], settings: Settings) -> None:
    """Raises ClusterwrightError for what is declared wrongly, before anything is looked at."""
    for image in images:
        name = image["name"]
        if not NAME.fullmatch(name):
            raise ClusterwrightError(f"image {name!r}: a name has letters, digits, dot, plus, minus and underscore; nothing was changed")
        if [other["name"] for other in images].count(name) > 1:
            raise ClusterwrightError(f"image {name} is declared twice: take one away; nothing was changed")
        if image["state"] == "absent":
            continue
        if not image["source"]:
            raise ClusterwrightError(f"image {name} has no source: name where it comes from; nothing was changed")
        if sources.secret(image["source"]):
            raise ClusterwrightError(
                f"image {name}: its source has a password in it, where everybody sees it: put it into ~/.netrc of the importing user, for "
                "a registry into .credentials in ENROOT_CONFIG_PATH, and leave it out here; nothing was changed")
        if image["sha256"] and not SHA256.fullmatch(image["sha256"]):
            raise ClusterwrightError(f"image {name}: {image['sha256']!r} is no sha256, which has 64 of 0-9a-f; nothing was changed")
        pinned = sources.PINNED.search(image["source"])
        if pinned and image["sha256"] not in ("", pinned.group(1)):
            raise ClusterwrightError(f"image {name}: its source names another digest than its sha256: leave one out; nothing was changed")
        if sources.kind(image["source"]) == "file" and image["source"] == str(store.image(settings.store, name)):
            raise ClusterwrightError(f"image {name}: its source is the image itself: name where it comes from; nothing was changed")
    if not re.fullmatch(r"[0-7]{4}", settings.mode):
        raise ClusterwrightError(f"mode {settings.mode!r}: name it in octal digits, such as 0644; nothing was changed")
    for directory, option in ((settings.store, "store"), (settings.work, "work")):
        if not directory.is_dir():
            raise ClusterwrightError(f"{option} {directory} is no directory on this host: is its filesystem mounted? Nothing was changed")


def observe(run: Run, images: Sequence[ImageIntent], settings: Settings, ask: bool = True) -> dict[str, Seen]:
    """Looks at each image and, where it `ask`s, at the source of each that is not sure to be as declared."""
    return {image["name"]: _look(run, image, settings, ask) for image in images}


def plan(images: Sequence[ImageIntent], seen: Mapping[str, Seen], settings: Settings) -> list[Step]:
    """The steps that lead from what is seen to what is declared."""
    steps = []
    for image in images:
        now = seen[image["name"]]
        target = store.image(settings.store, image["name"])
        action, why = _wish(image, now, target, settings)
        if not action:
            continue
        quoted = shlex.quote(str(target))
        if action == "remove":
            commands = [f"rm {quoted}"]
        elif action == "access":
            commands = [f"chown {settings.owner}:{settings.group} {quoted}", f"chmod {settings.mode} {quoted}"]
        else:
            commands = [sources.command(image, target)]
        steps.append(Step(image, action, why, commands))
    return steps


def warnings(images: Sequence[ImageIntent], seen: Mapping[str, Seen]) -> list[str]:
    """What could not be seen, of images that stay as they are."""
    return [
        f"image {image['name']}: whether its source has changed cannot be seen, so the image stays: {seen[image['name']].source.unseen}"
        for image in images if seen[image["name"]].source.unseen]


def predicted(steps: Sequence[Step], seen: Mapping[str, Seen], settings: Settings) -> dict[str, dict[str, Any]]:
    """What will be seen once the steps are done; the size of an image that is still to be made is not known."""
    after = {name: now.view() for name, now in seen.items()}
    for step in steps:
        name = step.image["name"]
        if step.action == "remove":
            after[name] = {}
        elif step.action == "access":
            after[name].update(settings.access)
        else:
            made = {"source": sources.shown(step.image["source"]), "sha256": step.image["sha256"], "size": 0}
            after[name] = {**made, **settings.access}
    return after


def impact(steps: Sequence[Step], seen: Mapping[str, Seen], settings: Settings) -> list[dict[str, Any]]:
    """Whom the steps disturb: nobody who has an image open, but what they keep takes room. Looks who of this host that is."""
    told = []
    for step in steps:
        now = seen[step.image["name"]]
        if now.there and step.action != "access":
            name, done = step.image["name"], {"remove": "removed", "import": "replaced"}[step.action]
            users = store.users(store.image(settings.store, name))
            rest = f"; its {_mib(now.size)} are freed by a run after {settings.keep_days} days" if settings.keep_days else ""
            told.append({
                "kind": f"image_{done}", "image": name, "users": users,
                "text": f"image {name} is {done}; jobs that have it open keep the old one ({users} users of it on this host){rest}"})
    return told


def apply(run: Run, steps: Sequence[Step], settings: Settings, warn: Callable[[str], None]) -> list[Step]:
    """Takes the steps that are still needed once an image's lock is held, and returns them."""
    me = store.this_run()
    done: list[Step] = []
    with _work(settings.work, me) as work:
        for step in steps:
            name = step.image["name"]
            try:
                with store.lock(settings.store, name, me, settings.patience, warn):
                    _tidy(settings, name, me)
                    # Another run may have done it in the meantime.
                    for still in plan([step.image], seen := observe(run, [step.image], settings), settings):
                        _take(run, still, seen[name], settings, me, work)
                        done.append(still)
            except ClusterwrightError as error:
                raise ClusterwrightError(str(error), **_done(done)) from None
            except OSError as error:
                raise ClusterwrightError(f"image {name}: {error.filename or settings.store}: {error.strerror}; the image is as it was",
                                         **_done(done)) from None
    return done


def tidy(images: Sequence[ImageIntent], settings: Settings) -> None:
    """Removes what dead runs left of images that need nothing else, and former images whose time is over."""
    me = store.this_run()
    for image in images:
        name = image["name"]
        if store.former(settings.store, name) or any(settings.store.glob(f".{name}~*~tmp*")):
            # Whoever holds the lock does it himself.
            with contextlib.suppress(ClusterwrightError), store.lock(settings.store, name, me, 0, lambda _text: None):
                _tidy(settings, name, me)


def compare(steps: Sequence[Step], seen: Mapping[str, Seen], settings: Settings) -> None:
    """Raises ClusterwrightError for an image that is not as it was made."""
    for step in steps:
        now = seen[step.image["name"]]
        if now.there == (step.action == "remove") or (now.there and (not now.sound or now.access != settings.access)):
            raise ClusterwrightError(
                f"image {step.image['name']} is not as declared after everything was done: somebody else may be writing to "
                f"{settings.store}; run again", changed=True, verified=False)


def diff(before: Mapping[str, Mapping[str, Any]], after: Mapping[str, Mapping[str, Any]]) -> list[dict[str, str]]:
    """One entry for each image that differs."""
    def text(view: Mapping[str, Any]) -> str:
        return "".join(f"{key}={value}\n" for key, value in view.items())
    return [{"before_header": name, "before": text(now), "after_header": name, "after": text(after[name])}
            for name, now in before.items() if now != after[name]]


def _look(run: Run, image: ImageIntent, settings: Settings, ask: bool) -> Seen:
    target = store.image(settings.store, image["name"])
    written = store.read_record(settings.store, image["name"])
    try:
        info = target.lstat()
    except FileNotFoundError:
        info = None
    if info is not None and not stat.S_ISREG(info.st_mode):
        raise ClusterwrightError(f"{target} is no file: move it away by hand; nothing was changed")
    source, sound = Source(), False
    if info is not None:
        sound = sources.whole(target) and written.get("image") == [info.st_size, int(info.st_mtime)]
    if ask and image["state"] == "present" and not (sound and image["sha256"] and written.get("sha256") == image["sha256"]):
        source = sources.look(run, image, written)
    if info is None:
        return Seen(source=source, record=written)
    owner, group = _name(pwd.getpwuid, info.st_uid), _name(grp.getgrgid, info.st_gid)
    access = {"owner": owner, "group": group, "mode": f"{stat.S_IMODE(info.st_mode):04o}"}
    return Seen(info.st_size, access, written, sound, source)


def _wish(image: ImageIntent, now: Seen, target: Path, settings: Settings) -> tuple[str, str]:
    if image["state"] == "absent":
        return ("remove", "it is declared absent") if now.there or now.record else ("", "")
    if now.there and not now.record:
        raise ClusterwrightError(f"{target} is there, and no run of this module made it: move it away, or give the image another name; "
                                 "nothing was changed")
    why = _outdated(image, now)
    if not why:
        return ("access", "owner or mode differ") if now.access != settings.access else ("", "")
    if now.source.unseen:
        raise ClusterwrightError(f"image {image['name']} cannot be made: {now.source.unseen}; the store is as it was")
    return "import", why


def _outdated(image: ImageIntent, now: Seen) -> str:
    if not now.there:
        return "it is not there"
    if not now.sound:
        return "it is not what was made here: cut off, or written to"
    if image["sha256"]:
        return "" if now.record.get("sha256") == image["sha256"] else "another sha256 is declared"
    if now.record.get("source") != sources.shown(image["source"]):
        return "another source is declared"
    return "its source has changed" if now.source.mark and now.source.mark != now.record.get("mark") else ""


def _take(run: Run, step: Step, now: Seen, settings: Settings, me: store.Owner, work: Path) -> None:
    name = step.image["name"]
    target, lock = store.image(settings.store, name), settings.store / f".{name}~lock"
    if step.action == "access":
        _give(target, settings)
        return
    if step.action == "remove":
        store.retire(settings.store, name, store.clock(lock), settings.keep_days)
        target.unlink(missing_ok=True)
        store.record(settings.store, name).unlink(missing_ok=True)
        store.sync(settings.store)
        return
    kind = sources.kind(step.image["source"])
    if kind != "registry" and now.source.size > store.free(settings.store) and (kind == "url" or _is_squashfs(step.image["source"])):
        raise _full(name, settings.store, now.source.size, store.free(settings.store))
    ready = store.unfinished(settings.store, name, me)
    free = {directory: store.free(directory) for directory in (settings.store, work)}
    try:
        made = sources.make(run, step.image, now.source, ready, work)
        _give(ready, settings)
        info = ready.stat()
        written = {"source": sources.shown(step.image["source"]), "sha256": made.sha256, "mark": made.mark,
                   "image": [info.st_size, int(info.st_mtime)], "made_on": me.host}
        if kind == "file":
            source = Path(step.image["source"]).stat()
            written["file"] = [source.st_size, source.st_mtime_ns]
        store.retire(settings.store, name, store.clock(lock), settings.keep_days)
        store.publish(settings.store, name, ready, written)
    except sources.Full as error:
        where = settings.work if error.directory == work else settings.store
        raise _full(name, where, error.needed, free[error.directory]) from None
    finally:
        for path in settings.store.glob(f"{ready.name}*"):
            path.unlink()


def _tidy(settings: Settings, name: str, me: store.Owner) -> None:
    """For who holds the lock."""
    now = store.clock(settings.store / f".{name}~lock")
    over = [path for path, when in store.former(settings.store, name) if now - when > settings.keep_days * store.DAY]
    for path in [*store.leftovers(settings.store, name, me, now), *over]:
        path.unlink(missing_ok=True)


@contextlib.contextmanager
def _work(directory: Path, me: store.Owner) -> Iterator[Path]:
    """A directory for what lies between source and image; those of dead runs of this host go."""
    for path in directory.glob(f"{WORK}*"):
        words = path.name.split("~")
        if len(words) == 6 and words[3].isdigit() and store.Owner(words[1], words[2], int(words[3]), words[4]).dead(me):
            shutil.rmtree(path, ignore_errors=True)
    try:
        made = Path(tempfile.mkdtemp(prefix=f"{WORK}{me}~", dir=directory))
    except OSError as error:
        raise ClusterwrightError(f"work {directory}: {error.strerror}; nothing was changed") from None
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _give(path: Path, settings: Settings) -> None:
    try:
        shutil.chown(path, settings.owner, settings.group)
    except LookupError as error:
        raise ClusterwrightError(f"{error}: declare a user and a group that this host knows; the image is as it was") from None
    path.chmod(int(settings.mode, 8))


def _is_squashfs(path: str) -> bool:
    return sources.content(Path(path)) == "squashfs"


def _full(name: str, directory: Path, needed: int, free: int) -> ClusterwrightError:
    need = f"{_mib(needed)} are needed, and {_mib(free)} are free" if needed else f"more than the {_mib(free)} that are free is needed"
    return ClusterwrightError(f"image {name}: {directory} has not enough room: {need}; all is as it was: make room there, or name another "
                              "directory")


def _done(steps: Sequence[Step]) -> dict[str, Any]:
    return {"changed": bool(steps), "verified": False, "commands": [command for step in steps for command in step.commands]}


def _mib(size: int) -> str:
    return f"{size / 2**20:.1f} MiB"


def _name(entry: Callable[[int], Any], number: int) -> str:
    try:
        return str(entry(number)[0])
    except KeyError:
        return str(number)
