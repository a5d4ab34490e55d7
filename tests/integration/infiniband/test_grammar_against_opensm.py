"""Our reading of partitions.conf and OpenSM's: the same tables for each file, however odd. Thousands of files take minutes."""

from __future__ import annotations

import os
import random
import subprocess

import pytest

from ansible_collections.clusterwright.hpc.plugins.module_utils.common.run import Result
from ansible_collections.clusterwright.hpc.plugins.module_utils.infiniband import grammar, partitions, trial

pytestmark = pytest.mark.integration

GUIDS = [f"0x0002c903000000{n:02x}" for n in (1, 0x11, 0x12, 0x13)]
ODD = {
    "no file at all": "",
    "only a comment": "# nothing\n",
    "octal key": "A=010: {1}=full, {2};\n",
    "key of 17 bits": "A=0x18020: {1}=full;\n",
    "no key": "A: {1}=full;\nB: {2}=full;\nA: {3}=full;\n",
    "key 0x8000": "A=0x8000: {1}=full;\n",
    "a number for a name": "5: {1}=full;\n",
    "GUID without membership": "A=5: {1}=, {2};\n",
    "capital membership": "A=5: {1}=Full, {2}=FULL;\n",
    "abbreviations": "A=5, def=f: {1}, {2}=l, {3}=fu;\n",
    "all and some": "A=5: ALL=full, {1}=limited;\nA=5: {2}=limited;\n",
    "some and all": "A=5: {1}=limited, A=full;\n",
    "keywords": "A=5: SELF=full, ALL_C=full, ALL_SW;\n",
    "both": "A=5: {1}=both;\n",
    "missing semicolon": "A=5: {1}=full\nB=6: {2}=full;\n",
    "last semicolon missing": "A=5: {1}=full\n",
    "semicolon alone": "A=5:\n{1}=full\n;\nB=6: {2}=full;\n",
    "semicolon alone after a long line": "A=0x5, ipoib, sl=2: {1}=full\n;\n",
    "two in a line": "A=5: {1}=full; B=6: {2}=full;\n",
    "Windows": "A=5: {1}=full;\r\n",
    "no newline": "A=5: {1}=full;",
    "GUID in decimal": "A=5: 788483520176146=full;\n",
    "GUID without 0x": "A=5: 0002c90300000011=full;\n",
    "a comma too much": "A=5: ,{1}=full,,;\n",
    "default open": "Default=0xffff: ALL=full;\n",
    "default by name": "Default: ALL=full;\n",
    "unknown flag": "A=5, IPoIB, mtu=9, rate=77: {1}=full;\n",
    "group": "A=5, ipoib:\n mgid=ff12:401b::0707,sl=1\n {1}=full;\n",
    "group that is none": "A=5: mgid=fe80::1,sl=1\n{1}=full;\n",
    "spaces": "  A = 5 , ipoib :  {1} = full , {2} ;  \n",
    "long line": "A=5: " + "{1}=full, " * 160 + "{2}=full;\n",
    "line of 4094": "A=5: {1}=full," + " " * 4060 + "{2}=full;\n",
    "long comment": "A=5: {1}=full; # " + "x" * 4200 + "\n",
    "zero byte": "A=5: {1}=full;\0 B=6: {2}=full;\n",
    "negative": "A=-1: {1}=full;\nB=5: -1=full;\n",
    "unknown GUID": "A=5: 0x99=full;\n",
    "header on two lines": "A=5\n: {1}=full;\n",
    "empty": ";\n",
    "semicolons": ";;A=5: {1}=full;;\n",
    "only a name": "A=5:;\n",
}
PIECES = [
    "A", "B", "Default", "=", "=", ":", ":", ";", ";", ",", ",", "\n", "\n", " ", "\t", "#", "0x5", "010", "6", "0x7fff",
    "0x8005", "ipoib", "ip", "mtu=4", "sl=3", "defmember=full", "indx0", "=full", "=limited", "=full", "=fu", "=", "ALL",
    "SELF", "NONE", "ALL_CAS", "{0}", "{1}", "{2}", "{3}", "mgid=ff12:401b::7", "\r", "x",
]


def written(text: str) -> str:
    for number, guid in enumerate(GUIDS):
        text = text.replace(f"{{{number}}}", guid)
    return text


def run(argv):
    done = subprocess.run(argv, capture_output=True, text=True, check=False)
    return Result(done.returncode, done.stdout, done.stderr)


def both_read(text):
    """The tables that OpenSM programs, and those that we say it would."""
    fabric, complaint = trial.start(run, text, GUIDS, GUIDS[0], trial.library())
    parsed = partitions.parse(text)
    if parsed.findings and grammar.CHANCE in parsed.findings[-1].text:
        return {}, {}
    assert parsed.discarded or not complaint, f"{text!r}: {complaint}"
    return fabric.tables, partitions.tables(parsed, fabric.kinds, GUIDS[0])


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
@pytest.mark.usefixtures("packages")
def test_odd_files(text):
    has, said = both_read(written(text))
    assert has == said


@pytest.mark.slow
@pytest.mark.usefixtures("packages")
def test_any_files():
    generator = random.Random(int(os.environ.get("SEED", "1")))
    good = "Default=0x7fff, ipoib: ALL=limited, SELF=full;\nA=0x5, ipoib:\n {1}=full,\n {2}=limited ;\nB=0x6: {2}, {3}=full;\n"
    for number in range(int(os.environ.get("FILES", "2000"))):
        if number % 2:
            text = "".join(generator.choices(PIECES, k=generator.randint(1, 40)))
        else:
            text = good
            for _change in range(generator.randint(1, 4)):
                at = generator.randrange(len(text))
                text = text[:at] + generator.choice(PIECES) * generator.randint(0, 1) + text[at + generator.randint(0, 2):]
        has, said = both_read(written(text))
        assert has == said, f"file {number}: {written(text)!r}"
