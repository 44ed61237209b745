"""Private APIs of Ray: all that we use stand here, each with its purpose.

A new version of Ray may change any of it without a word, so pyproject.toml bounds the version, and
``tests/unit/on_ray/test_ray_internals.py`` says which part a version has lost. To raise the bound:
run that test, then the tests on Ray. None is imported with this module, so a command works without
the parts that it does not use.
"""

import importlib
import json
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ray

USED = {  # module, name -> what for
    ("ray._private.worker", "_global_node"): "is this process the head of the Ray it talks to, and "
    "which session is that: without it --address cannot be told from an embedded Ray",
    ("ray._private.worker", "print_to_stdstream"): "what Ray's processes print goes to the log, "
    "and not among our results on stdout",
    ("ray._private.ray_constants", "DEBUG_AUTOSCALING_STATUS"): "whether the old autoscaler runs",
    ("ray.experimental.internal_kv", "_internal_kv_get"): "whether the old autoscaler runs",
    ("ray._raylet", "GcsClient"): "whether the new autoscaler runs",
    ("ray.core.generated.autoscaler_pb2", "GetClusterStatusReply"): "whether the new autoscaler "
    "runs",
    (
        "ray._private.log",
        "PlainRayHandler",
    ): "Ray Data keeps from our screen what comes as an exception, too",
    (
        "ray._private.runtime_env.packaging",
        "default_logger",
    ): "a submission tells nothing of its packages",
    ("ray.dashboard.modules.job.sdk", "logger"): "a submission tells nothing of its connection",
    (
        "ray.train.v2._internal.constants",
        "CHECKPOINT_MANAGER_SNAPSHOT_FILENAME",
    ): "a run whose list of checkpoints a kill cut short starts again",
    (
        "ray.train.v2._internal.execution.checkpoint.checkpoint_manager",
        "_CheckpointManagerState",
    ): "which checkpoints that list names",
    (
        "ray.train.v2._internal.execution.checkpoint.checkpoint_manager",
        "_TrainingResultState",
    ): "in which folder each of them lies",
    (
        "ray.serve.context",
        "_get_global_client",
    ): "where a Serve that runs already listens, which is told to whoever puts a model there",
}
CHECKPOINT_LIST = "checkpoint_manager_snapshot.json"  # in a run's folder
CHECKPOINTS, FOLDER = "checkpoint_results", "checkpoint_dir_name"  # its keys
TALKATIVE = (  # loggers of a job's submission
    "ray.client_builder",
    "ray.dashboard.modules.dashboard_sdk",
    "ray.dashboard.modules.job.sdk",
    "ray._private.runtime_env.packaging",
)
VITAL = ("raylet", "gcs_server")  # parts of a head
NOT_READY = "No available agent"  # said by a job server whose head node has just started
IN_A_JOB = "RAY_JOB_CONFIG_JSON_ENV_VAR"  # environment variable of a job's driver


def lost() -> list[str]:
    """Private parts that this version of Ray lacks, in words."""
    found = []
    for (module, name), purpose in USED.items():
        try:
            getattr(importlib.import_module(module), name)
        except (ImportError, AttributeError):
            found.append(f"ray {ray.__version__} has no {module}.{name}, which says: {purpose}")
    return found


def is_embedded() -> bool:
    """Whether this very process started the Ray that it talks to."""
    node = ray._private.worker._global_node
    return node is not None and bool(node.head)


def dead_parts(session: Path) -> list[tuple[str, int, int]]:
    """Name, pid and exit code of parts of the embedded Ray that ended by themselves.

    Of those without which nothing goes on; nothing where this process started none, and of the
    Ray of another session than the one in the folder ``session``.
    """
    node = ray._private.worker._global_node
    if node is None or not node.head or Path(node.get_session_dir_path()) != session:
        return []
    ended = [(name, process) for name, process in node.dead_processes() if name in VITAL]
    return [(name, process.pid, process.returncode) for name, process in ended]


def session_folder() -> Path:
    """Folder of the session of the Ray that this process talks to."""
    return Path(ray._private.worker._global_node.get_session_dir_path())


def raylet_option() -> str:
    """Of the words that started the raylet by which this process talks to Ray, its own."""
    return f"--raylet_socket_name={ray._private.worker._global_node.raylet_socket_name}"


def hand_printed_lines_to(note: Callable[[dict[str, Any], bool], None]) -> None:
    """Give ``note`` what Ray's own processes report to a driver.

    Ray would print it among our results on stdout, whatever ``log_to_driver`` says (ray 2.60).
    """
    ray._private.worker.print_to_stdstream = note


def quieten_ray_data() -> None:
    """Keep Ray Data from the screen; an error of its own comes as an exception, too."""
    for handler in logging.getLogger("ray.data").handlers:
        if type(handler).__name__ == "PlainRayHandler":
            handler.setLevel(logging.CRITICAL)


def quieten_submission() -> None:
    """Keep a submission from reporting each package and connection."""
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(logging.WARNING)


def has_autoscaler() -> bool:
    """Whether somebody brings the nodes that are asked for.

    Ray 2.60 says neither this nor how many there can be in public: the new autoscaler leaves a
    version with the head, the old one node types of its own.
    """
    from ray._private.ray_constants import DEBUG_AUTOSCALING_STATUS
    from ray._raylet import GcsClient  # type: ignore[attr-defined]  # compiled, without annotations
    from ray.core.generated.autoscaler_pb2 import GetClusterStatusReply
    from ray.experimental.internal_kv import _internal_kv_get

    client = GcsClient(address=ray.get_runtime_context().gcs_address)
    status = GetClusterStatusReply.FromString(client.get_cluster_status())
    if status.autoscaling_state.autoscaler_state_version:
        return True
    told = _internal_kv_get(DEBUG_AUTOSCALING_STATUS)
    report = (json.loads(told).get("autoscaler_report") or {}) if told else {}
    types = report.get("node_type_mapping") or {}
    return any(name != f"node_{node}" for node, name in types.items())


def listens_at() -> tuple[str, int]:
    """Address and port of the Serve that runs; whoever started it has chosen them."""
    from ray.serve.context import _get_global_client

    options = _get_global_client().http_config
    return str(options.host), int(options.port)


def forget_broken_list(folder: Path) -> None:
    """Remove Ray's list of a run's checkpoints where a kill cut it short.

    Ray writes it in place and would refuse to start; the folders themselves say what there is.
    """
    path = folder / CHECKPOINT_LIST
    if not path.is_file():
        return
    try:
        listed = json.loads(path.read_text(encoding="utf-8"))[CHECKPOINTS]
        is_whole = all((folder / entry[FOLDER]).is_dir() for entry in listed)
    except (ValueError, KeyError, TypeError):
        is_whole = False
    if not is_whole:
        path.unlink()
