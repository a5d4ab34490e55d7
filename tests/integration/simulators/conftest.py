"""A person at a plain ssh client, for the tests of the simulated switches."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

try:
    import asyncssh

    from ansible_collections.clusterwright.hpc.tests.simulators.switch import Fabric
except ModuleNotFoundError:         # `make test-newest` has what the collection itself needs, and no more
    collect_ignore_glob = ["test_switch_*.py"]


class Terminal:
    """An interactive session that is typed into and read from; also single commands."""

    def __init__(self, switch):
        self._loop = asyncio.new_event_loop()
        self._open = self._loop.run_until_complete(asyncssh.connect(
            switch.host, switch.port, username=switch.user, password=switch.password, known_hosts=None, config=None, client_keys=None))
        self._process = self._loop.run_until_complete(self._open.create_process(term_type="vt100", term_size=(80, 24)))
        self._text = ""

    def type(self, text):
        self._process.stdin.write(text)

    def read(self, end):
        """All that came, up to and with `end`."""
        while end not in self._text:
            got = self._loop.run_until_complete(asyncio.wait_for(self._process.stdout.read(4096), 5))
            assert got, f"the session ended after {self._text!r}"
            self._text += got
        found, _end, self._text = self._text.partition(end)
        return found + end

    def ended(self):
        """Wait for the end of the session."""
        async def rest():
            with contextlib.suppress(asyncssh.ConnectionLost):
                while await self._process.stdout.read(4096):
                    pass

        self._loop.run_until_complete(asyncio.wait_for(rest(), 5))
        return True

    def run(self, command):
        """A command without a terminal: (exit status, output)."""
        done = self._loop.run_until_complete(self._open.run(command))
        return done.exit_status, done.stdout

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self._open.close()
        self._loop.run_until_complete(self._open.wait_closed())
        self._loop.close()


@pytest.fixture(scope="module")
def fabric():
    """Switches whose minutes last 0.3 seconds."""
    with Fabric(minute=0.3) as running:
        yield running


@pytest.fixture
def terminal():
    """A session: `with terminal(switch) as person`."""
    return Terminal


@pytest.fixture
def talk():
    """talk(switch, line, ...): the answer to the last line, or to each of them as a list; one session a call, without the network."""

    def say(switch, *lines, session=None):
        dialect = session or switch.dialect(switch, 0)
        answers = []
        for line in lines:
            answer = switch.call(lambda line=line: dialect.execute(line))
            while isinstance(answer, tuple):
                answer = switch.call(lambda ask=answer: ask.then(""))
            answers.append(answer or "")
        return answers[-1] if len(answers) == 1 else answers

    return say
