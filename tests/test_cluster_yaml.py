"""cluster.yaml is what `ray up` takes, as far as Ray can tell without calling a cloud.

The launcher runs the same two functions before its first call to the provider.
"""

import subprocess
from pathlib import Path

import jsonschema
import pytest
import yaml
from ray.autoscaler._private.util import prepare_config, validate_config

ROOT = Path(__file__).parent.parent


def read_cluster() -> dict:
    return yaml.safe_load((ROOT / "cluster.yaml").read_text())


@pytest.fixture
def cluster() -> dict:
    """As `ray up` sees it: defaults of the provider filled in."""
    return prepare_config(read_cluster())


def test_ray_accepts_the_cluster(cluster):
    validate_config(cluster)


def test_ray_refuses_a_key_it_does_not_know():
    with pytest.raises(jsonschema.ValidationError, match="max_wrokers"):
        validate_config(prepare_config(read_cluster() | {"max_wrokers": 3}))


def test_ray_refuses_a_head_that_is_no_node_type():
    with pytest.raises(ValueError, match="head_node_type"):
        validate_config(prepare_config(read_cluster() | {"head_node_type": "haed"}))


def test_head_is_on_demand_and_holds_no_gpu(cluster):
    head = cluster["available_node_types"][cluster["head_node_type"]]
    assert "InstanceMarketOptions" not in head["node_config"]
    assert "GPU" not in head["resources"]
    assert head["max_workers"] == 0


def test_evaluators_are_spot_nodes_that_go_away_when_idle(cluster):
    evaluator = cluster["available_node_types"]["evaluator"]
    assert evaluator["node_config"]["InstanceMarketOptions"]["MarketType"] == "spot"
    assert evaluator["resources"]["GPU"] >= 1
    assert (evaluator["min_workers"], evaluator["max_workers"]) == (0, 8)
    assert cluster["max_workers"] >= evaluator["max_workers"]


def test_nodes_install_this_checkout_at_the_pinned_versions(cluster):
    """A mounted path that is missing would stop `ray up` only once the head runs, and costs."""
    installs = [line for line in cluster["setup_commands"] if "pip install" in line]
    assert any("-c constraints.txt" in line for line in installs)
    mounted = {Path(local) for local in cluster["file_mounts"].values()}
    needed = {Path("pyproject.toml"), Path("constraints.txt"), Path("rlsel"), Path("envs")}
    assert needed <= mounted
    in_checkout = {path for path in mounted if not str(path).startswith("~")}
    assert {str(path) for path in in_checkout if not (ROOT / path).exists()} == set()


def test_every_ray_process_gets_one_thread_and_asks_for_the_token(cluster):
    [environment] = [line for line in cluster["setup_commands"] if "> ~/rlsel.env" in line]
    assert {"OMP_NUM_THREADS=1", "RAY_AUTH_MODE=token", "RAY_ADDRESS=auto"} <= set(
        environment.replace("'", " ").split()
    )
    start = [*cluster["head_start_ray_commands"], *cluster["worker_start_ray_commands"]]
    assert all(line.startswith(". ~/rlsel.env && ") for line in start)


def test_a_machine_that_has_just_booted_may_hold_the_locks_of_apt(cluster):
    commands = cluster["setup_commands"]
    [wait] = [i for i, line in enumerate(commands) if "cloud-init status --wait" in line]
    apt = [i for i, line in enumerate(commands) if "apt-get" in line]
    assert wait < min(apt)
    assert all("Lock::Timeout" in commands[i] or "sleep" in commands[i] for i in apt)


def test_what_a_run_in_tmux_needs_is_installed(cluster):
    """`ray exec --tmux`: a command in the foreground ends with the connection."""
    [install] = [line for line in cluster["setup_commands"] if "apt-get -o" in line]
    assert {"python3-venv", "tmux", "rsync"} <= set(install.split())


def test_results_may_be_fetched(cluster):
    """What is excluded is so inside of what is copied, and for downloads too."""
    assert "runs" in cluster["rsync_exclude"], "so README fetches ~/work/runs/ and not ~/work/"


def test_images_that_only_the_head_can_look_up_come_with_the_right_to_do_so(cluster):
    node = cluster["available_node_types"]["evaluator"]["node_config"]
    assert node["ImageId"].startswith("resolve:ssm:")
    assert "AmazonSSMReadOnlyAccess" in (ROOT / "cluster.yaml").read_text()
    assert "ray-autoscaler-v1" in (ROOT / "cluster.yaml").read_text(), "what Ray calls its role"


def test_the_setup_is_a_shell_program(cluster):
    starts = [*cluster["head_start_ray_commands"], *cluster["worker_start_ray_commands"]]
    for line in (*cluster["setup_commands"], *starts):
        subprocess.run(["bash", "-n", "-c", line], check=True)
