"""What follows a training, in a store: measured, indexed and found as on a disk."""

import json
import shutil

import pytest

from seje_ray.export.folder import export_run
from seje_ray.pipeline.baseline import measure_baselines
from seje_ray.pipeline.evaluate import evaluate_run
from seje_ray.pipeline.index.build import build_index
from seje_ray.pipeline.index.ready import ready_searcher
from seje_ray.pipeline.report import report_run
from seje_ray.pipeline.runs import open_run
from seje_ray.store.mirror import push, sizes_of
from tests.tiny import tiny_run
from tests.unit.pipeline.locally import EXECUTOR, copied
from tests.unit.store.elsewhere import ElsewhereExecutor, Machines

PARTS = ("recipes", "calibrator", "calibrated", "runs")


@pytest.mark.slow
def test_measured_and_found_as_on_a_disk(on_machine, proxy, tmp_path, cookbook, trained):
    """Each command on a machine that has nothing, its workers on others; numbers are a disk's."""
    local = copied(cookbook, tmp_path / "local", *PARTS)
    here = on_machine(1)
    for part in PARTS:
        shutil.copytree(cookbook.folder / part, here.folder / part)
    push(here.folder)
    proxy.fault = lambda request: 503 if request.number % 10 == 0 else None

    def on_a_new_machine(number):
        workspace = on_machine(number)
        machines = Machines(workspace.folder.parent, tmp_path / f"others-{number}")
        return open_run(workspace, "one"), workspace, ElsewhereExecutor(machines)

    own = open_run(local, "one"), local, EXECUTOR
    reports = []
    for at in (own, on_a_new_machine(2)):
        [_] = measure_baselines(["ridge"], tiny_run(), at[1], partition="test")
        reports.append(evaluate_run(*at, partition="test"))
    assert reports[1].galleries == reports[0].galleries
    texts = [json.loads((one.folder / "report.json").read_text()) for one in reports]
    assert texts[1]["hashes"] == texts[0]["hashes"]

    for at in (own, on_a_new_machine(3)):
        build_index(*at)
    again = len(proxy.requests)
    build_index(*on_a_new_machine(4))
    changes = [r for r in proxy.requests[again:] if r.method == "PUT" and "/index/" in r.path]
    assert all("/.locks/" in request.path for request in changes)
    finds = [ready_searcher(at[0], at[1], lambda: EXECUTOR) for at in (own, on_a_new_machine(5))]
    found = [search.text("tomato soup", 5) for search in finds]
    assert [hit.id for hit in found[1]] == [hit.id for hit in found[0]]
    assert [hit.similarity for hit in found[1]] == pytest.approx(
        [hit.similarity for hit in found[0]], abs=1e-6
    )

    run, workspace, _ = on_a_new_machine(6)
    page = report_run(run, workspace).read_text()
    assert "ridge" in page
    assert "Not measured" not in page
    made = export_run(run, workspace, tmp_path / "exported")
    assert made.num_evaluations == 1
    assert proxy.num_failed > 10
    stored = sizes_of(workspace.folder)
    assert not [name for name in stored if ".partial" in name or "/parts/" in name]
