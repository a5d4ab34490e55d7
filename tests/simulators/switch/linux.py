"""The commands of a small Linux: files, sudo, and timers of systemd. Platforms that are a Linux add their own."""

from __future__ import annotations

import re
from collections.abc import Callable

from .model import Device, Timer
from .shell import Asking, Done, Failed, Language


class Shell(Language):
    """A login shell with the usual commands."""

    def run_sudo(self, words: list[str], stdin: str) -> Done:
        options = {"s": False, "n": False, "i": False}
        while words and words[0].startswith("-") and words[0] != "--":
            options.update(dict.fromkeys(words[0][1:], True))
            words = words[1:]
        words = words[1:] if words[:1] == ["--"] else words
        if words[:1] == ["su"] or options["s"] or options["i"]:
            return self._with_password(options["n"], self._become_root)
        return self._with_password(options["n"], lambda: self._once_root(words, stdin))

    def _with_password(self, never_ask: bool, then: Callable[[], Done]) -> Done:
        """`asks` in the device's memory of `sudo`: a password is wanted."""
        if self.as_root or not self.device.memory.get("sudo", {}).get("asks"):
            return then()
        if never_ask:
            raise Failed("sudo: a password is required")

        def answered(password: str) -> str:
            if password != self.switch.password:
                self.last, self.last_rejected = 1, True
                return "Sorry, try again.\nsudo: 1 incorrect password attempt"
            done = then()
            self.last, self.last_rejected = done.status, done.status != 0
            return (done.out + done.error).rstrip("\n")

        raise Asking(f"[sudo] password for {self.user}: ", answered, hidden=True)

    def _become_root(self) -> Done:
        self.root = True
        return Done()

    def _once_root(self, words: list[str], stdin: str) -> Done:
        before, self.as_root = self.as_root, True
        try:
            done = self._command(words, stdin)
        finally:
            self.as_root = before
        return done._replace(error=done.error.replace("-bash: ", "sudo: ", 1)) if done.status == 127 else done

    def run_sh(self, words: list[str], stdin: str) -> Done:
        if words[:1] != ["-c"] or len(words) < 2:
            raise Failed("sh: only -c is simulated", 2)
        return self.script(words[1], stdin)

    run_bash = run_sh

    def run_echo(self, words: list[str]) -> str:
        return " ".join(words[1:]) if words[:1] == ["-n"] else " ".join(words) + "\n"

    def run_printf(self, words: list[str]) -> str:
        text = words[0].replace("\\n", "\n").replace("\\t", "\t") if words else ""
        return text % tuple(words[1:]) if "%" in text else text

    def run_true(self, _words: list[str]) -> str:
        return ""

    def run_false(self, _words: list[str]) -> Done:
        return Done(1)

    def run_cat(self, words: list[str], stdin: str) -> str:
        try:
            return "".join(self.read(path) for path in words) if words else stdin
        except Failed as failed:
            raise Failed(f"cat: {failed.error}") from None

    def run_tee(self, words: list[str], stdin: str) -> str:
        for path in words[1:] if words[:1] == ["-a"] else words:
            try:
                self.write(path, (self.device.files.get(path, "") if words[0] == "-a" else "") + stdin)
            except Failed as failed:
                raise Failed(f"tee: {failed.error}") from None
        return stdin

    def run_cp(self, words: list[str]) -> str:
        paths = [word for word in words if not word.startswith("-")]
        try:
            self.write(paths[1], self.read(paths[0]))
        except Failed as failed:
            raise Failed(f"cp: {failed.error}") from None
        except IndexError:
            raise Failed("cp: missing file operand") from None
        return ""

    def run_mv(self, words: list[str]) -> str:
        self.run_cp(words)
        return self.run_rm(words[-2:-1])

    def run_rm(self, words: list[str]) -> str:
        for path in (word for word in words if not word.startswith("-")):
            if path not in self.device.files and "-f" not in words:
                raise Failed(f"rm: cannot remove '{path}': No such file or directory")
            if not self.as_root and not path.startswith(("/tmp/", "/home/")):
                raise Failed(f"rm: cannot remove '{path}': Permission denied")
            self.device.files.pop(path, None)
        return ""

    def run_test(self, words: list[str]) -> Done:
        if len(words) == 2 and words[0] in ("-e", "-f"):
            return Done(int(words[1] not in self.device.files))
        raise Failed("test: only -e and -f are simulated", 2)

    def run_ls(self, words: list[str]) -> str:
        names: list[str] = []
        for path in [word for word in words if not word.startswith("-")] or ["/home"]:
            if path.rstrip("/") == "/sys/class/net":
                names += self.net_devices()
            elif path in self.device.files:
                names.append(path)
            else:
                inside = [each for each in self.device.files if each.startswith(path.rstrip("/") + "/")]
                if not inside:
                    raise Failed(f"ls: cannot access '{path}': No such file or directory", 2)
                names += [each[len(path.rstrip("/")) + 1:] for each in inside]
        return "".join(f"{name}\n" for name in sorted(names))

    def net_devices(self) -> list[str]:
        """The kernel's network devices."""
        return ["lo", "eth0", *self.device.running.ports]

    def run_hostname(self, _words: list[str]) -> str:
        return f"{self.device.identity.name}\n"

    def run_whoami(self, _words: list[str]) -> str:
        return "root\n" if self.as_root else f"{self.user}\n"

    def run_uname(self, _words: list[str]) -> str:
        return "Linux\n"

    def run_systemd_run(self, words: list[str]) -> str:
        """Commands at a later time: `systemd-run --on-active=5m --unit=name command`."""
        self.need_root("systemd-run")
        options = {}
        while words and words[0].startswith("-"):
            key, _equals, value = words[0].lstrip("-").partition("=")
            options[key] = value
            words = words[1:]
        found = re.fullmatch(r"(\d+)(s|m|min|h)?", options.get("on-active", ""))
        if not found or not words:
            raise Failed("Failed to parse the time: only --on-active=N[s|m|h] is simulated")
        seconds = int(found[1]) * {"m": 60, "min": 60, "h": 3600}.get(found[2] or "s", 1)
        name = options.get("unit") or f"run-r{self.number}"
        if f"{name}.timer" in self._timers(self.device):
            raise Failed(f"Failed to start transient timer unit: Unit {name}.timer was already loaded or has a fragment file.")
        shell = type(self)(self.switch, self.number)

        def fire() -> None:
            self._timers(self.device).pop(f"{name}.timer", None)
            shell.as_root = True
            shell.at_a_time(f"{name}.timer", words)

        self._timers(self.device)[f"{name}.timer"] = self.device.later(seconds, fire)
        return "" if "quiet" in options else f"Running timer as unit: {name}.timer\n"

    def at_a_time(self, who: str, words: list[str]) -> None:
        """A timer's command, in a shell of its own."""
        self._who = who
        self._command(words, "")

    @property
    def who(self) -> str:
        return getattr(self, "_who", "") or super().who

    @staticmethod
    def _timers(device: Device) -> dict[str, Timer]:
        return device.memory.setdefault("timers", {})

    def run_systemctl(self, words: list[str]) -> Done:
        verb, names = (words[0] if words else ""), [word for word in words[1:] if not word.startswith("-")]
        if verb in ("is-active", "status", "show"):
            active = all(name in self._timers(self.device) for name in names)
            return Done(0, "active\n") if active else Done(3, "inactive\n")
        if verb not in ("stop", "start", "restart"):
            raise Failed(f"Unknown command verb {verb}.")
        self.need_root("systemctl")
        for name in names:
            timer = self._timers(self.device).pop(name, None)
            if timer:
                timer.cancel()
            else:
                raise Failed(f"Failed to {verb} {name}: Unit {name} not loaded.", 5)
        return Done()

    def need_root(self, name: str) -> None:
        if not self.as_root:
            raise Failed(f"{name}: must be root")
