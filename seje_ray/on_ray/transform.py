"""Stage ``transform``: recipes with photos, and the fitted calibrator -> ``calibrated/``.

A Ray Data pipeline of five operators. Text runs in CPU actors, networks in actors that hold a
GPU where there is one; each shard passes as one block and is committed as one file.
"""

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import torch

from seje_ray.artifact import (
    Artifact,
    Plan,
    begin,
    build_manifest,
    finish,
    finished,
    write_table,
)
from seje_ray.calibration.corpus import recipe_text
from seje_ray.config import RunConfig, run_to_dict
from seje_ray.errors import ArtifactError
from seje_ray.on_ray.fit import weights_hash
from seje_ray.on_ray.shards import (
    accelerator_actors,
    cpu_actors,
    missing_shards,
    run_shards,
    tasks,
)
from seje_ray.schema import calibrated as calibrated_schema
from seje_ray.schema import vector
