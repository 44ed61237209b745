"""Everything that only a GPU can tell, in one go of less than eight minutes.

Run: ``make gpu-check``, or ``python -m benchmarks.gpu_check``. Each part is a process of its own
with a limit of its own; one that fails, or takes too long, is recorded with its reason and what it
had measured by then, and the next one begins. ``gpu_check.json`` has all of it, ``gpu_check.md`` as
a table. ``--device cpu --size tiny`` runs all of it without a GPU, which says nothing about speed.
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click
import torch

from seje_ray.artifact import write_text

TOTAL_S = 450.0  # of all parts
LIMITS_S = {  # of each, in the order in which they run; the module gpu_parts has what they do
    "machine": 60.0,
    "tests": 90.0,
    "steps": 90.0,
    "parity": 60.0,
    "memory": 75.0,
    "loader": 45.0,
    "workers": 90.0,
    "compile": 120.0,
}
GRACE_S = 10.0  # from SIGTERM to SIGKILL
NO_GPU = (
    "torch sees no CUDA here, so nothing was measured; to run every part without a GPU: "
    "python -m benchmarks.gpu_check --device cpu --size tiny"
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a part."""

    part: str
    state: str  # done, failed, timed out or skipped
    reason: str  # empty where it is done
    seconds: float
    rows: list[dict[str, Any]]


@click.command()
@click.option("--device", default="cuda", type=click.Choice(["cuda", "cpu"]), show_default=True)
@click.option("--size", default="full", type=click.Choice(["full", "tiny"]), show_default=True)
@click.option(
    "--part",
    "parts",
    multiple=True,
    default=tuple(LIMITS_S),
    type=click.Choice(list(LIMITS_S)),
    help="May be repeated; machine makes the data of the others.  [default: all]",
)
@click.option("--out", default=Path("gpu-check"), type=click.Path(path_type=Path))
def main(device: str, size: str, parts: tuple[str, ...], out: Path) -> None:
    """Run the parts; write ``gpu_check.json`` and ``gpu_check.md`` into a folder, and tell."""
    if device == "cuda" and not torch.cuda.is_available():
        raise click.ClickException(NO_GPU)
    out.mkdir(parents=True, exist_ok=True)
    outcomes: list[Outcome] = []
    deadline = time.monotonic() + TOTAL_S
    with tempfile.TemporaryDirectory(prefix="gpu-check-") as data:
        for part in dict.fromkeys(("machine", *parts)):
            command = [sys.executable, "-m", "benchmarks.gpu_parts", part]
            command += ["--device", device, "--size", size, "--folder", data]
            limit = min(LIMITS_S[part], deadline - time.monotonic())
            outcomes.append(run_part(part, command, limit, out))
            _write(outcomes, out)  # each time, so that a kill costs nothing that was measured
            print(f"{part}: {outcomes[-1].state} {outcomes[-1].reason}".rstrip(), flush=True)
    print((out / "gpu_check.md").read_text(encoding="utf-8"))
    if any(outcome.state != "done" for outcome in outcomes):
        raise click.ClickException(f"not all parts are done; {out} says why")


def run_part(part: str, command: Sequence[str], limit_s: float, out: Path) -> Outcome:
    """Run a part in a process; whatever becomes of it, what it has printed counts.

    Args:
        part: Its name.
        command: Prints a JSON object for each row on stdout.
        limit_s: Seconds that it may take; it is left out where there is none.
        out: Folder of its log.
    """
    if limit_s <= 0:
        return Outcome(part, "skipped", f"the {TOTAL_S:.0f} s of all parts were used up", 0.0, [])
    start = time.monotonic()
    told, log = out / f"{part}.jsonl", out / f"{part}.log"
    with told.open("w") as stdout, log.open("w") as stderr:
        process = subprocess.Popen(command, stdout=stdout, stderr=stderr, start_new_session=True)
        try:
            code = process.wait(limit_s)
            state = "done" if code == 0 else "failed"
            reason = "" if code == 0 else _last_words(log) or f"it ended with {code}"
        except subprocess.TimeoutExpired:
            state, reason = "timed out", f"after {limit_s:.0f} s"
        finally:
            _end(process)
    rows = [json.loads(line) for line in told.read_text(encoding="utf-8").splitlines()]
    told.unlink()
    return Outcome(part, state, reason, time.monotonic() - start, rows)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a part and what it has started, gently at first: a Ray ends with its command."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is None:
            os.killpg(process.pid, number)
            try:
                process.wait(GRACE_S)
            except subprocess.TimeoutExpired:
                continue


def _last_words(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1][:300] if lines else ""


def _write(outcomes: Sequence[Outcome], out: Path) -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    parts = {
        one.part: {
            "state": one.state,
            "reason": one.reason,
            "seconds": one.seconds,
            "rows": one.rows,
        }
        for one in outcomes
    }
    write_text(out / "gpu_check.json", json.dumps({"ended": now, "parts": parts}, indent=1) + "\n")
    write_text(out / "gpu_check.md", table(outcomes))


def table(outcomes: Sequence[Outcome]) -> str:
    """All rows as one Markdown table; a part that is not done has a row with its reason."""
    lines = ["| part | what | found |", "|---|---|---|"]
    for outcome in outcomes:
        lines += [_line(outcome.part, str(row["what"]), _figures(row)) for row in outcome.rows]
        if outcome.state != "done":
            lines.append(_line(outcome.part, outcome.state, outcome.reason))
    return "\n".join(lines) + "\n"


def _line(*cells: str) -> str:
    return f"| {' | '.join(' '.join(cell.replace('|', '/').split()) for cell in cells)} |"


def _figures(row: Mapping[str, Any]) -> str:
    return "; ".join(
        f"{name.replace('_', ' ')} {_shown(value)}" for name, value in row.items() if name != "what"
    )


def _shown(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1_000 else f"{value:,.0f}"
    return "not measured" if value is None else str(value)


if __name__ == "__main__":
    main()
