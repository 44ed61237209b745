"""What the facts of nodes mean; they are made up here, and read on this machine once."""

from dataclasses import replace
from pathlib import Path

import pytest

from seje_ray.on_ray.doctor import (
    Diagnosis,
    Finding,
    as_data,
    diagnose,
    judge_data,
    judge_nodes,
    judge_orphans,
    judge_ports,
)
from seje_ray.on_ray.node_facts import NodeFacts
from seje_ray.workspace import Workspace

HEALTHY = NodeFacts(
    host="a", python="3.11.7", ray="2.60.0", torch="2.14.1", seje_ray="0.1.0", cores=8,
    gpus=("NVIDIA H100, 550.1, 81559 MiB",), sees_cuda=True, disk_gib=100.0, memory_gib=64.0,
    store_gib=8.0, workspace_error="", sees_marker=True,
)  # fmt: skip


def states(nodes, expects_marker=True):
    found = judge_nodes(nodes, Workspace(Path("/w")), expects_marker=expects_marker)
    return {finding.check: finding.state for finding in found}


def finding_of(check, *nodes, expects_marker=True):
    found = judge_nodes(nodes, Workspace(Path("/w")), expects_marker=expects_marker)
    return next(finding for finding in found if finding.check == check)


def test_healthy_nodes_are_all_ok():
    """One, and two alike."""
    assert set(states([HEALTHY]).values()) == {"ok"}
    assert set(states([HEALTHY, replace(HEALTHY, host="b")]).values()) == {"ok"}


@pytest.mark.parametrize(
    ("change", "check", "state", "text"),
    [
        ({"torch": "2.9.0"}, "versions", "failed", "b: Python 3.11.7, ray 2.60.0, torch 2.9.0"),
        ({"sees_cuda": False}, "GPUs", "failed", "torch sees none of those of b"),
        ({"disk_gib": 9.9}, "free disk", "warning", "9.9 GiB at least (b), below 10 GiB"),
        ({"memory_gib": 1.0}, "memory", "warning", "1 GiB at least (b)"),
        ({"store_gib": 0.1}, "object store", "warning", "0.1 GiB at least (b)"),
        ({"workspace_error": "Permission denied"}, "workspace", "failed", "b: Permission denied"),
        ({"sees_marker": False}, "workspace", "failed", "/w on b is another folder"),
    ],
)
def test_one_bad_node_is_found_and_named(change, check, state, text):
    """And nothing else is said to be wrong; what to do is said."""
    nodes = [HEALTHY, replace(HEALTHY, host="b", **change)]
    found = finding_of(check, *nodes)
    assert found.state == state
    assert text in found.text
    assert found.advice
    assert {name for name, other in states(nodes).items() if other != "ok"} == {check}


def test_no_gpu_is_a_warning_and_no_store_yet_is_fine():
    """A laptop without a cluster."""
    laptop = replace(HEALTHY, gpus=(), sees_cuda=False, store_gib=None, sees_marker=False)
    found = states([laptop], expects_marker=False)
    assert found.pop("GPUs") == "warning"
    assert set(found.values()) == {"ok"}


def test_a_workspace_that_is_not_there_cannot_be_compared():
    """On several nodes only."""
    nodes = [replace(HEALTHY, host=host, sees_marker=False) for host in "ab"]
    assert finding_of("workspace", *nodes, expects_marker=False).state == "warning"


def test_data_ports_and_left_processes_say_what_to_do(tmp_path):
    """Missing data fails; the others only warn."""
    assert judge_data(None).state == "ok"
    missing = judge_data(tmp_path / "nothing")
    assert missing.state == "failed"
    assert str(tmp_path / "nothing") in missing.text
    (tmp_path / "own.jsonl").write_text('{"id": 1}\n')
    assert judge_data(tmp_path / "own.jsonl").state == "ok"

    assert judge_ports([]).state == "ok"
    assert "52365 (dashboard agent" in judge_ports([52365]).text
    assert judge_orphans([]).state == "ok"
    assert "kill 17 18" in judge_orphans(["17 raylet", "18 ray::DashboardAgent"]).advice


def test_a_failed_check_makes_the_diagnosis_fail():
    """A warning does not; the text shows each with its advice."""
    warned = Diagnosis((Finding("a", "ok", "x"), Finding("b", "warning", "y", "do z")), (HEALTHY,))
    assert warned.is_healthy
    assert warned.as_text().splitlines()[1:] == ["warning  b  y", " " * 12 + "-> do z"]
    failed = Diagnosis((*warned.findings, Finding("c", "failed", "n")), ())
    assert not failed.is_healthy
    assert as_data(failed)["is_healthy"] is False


def test_this_machine_is_looked_at_and_left_as_it_was(tmp_path):
    """Versions are those of here; no file stays."""
    found = diagnose(Workspace(tmp_path), None)
    [node] = found.nodes
    assert node.sees_marker
    assert node.workspace_error == ""
    assert list(tmp_path.iterdir()) == []
    assert not diagnose(Workspace(tmp_path / "later"), tmp_path / "nothing").is_healthy
    assert not (tmp_path / "later").exists()
