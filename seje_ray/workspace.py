"""Layout of a workspace: the one place that knows where everything lies.

A local folder, or the mirror of what lies in an object store: nothing else turns a location that a
person typed into a path, or joins the name of a part to it.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from seje_ray.artifact import Artifact, open_artifact, require_equal_hash
from seje_ray.errors import WorkspaceError
from seje_ray.integrity import Verify
from seje_ray.lock import LOCKS, Lease, locked
from seje_ray.schema import COMPONENT
from seje_ray.store.location import (
    as_uri,
    mirror_folder,
    parent_of,
    place_of,
    uri_of,
    without_options,
)
from seje_ray.store.mirror import fetch, pull

VARIANT = re.compile("/variants/[0-9a-f]{12}$")  # of the URIs of variants


@dataclass(frozen=True, slots=True)
class Workspace:
    """All artifacts of one data set, below one folder that may be moved or mounted elsewhere."""

    folder: Path  # absolute
    lease: Lease | None = field(default=None, compare=False)  # on the part that is being written
    verify: Verify = field(default="full", compare=False)  # how what is read is looked at before

    @classmethod
    def at(cls, location: str | Path, verify: Verify = "full") -> "Workspace":
        """The workspace at a location that a person typed.

        Args:
            location: A folder, or the URI of a place in an object store.
            verify: How what a command reads of it is compared with what was written.

        Raises:
            WorkspaceError: If it is neither.
        """
        text = str(location)
        uri = as_uri(text)
        if uri is not None:
            return cls(mirror_folder(uri), verify=verify)
        if re.match(r"\w[\w+.-]+:/", text):
            raise WorkspaceError(
                f"{text}: expected a local folder, or a URI that begins with s3://, gs:// or abfs://"
            )
        return cls(Path(location).absolute(), verify=verify)

    @classmethod
    def of(cls, calibrated: Artifact) -> "Workspace":
        """The workspace that calibrated recipes lie in, perhaps a variant's.

        Processes that compute open it so: hashes were compared by their command.
        """
        return cls(calibrated.folder.parent, verify="size")

    def __str__(self) -> str:
        place = place_of(self.folder)
        if place is None or place.key:
            return str(self.folder)
        return place.uri

    @property
    def is_stored(self) -> bool:
        """Whether it lies in an object store, which every node reaches by itself."""
        return place_of(self.folder) is not None

    @contextmanager
    def writing(self, part: Path, *, waits: bool = False) -> Iterator["Workspace"]:
        """This workspace as the one writer of a part of it has it.

        Args:
            part: A folder of the workspace, there or not yet.
            waits: Wait while another command writes it; otherwise that is an error.

        Raises:
            WorkspaceError: Naming the command that writes it.
            LockLostError: If another command took the place of this one meanwhile.
        """
        folder = self.folder / LOCKS / self.stored(part)
        with locked(folder, str(part), waits=waits) as lease:
            yield replace(self, lease=lease)

    def found_or_made(
        self,
        part: Path,
        find: Callable[[], Artifact | None],
        make: Callable[["Workspace"], Artifact],
    ) -> Artifact:
        """The artifact of a part that several commands need: made by the first, found by others.

        Args:
            part: Its folder.
            find: Gives it where it is finished; asked again once the lock is held, since the
                command that was waited for may have made it.
            make: Makes it, as the one writer.

        Raises:
            LockLostError: If another command took the place of this one meanwhile.
        """
        known = find()
        if known is not None:
            return known
        with self.writing(part, waits=True) as held:
            known = find()
            return make(held) if known is None else known

    # Parts that hold data

    @property
    def recipes(self) -> Path:
        """The artifact of ``ingest``: of a variant in a store, which has no links, its source's."""
        uri = uri_of(self.folder)
        if uri is not None and VARIANT.search(without_options(uri)):
            return parent_of(parent_of(self.folder)) / "recipes"
        return self.folder / "recipes"

    @property
    def calibrator(self) -> Path:
        """The artifact of ``fit``: a folder of components."""
        return self.folder / "calibrator"

    def component(self, name: str) -> Path:
        """The artifact of one fitted component."""
        return component_folder(self.calibrator, name)

    @property
    def calibrated(self) -> Path:
        """The artifact of ``transform``."""
        return self.folder / "calibrated"

    @property
    def calibrated_run(self) -> Path:
        """The run file of the calibration, brought; later commands take their defaults from it."""
        return fetch(self.calibrated / "run.yaml")

    def cookbook(self, num_recipes: int, seed: int) -> Path:
        """The embedded cookbook of this size."""
        return self.folder / f"cookbook-{num_recipes}-{seed}"

    @property
    def all_embeddings(self) -> Path:
        """Folder of the embeddings by all trainings."""
        return self.folder / "embeddings"

    @property
    def indexes(self) -> Path:
        """Folder of the indexes by all trainings."""
        return self.folder / "index"

    def embeddings(self, run: str, partition: str) -> Path:
        """Embeddings of one partition by one training."""
        return self.all_embeddings / f"{run}-{partition}"

    def index(self, run: str, what: str) -> Path:
        """Index of all recipes, or of all photos, by one training."""
        return self.indexes / run / what

    # Parts by a name of the user's

    @property
    def runs(self) -> Path:
        """Folder of all trainings."""
        return self.folder / "runs"

    def run(self, name: str) -> Path:
        """One training."""
        return self.runs / name

    def tune(self, name: str) -> Path:
        """One tuning."""
        return self.folder / "tunes" / name

    def ablation(self, name: str) -> Path:
        """One comparison."""
        return self.folder / "ablations" / name

    @property
    def variants(self) -> Path:
        """Folder of the workspaces of other calibration settings."""
        return self.folder / "variants"

    def variant(self, key: str) -> "Workspace":
        """The workspace of other calibration settings, which shares what they do not change."""
        return replace(self, folder=self.variants / key, lease=None)

    # What people read

    def report(self, name: str) -> Path:
        """Folder of one report."""
        return self.folder / "reports" / name

    def run_report(self, name: str) -> Path:
        """The page of one training."""
        return self.folder / "reports" / f"{name}.html"

    @property
    def baselines(self) -> Path:
        """Folder of all measured baselines."""
        return self.folder / "baselines"

    def baseline(self, name: str, partition: str) -> Path:
        """Folder of one baseline's report."""
        return self.baselines / f"{name}-{partition}"

    @property
    def search_page(self) -> Path:
        """Page of the last searches."""
        return self.folder / "search.html"

    @property
    def logs(self) -> Path:
        """Folder of the commands' logs."""
        return self.folder / "logs"

    def log(self, name: str) -> Path:
        """One log, a line of JSON per event."""
        return self.logs / f"{name}.jsonl"

    # What others ask

    def open_recipes(self, *partitions: str) -> Artifact:
        """Open what ``ingest`` made.

        Args:
            partitions: That are to be read, and so compared with what was written.

        Raises:
            ArtifactError: If it is missing, damaged, or cannot be read; says which command makes
                it.
        """
        return self._opened(self.recipes, "recipes", partitions)

    def open_calibrator(self) -> Artifact:
        """Open what ``fit`` made; raises as ``open_recipes`` does."""
        return open_artifact(self.calibrator, "calibrator")

    def open_calibrated(self, *partitions: str) -> Artifact:
        """Open what ``transform`` made; as ``open_recipes``."""
        return self._opened(self.calibrated, "calibrated", partitions)

    def _opened(self, folder: Path, kind: str, partitions: Sequence[str]) -> Artifact:
        verify = self.verify if partitions else "size"
        return open_artifact(folder, kind).require_whole(verify, *partitions)

    def open_calibrator_of(self, calibrated: Artifact) -> Artifact:
        """Open what ``fit`` made, where ``calibrated`` is of it and not of one before; bring it.

        Raises:
            ArtifactError: If it is not, or is missing or damaged.
        """
        calibrator = self.open_calibrator()
        for name in calibrator.manifest.plan.inputs:
            open_artifact(self.component(name), COMPONENT + name).require_whole(self.verify)
        require_equal_hash(
            "calibrator",
            calibrated.folder,
            calibrated.manifest.plan.inputs["calibrator"],
            calibrator.content_hash,
            "seje-ray calibrate",
        )
        pull(self.calibrator, keeps_own=True)
        return calibrator

    def stored(self, path: Path) -> str:
        """A path within, as a file of the workspace stores it: moving the workspace keeps it true.

        Raises:
            ValueError: If it lies elsewhere.
        """
        return path.relative_to(self.folder).as_posix()

    def resolved(self, stored: str) -> Path:
        """The path that ``stored`` spelled."""
        return self.folder / stored


def component_folder(calibrator: Path, name: str) -> Path:
    """Folder of one fitted component, below that of the calibrator."""
    return calibrator / name
