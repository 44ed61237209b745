"""The parts of ``benchmarks.gpu_check``, each in a process of its own; a row is printed at once.

Run by it: ``python -m benchmarks.gpu_parts PART --device cuda --size full --folder F``.
"""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path

import click
import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.bare_loop import BareLoop
from benchmarks.gpu_data import (
    SIZES,
    Case,
    loader_of,
    local_trainer,
    make,
    origin_of,
    run_of,
)
from benchmarks.gpu_setting import Row, Setting, batches_of, enlarged, seconds_of
from benchmarks.loader import bare, photos_of, timed, walked
from seje_ray.config import RunConfig
from seje_ray.errors import ResourceError, first_line
from seje_ray.features.model import FeatureDims, takes_bf16
from seje_ray.freed_memory import keep_freed_memory
from seje_ray.training.compilation import CompilationError
from seje_ray.training.forward import embed
from seje_ray.training.freezing import begin_epoch
from seje_ray.training.loop import Trainer
from seje_ray.training.pairs import PairBatch
from seje_ray.training.timing import EpochClock
from seje_ray.training.worker import LocalWorker

GIB = 2**30
GPU_TESTS = (  # where tests have the mark gpu; a test of benchmarks/ keeps this true
    "tests/unit/distributed/test_batch_norm.py",
    "tests/unit/training/test_device_decoding.py",
    "tests/unit/training/test_on_gpu.py",
    "tests/on_ray/test_on_gpu.py",
)
CASES: tuple[Case, ...] = ("seje", "clip", "stored")
WITH_PHOTOS: tuple[Case, ...] = ("seje", "clip")


def machine(setting: Setting) -> Iterator[Row]:
    """What everything is measured on; the data are made on the way."""
    seconds, _ = timed(lambda: make(setting.folder, setting.size))
    device = setting.device
    yield {
        "what": torch.cuda.get_device_name(device) if device.type == "cuda" else "no GPU",
        "gpus": torch.cuda.device_count(),
        "cuda": str(torch.version.cuda),
        "cores": len(os.sched_getaffinity(0)),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "ray": version("ray"),
        "seje_ray": version("seje-ray"),
        "size": "tiny" if setting.size.is_tiny else "full",
        "data_s": seconds,
    }


def tests(setting: Setting) -> Iterator[Row]:
    """The tests with the mark gpu; each says why where it is skipped."""
    command = [sys.executable, "-m", "pytest", "-q", "-m", "gpu", *GPU_TESTS]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    lines = done.stdout.strip().splitlines() or done.stderr.strip().splitlines() or [""]
    failed = [line for line in lines if line.startswith(("FAILED", "ERROR"))]
    yield {"what": "pytest -m gpu", "outcome": lines[-1].strip("= ")}
    yield from ({"what": line} for line in failed)
    if done.returncode:
        raise RuntimeError(f"pytest ended with {done.returncode}: {lines[-1]}")


def workers(setting: Setting) -> Iterator[Row]:
    """Two workers on one GPU beside one that has it."""
    from benchmarks.gpu_workers import two_beside_one  # the only part that starts Ray

    yield from two_beside_one(setting.folder)


def parity(setting: Setting) -> Iterator[Row]:
    """The same steps in bf16 and in fp32, without TF32."""
    torch.backends.cudnn.allow_tf32 = False
    for case in CASES:
        runs = {
            name: run_of(case, setting.size, setting.folder, f"train.precision={name}")
            for name in ("fp32", "bf16")
        }
        found = {name: _trained(run, setting) for name, run in runs.items()}
        losses = [losses for losses, _ in found.values()]
        apart = [abs(one - other) / abs(one) for one, other in zip(*losses, strict=True)]
        sides = zip(*(embedded for _, embedded in found.values()), strict=True)
        cosines = [F.cosine_similarity(one, other).mean().item() for one, other in sides]
        yield {
            "what": f"bf16 beside fp32, {case}",
            "bf16_computes_in": "bf16" if takes_bf16(runs["bf16"], setting.device) else "fp32",
            "first_loss_apart": apart[0],
            f"loss_apart_after_{len(apart)}": apart[-1],
            "cosine_of_photos": cosines[0],
            "cosine_of_recipes": cosines[1],
        }


def _trained(run: RunConfig, setting: Setting) -> tuple[list[float], tuple[Tensor, Tensor]]:
    """Losses of some steps, and the embeddings of a batch after them."""
    trainer = local_trainer(run, setting.folder, setting.device)
    begin_epoch(trainer._model, run.train, 0)
    batches = list(batches_of(trainer, setting))
    losses = [trainer._step(b, 0, step)["loss"] for step, b in enumerate(batches)]
    model = trainer.state.model.eval()
    return losses, embed(model, batches[0], run)


def steps(setting: Setting) -> Iterator[Row]:
    """Epochs as a training has them beside a bare loop, each case."""
    for case in CASES:
        run = run_of(case, setting.size, setting.folder)
        trainer = local_trainer(run, setting.folder, setting.device)
        clocks = []
        for epoch in range(3):  # the first one also chooses kernels
            clock = EpochClock()
            trainer._train_epoch(epoch, clock)
            clocks.append(_timings(clock, run, setting))
        ours = max(clocks[1:], key=lambda timings: timings["pairs_per_s"])
        plain = BareLoop(run, FeatureDims.of(origin_of(setting.folder).facts), setting.device)
        batches = list(batches_of(trainer, setting))
        del trainer
        for batch in batches[:2]:
            plain.step(batch, 0, 0)
        seconds = seconds_of(partial(_walked, plain, batches), setting)
        rate = ours["pairs_per_s"] / run.train.global_batch_size
        yield {
            "what": f"{case}, batch {run.train.global_batch_size}",
            "steps_per_s": rate,
            "bare_steps_per_s": len(batches) / seconds,
            "ratio": rate * seconds / len(batches),
            "wait_share": ours["data_wait_share"],
        }


def _walked(loop: BareLoop, batches: Sequence[PairBatch]) -> None:
    for step, batch in enumerate(batches):
        loop.step(batch, 1, step)


def loader(setting: Setting) -> Iterator[Row]:
    """Photos as fast as the loader alone gives them, and as fast as a network takes them."""
    rates = {}
    for who in ("worker", "device"):
        row: Row = {"what": f"loader alone, train.decode {who}"}
        try:
            rates[who] = row["pairs_per_s"] = _rate_of_loader(who, setting)
        except (ResourceError, RuntimeError) as error:  # without TorchCodec, or of it
            row["failed"] = first_line(error)
        yield row
    jpegs = photos_of(sorted(setting.folder.glob("train-*.parquet")))
    threads = max(2, torch.get_num_threads())
    seconds, _ = timed(lambda: bare(jpegs, threads))
    yield {"what": f"bare decoding, {threads} threads", "photos_per_s": len(jpegs) / seconds}
    for case in WITH_PHOTOS:
        run = run_of(case, setting.size, setting.folder)
        _, steps_per_s = _first_and_rate(
            local_trainer(run, setting.folder, setting.device), setting
        )
        rate = steps_per_s * run.train.global_batch_size
        ratios = {f"{who}_over_network": alone / rate for who, alone in rates.items()}
        yield {"what": f"{case}, batches that are there", "pairs_per_s": rate, **ratios}


def _rate_of_loader(who: str, setting: Setting) -> float:
    """Pairs per second of a second epoch; in the first one libraries are loaded."""
    run = run_of("seje", setting.size, setting.folder, f"train.decode={who}")
    own = loader_of(run, setting.folder, LocalWorker(setting.folder, setting.device))
    walked(own)
    seconds, _ = timed(lambda: walked(own))
    return own.num_steps * run.train.global_batch_size / seconds


def compiled(setting: Setting) -> Iterator[Row]:
    """torch.compile off and on; a CPU takes minutes to compile what a GPU is for."""
    for case in ("stored",) if setting.size.is_tiny else CASES:
        for is_on in (False, True):
            run = run_of(case, setting.size, setting.folder, f"train.compile={is_on}".lower())
            row: Row = {"what": f"{case}, compile {'on' if is_on else 'off'}"}
            try:
                trainer = local_trainer(run, setting.folder, setting.device)
                row["first_step_s"], row["steps_per_s"] = _first_and_rate(trainer, setting)
            except (CompilationError, RuntimeError) as error:  # torch.compile's own are the latter
                row["failed"] = first_line(error)
            yield row


def memory(setting: Setting) -> Iterator[Row]:
    """The most memory that two steps hold, by batch, with micro-batches and without."""
    for case in WITH_PHOTOS:
        for micro in (setting.size.micro_batch, None):
            for batch in setting.size.batches:
                size = "null" if micro is None else micro
                settings = (f"train.global_batch_size={batch}", f"train.micro_batch_size={size}")
                run = run_of(case, setting.size, setting.folder, *settings)
                yield {
                    "what": f"{case}, batch {batch:,}, micro-batch {micro or 'none'}",
                    **_peak(run, batch, setting),
                }


def _peak(run: RunConfig, num_pairs: int, setting: Setting) -> Row:
    on_gpu = setting.device.type == "cuda"
    if on_gpu:
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(setting.device)
    try:
        trainer = local_trainer(run, setting.folder, setting.device)
        batch = enlarged(next(batches_of(trainer, setting)), num_pairs)
        trainer._step(batch, 0, 0)
        seconds = seconds_of(lambda: trainer._step(batch, 0, 1), setting)
    except torch.OutOfMemoryError:
        return {"skipped": "out of memory"}
    peak = torch.cuda.max_memory_allocated(setting.device) / GIB if on_gpu else None
    return {"peak_gib": peak, "step_s": seconds}


def _first_and_rate(trainer: Trainer, setting: Setting) -> tuple[float, float]:
    """Seconds of the first step, and steps per second of later ones, on batches that are there."""
    begin_epoch(trainer._model, trainer.run.train, 0)
    batches = list(batches_of(trainer, setting))
    first = seconds_of(lambda: trainer._step(batches[0], 0, 0), setting)
    trainer._step(batches[1], 0, 1)
    seconds = seconds_of(lambda: [trainer._step(b, 1, n) for n, b in enumerate(batches)], setting)
    return first, len(batches) / seconds


def _timings(clock: EpochClock, run: RunConfig, setting: Setting) -> dict[str, float]:
    return clock.timings(
        global_batch_size=run.train.global_batch_size, num_workers=1, device=setting.device
    )


PARTS: dict[str, Callable[[Setting], Iterator[Row]]] = {
    "machine": machine,
    "parity": parity,
    "steps": steps,
    "loader": loader,
    "memory": memory,
    "compile": compiled,
    "workers": workers,
    "tests": tests,
}


@click.command()
@click.argument("part", type=click.Choice(list(PARTS)))
@click.option("--device", required=True)
@click.option("--size", required=True, type=click.Choice(list(SIZES)))
@click.option("--folder", required=True, type=click.Path(path_type=Path))
def main(part: str, device: str, size: str, folder: Path) -> None:
    """Print a JSON object for each row of a part."""
    keep_freed_memory()  # as every command and worker does
    setting = Setting(SIZES[size], torch.device(device), folder)
    for row in PARTS[part](setting):
        print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
