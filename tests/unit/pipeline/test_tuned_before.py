"""Which tunings are resumed."""

import pytest

from seje_ray.artifact import write_json
from seje_ray.errors import ArtifactError
from seje_ray.pipeline.tuned_before import begin_tuning, require_same_tuning
from tests.unit.pipeline.calibrated import tiny_run


def test_trials_that_start_from_other_weights_are_not_mixed(workspace):
    """What was trained anew since is another start; what is gone, or was never noted, may do."""
    folder, run, calibrated = workspace.tune("a"), tiny_run(), workspace.open_calibrated()
    (folder / "trials" / "0000").mkdir(parents=True)
    write_json(folder / "trials" / "0000" / "job.json", {})
    begin_tuning(folder, run, calibrated)
    require_same_tuning(folder, run, calibrated, "now")
    begin_tuning(folder, run, calibrated, "before")
    begin_tuning(folder, run, calibrated, None)

    require_same_tuning(folder, run, calibrated, "before")
    require_same_tuning(folder, run, calibrated, None)
    with pytest.raises(ArtifactError, match=r"made with another start \(train.init_from\)"):
        require_same_tuning(folder, run, calibrated, "now")
