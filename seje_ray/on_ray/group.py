"""A group of Ray Train processes that compute one thing together."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
import ray.train
import ray.train.torch
import torch
from torch import nn

from seje_ray.errors import OutageError, ResourceError, SejeError
from seje_ray.on_ray.capacity import (
    Bundle,
    current_nodes,
    num_fitting,
    refusal,
    reserve_room,
    worker_bundle,
)
from seje_ray.on_ray.connect import num_gpus, user_error
from seje_ray.on_ray.interfaces import NamedInterfaces
from seje_ray.on_ray.ray_internals import forget_broken_list, has_autoscaler, is_embedded

MAX_RESTARTS = 3  # of the group, after a worker or its node died
RESIZE_EVERY_S = 60.0  # how often an elastic group looks whether there is room for more
COLLECTIVE_TIMEOUT_S = 1800.0  # after which a worker gives up on the others
KEEP = "best_epoch_so_far"  # what Ray ranks checkpoints by


class GroupMember:
    """One process of a group: where it stands, and where it computes."""

    def __init__(self) -> None:
        context = ray.train.get_context()
        self.rank: int = context.get_world_rank()
        self.world_size: int = context.get_world_size()
        # A GPU that Ray only counts is none to compute on.
        on_gpu = torch.cuda.is_available()
        self.device = ray.train.torch.get_device() if on_gpu else torch.device("cpu")
        if on_gpu:
            torch.cuda.set_device(self.device)

    def wrap(self, module: nn.Module, *, broadcast_buffers: bool = True) -> nn.Module:
        """Move to the device and wrap in DistributedDataParallel.

        With ``find_unused_parameters`` it keeps its first buckets, as a process that resumes from
        a checkpoint has them, and so the order in which gradients are summed.
        """
        wrapped = ray.train.torch.prepare_model(
            module,
            move_to_device=self.device,
            parallel_strategy_kwargs={
                "broadcast_buffers": broadcast_buffers,
                "find_unused_parameters": True,
                "gradient_as_bucket_view": True,  # one copy of all gradients less
            },
        )
        assert isinstance(wrapped, nn.Module)
        return wrapped


def default_num_workers() -> int:
    """One worker per GPU; without GPUs a single one, whose threads use all cores.

    Two workers on two cores take 1.5 times as long for the demo (docs/results.md).
    """
    return num_gpus() or 1


def run_group(
    function: Callable[[Mapping[str, Any]], Any],
    config: dict[str, Any],
    folder: Path,
    num_workers: int,
    board: Any,
    *,
    min_workers: int | None = None,
    timeout_s: float = COLLECTIVE_TIMEOUT_S,
    callbacks: Sequence[ray.train.UserCallback] = (),
) -> Any:
    """Run ``function`` in a group of Ray Train processes; return what rank 0 gives.

    A group that loses a process is started again, and its checkpoints in ``folder`` are found. One
    that meets what no start would mend ends with that.

    Args:
        function: Of each process; it is given ``config``.
        config: Travels to the processes.
        folder: Of checkpoints.
        num_workers: Processes.
        board: Handle of the driver's ``ProgressBoard``.
        min_workers: The group begins and goes on with any number from this one up, and grows
            when there is room; None for ``num_workers`` alone.
        timeout_s: Of a collective.
        callbacks: Of Ray Train.

    Raises:
        SejeError: What a worker raised for the user.
        ResourceError: If the cluster can never hold as many as must be.
    """
    bundle = require_resources(num_workers, min_workers)
    reserve_room(min_workers or num_workers, bundle)
    forget_broken_list(folder)
    trainer = ray.train.torch.TorchTrainer(
        _Guarded(function, board),
        train_loop_config=config,
        torch_config=NamedInterfaces(backend=_backend(bundle), timeout_s=timeout_s),
        scaling_config=ray.train.ScalingConfig(
            num_workers=(min_workers, num_workers) if min_workers else num_workers,
            elastic_resize_monitor_interval_s=RESIZE_EVERY_S,
            use_gpu=bundle.gpus > 0,
            resources_per_worker=bundle.resources(),
        ),
        run_config=_run_config(folder, callbacks),
    )
    try:
        outcome = trainer.fit().return_value
    except ray.train.TrainingFailedError as error:
        raise _first_cause(error) from error
    except SystemExit as stop:  # Ray's answer to Ctrl-C, once the workers have ended
        raise KeyboardInterrupt from stop
    if isinstance(outcome, _Refused):
        raise outcome.error
    return outcome


@dataclass(frozen=True, slots=True)
class _Refused:
    """Outcome of a group that cannot do its work."""

    error: SejeError


@dataclass(frozen=True, slots=True)
class _Guarded:
    """What each process of a group runs: no start is repeated for what repeats itself."""

    function: Callable[[Mapping[str, Any]], Any]
    board: Any

    def __call__(self, config: dict[str, Any]) -> Any:
        if (known := ray.get(self.board.refusal.remote())) is not None:
            return _Refused(known)
        try:
            return self.function(config)
        except OutageError:
            raise
        except SejeError as error:
            # It may strike one process alone: Ray ends the others, and starts them once more.
            ray.get(self.board.refuse.remote(error))
            raise


def _run_config(folder: Path, callbacks: Sequence[ray.train.UserCallback]) -> ray.train.RunConfig:
    """Ray's configuration of a run: its folder, its checkpoints, its restarts."""
    return ray.train.RunConfig(
        name=folder.name,
        storage_path=str(folder.parent),
        failure_config=ray.train.FailureConfig(max_failures=MAX_RESTARTS),
        checkpoint_config=ray.train.CheckpointConfig(
            num_to_keep=1,  # the best; Ray keeps the last one beside it
            checkpoint_score_attribute=KEEP,
            checkpoint_score_order="max",
        ),
        logging_config=ray.train.LoggingConfig(log_level="ERROR"),
        callbacks=list(callbacks),
    )


def _first_cause(error: Exception) -> Exception:
    """The worker's own error where it is one for the user."""
    for failure in getattr(error, "worker_failures", {}).values():
        cause = user_error(failure)
        if cause is not None:
            return cause
    return error


def _backend(bundle: Bundle) -> str:
    """NCCL refuses two processes on one GPU, and knows no CPU."""
    if bundle.gpus < 1:
        return "gloo"
    # The driver's own node, a head without a GPU perhaps, does not count.
    sees_cuda = _sees_cuda.options(num_cpus=0, num_gpus=1).remote()
    return "nccl" if ray.get(sees_cuda) else "gloo"


@ray.remote
def _sees_cuda() -> bool:
    return bool(torch.cuda.is_available())


def require_resources(num_workers: int, min_workers: int | None = None) -> Bundle:
    """Bundle of each worker; refuse what the cluster can never give.

    Raises:
        ResourceError: With the figures, before anything starts.
    """
    if num_workers < 1:
        raise ResourceError(f"--workers must be at least 1, got {num_workers}")
    if min_workers is not None and not 1 <= min_workers <= num_workers:
        raise ResourceError(
            f"--min-workers: expected 1 to {num_workers}, the number of --workers, got "
            f"{min_workers}"
        )
    fewest, asked = (
        (num_workers, "--workers") if min_workers is None else (min_workers, "--min-workers")
    )
    nodes = current_nodes()
    bundle = worker_bundle(fewest, nodes, shares_gpus=is_embedded())
    if num_fitting(bundle, nodes) < fewest and not has_autoscaler():
        raise refusal(fewest, bundle, nodes, asked)
    return bundle
