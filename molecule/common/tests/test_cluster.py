"""What a user and an administrator find on a cluster that site.yml has built."""

import json


def test_every_node_runs_what_base_and_munge_promise(node):
    assert node.service("chrony").is_running and node.service("chrony").is_enabled
    assert node.service("munge").is_running and node.service("munge").is_enabled
    key = node.file("/etc/munge/munge.key")
    assert (key.user, key.group, key.mode, key.size) == ("munge", "munge", 0o400, 128)


def test_names_resolve_from_the_cluster_file(node, cluster):
    for other in cluster.nodes:
        assert other.address in node.check_output("getent ahostsv4 %s", other.name)


def test_limits_let_mpi_pin_memory(node):
    assert "* - memlock unlimited" in node.file("/etc/security/limits.d/50-clusterwright.conf").content_string


def test_a_job_has_the_memlock_limit_of_its_node_not_of_the_submitting_shell(submit_host):
    limit, nodes_own = submit_host.check_output(
        "bash -c 'ulimit -S -l 64; srun -N1 sh -c \"ulimit -l; systemctl show slurmd -P MainPID | xargs -I{} grep locked /proc/{}/limits\"'"
    ).splitlines()
    assert limit != "64"
    assert limit == "unlimited" or int(limit) * 1024 == int(nodes_own.split()[3])


def test_all_nodes_have_one_key(submit_host, compute_names):
    sums = submit_host.check_output("sha256sum /etc/munge/munge.key").split()[0]
    said = submit_host.check_output("srun --nodes=%s sha256sum /etc/munge/munge.key", str(len(compute_names)))
    assert {line.split()[0] for line in said.splitlines()} == {sums}


def test_the_controller_is_the_only_place_of_slurm_conf(controller, submit_host, compute_names, cluster):
    text = controller.file("/etc/slurm/slurm.conf").content_string
    assert f"ClusterName={cluster.name}" in text
    assert controller.service("slurmctld").is_enabled
    found = submit_host.check_output("srun --nodes=%s sh -c 'ls /etc/slurm/slurm.conf 2>/dev/null || echo none'", str(len(compute_names)))
    assert set(found.split()) == {"none"}


def test_a_job_runs_on_every_node(submit_host, compute_names):
    said = submit_host.check_output("srun --nodes=%s --ntasks-per-node=1 hostname", str(len(compute_names)))
    assert sorted(said.split()) == sorted(compute_names)


def test_a_batch_job_gets_its_cpus_and_memory(submit_host):
    submit_host.check_output("sbatch --wait --ntasks=2 --mem=100M --output=/tmp/batch.out --wrap 'srun -n2 nproc'")
    # The output file lies on the node that ran it; accounting comes with a later role.
    state = submit_host.check_output("scontrol show job $(squeue --all --states=all -h -o %%i | sort -n | tail -1)")
    assert "JobState=COMPLETED" in state and "ExitCode=0:0" in state


def test_partitions_are_as_declared(submit_host, cluster):
    seen = json.loads(submit_host.check_output("scontrol show partition --json"))["partitions"]
    assert {item["name"]: item["nodes"]["configured"] for item in seen} == {name: item.nodes for name, item in cluster.partitions.items()}


def test_no_node_is_lost(submit_host, compute_names):
    states = dict(line.split() for line in submit_host.check_output("sinfo --noheader --Node --format='%%N %%T'").splitlines())
    assert set(states) == set(compute_names)
    assert set(states.values()) <= {"idle", "mixed", "allocated", "completing"}
