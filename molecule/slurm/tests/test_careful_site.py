"""What users and administrators find on a cluster with a controller pair, accounting, REST and accounts, also on bad days."""

import json
import re

import pytest

# Asks slurmrestd as any program would: argument 1 is the path, 2 the token, 3 a body to post.
ASK = """
import json, sys, urllib.request
path, token, *body = sys.argv[1:]
request = urllib.request.Request('http://db1:6820' + path, data=body[0].encode() if body else None,
    headers={'X-SLURM-USER-NAME': 'ada', 'X-SLURM-USER-TOKEN': token, 'Content-Type': 'application/json'} if token else {})
try:
    print(urllib.request.urlopen(request, timeout=20).read().decode())
except urllib.error.HTTPError as error:
    print('HTTP', error.code)
"""


def sacct(user, job, what):
    return user(f"sacct -nXP -j {job} -o {what}")


def running_job(user, host, eventually, flag, node="cn1"):
    """A job that runs until a file appears on its node."""
    host(node).run(f"rm -f /tmp/{flag}")
    job = user(f"sbatch --parsable -w {node} -o /tmp/{flag}.out --wrap='until [ -e /tmp/{flag} ]; do sleep 0.2; done; echo it is done'")
    eventually(lambda: user(f"squeue -hj {job} -o %T") == "RUNNING")
    return job


def finish(user, host, eventually, job, flag, node="cn1"):
    host(node).run(f"touch /tmp/{flag}")
    eventually(lambda: sacct(user, job, "State") == "COMPLETED")


# --- who is in control

def in_control(submit_host):
    """{controller: (its place, UP or DOWN)} as `scontrol ping` says it."""
    said = submit_host.run("scontrol ping").stdout
    return {name: (place, state) for place, name, state in re.findall(r"Slurmctld\((\w+)\) at (\S+) is (\w+)", said)}


def test_both_controllers_are_up(submit_host, eventually):
    eventually(lambda: in_control(submit_host) == {"head1": ("primary", "UP"), "head2": ("backup", "UP")})


def test_the_backup_takes_over_while_a_job_runs(submit_host, user, host, eventually):
    job = running_job(user, host, eventually, "takeover")
    head1 = host("head1")
    # A job that slurmctld has not written to its state yet, when it crashes, is started once more.
    head1.check_output("touch /srv/shared/mark; scontrol update jobid=%s comment=written", job)
    eventually(lambda: head1.run("test /srv/shared/slurm/job_state -nt /srv/shared/mark").succeeded)
    head1.check_output("systemctl kill --signal=KILL slurmctld; systemctl stop slurmctld")
    try:
        eventually(lambda: user("sbatch --parsable --wrap=true -o /dev/null", check=False).isdigit(), 90)
        assert user(f"squeue -hj {job} -o '%T %N'") == "RUNNING cn1"
    finally:
        head1.check_output("systemctl start slurmctld")
    eventually(lambda: in_control(submit_host).get("head1") == ("primary", "UP"))
    eventually(lambda: user(f"squeue -hj {job} -o '%T %N'", check=False) == "RUNNING cn1")
    finish(user, host, eventually, job, "takeover")
    assert host("cn1").check_output("cat /tmp/takeover.out") == "it is done"


# --- accounting

def test_a_job_is_accounted_for(user, eventually):
    job = user("sbatch --parsable --wait -A physics --qos=urgent -n2 -o /dev/null --wrap='srun true'")
    eventually(lambda: sacct(user, job, "State,Account,QOS,User,AllocCPUS") == "COMPLETED|physics|urgent|ada|2")


def test_who_has_no_account_runs_nothing(user):
    assert "Invalid account" in user("srun --immediate=20 true", name="mallory", check=False)
    assert "Invalid account" in user("srun --immediate=20 -A physics true", name="eve", check=False)


def test_an_accounts_limit_holds_a_job_back(user, eventually):
    first = user("sbatch --parsable -A optics -n2 -o /dev/null --wrap='sleep 60'")
    second = user("sbatch --parsable -A optics -n1 -o /dev/null --wrap=true")
    try:
        eventually(lambda: user(f"squeue -hj {second} -o '%T %r'") == "PENDING AssocGrpCpuLimit")
    finally:
        user(f"scancel {first} {second}")


def test_no_record_is_lost_while_the_database_is_gone(user, host, eventually):
    host("db1").check_output("systemctl stop mariadb")
    try:
        job = user("sbatch --parsable --wait -A physics -o /dev/null --wrap=true")
    finally:
        host("db1").check_output("systemctl start mariadb")
    eventually(lambda: user(f"sacct -nXP -j {job} -o State,Account", check=False) == "COMPLETED|physics", 90)


# --- REST

@pytest.fixture
def ask(submit_host):
    return lambda path, token="", body="": submit_host.check_output(f"python3 -c \"{ASK}\" {path} '{token}' {body}".rstrip())


@pytest.fixture
def token(host):
    return host("head1").check_output("scontrol token username=ada lifespan=300").removeprefix("SLURM_JWT=")


def test_rest_answers_with_a_token(ask, token):
    pings = json.loads(ask("/slurm/v0.0.42/ping", token))["pings"]
    assert {ping["hostname"]: ping["pinged"] for ping in pings} == {"head1": "UP", "head2": "UP"}
    assert "physics" in ask("/slurmdb/v0.0.42/accounts", token)


def test_rest_refuses_a_wrong_token_and_none(ask, token):
    assert ask("/slurm/v0.0.42/jobs", token).startswith("{")
    assert ask("/slurm/v0.0.42/jobs", token[:-4] + "AAAA") == "HTTP 511"
    assert ask("/slurm/v0.0.42/jobs") == "HTTP 401"


def test_slurmrestd_is_neither_root_nor_slurm(host):
    assert host("db1").check_output("ps -o user= -C slurmrestd").split()[0] not in ("root", "slurm")
    assert not host("login1").file("/etc/slurm/jwt_hs256.key").exists


# --- nodes and what they give

def test_a_drained_node_takes_no_job_and_stays_drained(user, host, site, eventually):
    host("head1").check_output("scontrol update nodename=cn3 state=drain reason='DIMM swap'")
    try:
        assert "cn3" not in user("srun --immediate=60 -N2 hostname")
        job = user("sbatch --parsable -N3 -o /dev/null --wrap=true")
        eventually(lambda: user(f"squeue -hj {job} -o %T") == "PENDING")
        user(f"scancel {job}")
        status, _hosts, output = site()
        assert status == 0, output
        assert "DIMM swap" in host("head1").check_output("scontrol show node cn3")
    finally:
        host("head1").check_output("scontrol update nodename=cn3 state=resume")


def test_a_job_that_takes_more_memory_than_its_own_is_ended(user, eventually):
    job = user("sbatch --parsable --mem=60M -o /dev/null --wrap=\"python3 -c 'b = bytearray(400 * 2**20); import time; time.sleep(5)'\"")
    eventually(lambda: sacct(user, job, "State") == "OUT_OF_MEMORY")


def test_mpi_by_pmix(user):
    said = user("srun --immediate=60 --mpi=pmix -N2 -n2 --ntasks-per-node=1 NPopenmpi -u 64 -o /dev/null 2>&1")
    assert "64 bytes" in said


def test_generic_resources_are_counted(user):
    assert user("srun --immediate=60 --gres=nvme:2 hostname").startswith("cn")
    assert "Requested node configuration is not available" in user("srun --immediate=60 --gres=nvme:3 true", check=False)


def test_topology_is_as_declared(submit_host):
    said = submit_host.check_output("scontrol show topology")
    assert re.search(r"SwitchName=leaf1 .*Nodes=cn\[1-2\]", said)
    assert re.search(r"SwitchName=core .*Switches=leaf\[1-2\]", said)
