"""One process of the pool: ``python -m tests.unit.gloo.process``; it ends with its input.

A line of input is one call: a JSON object with ``module``, ``function``, ``rank``, ``world_size``,
``folder`` and ``arguments``. The process joins a new group by ``FOLDER/sync``, calls the function
and saves what it returns in ``FOLDER/RANK.pt``. It then answers with an empty line. An error of the
function ends the process; its traceback goes to standard error, as does all that it prints.
"""

import faulthandler
import importlib
import json
import os
import random
import sys
from datetime import timedelta
from pathlib import Path
from typing import TextIO

import numpy as np
import torch
import torch.distributed as dist

from tests.unit.gloo.member import Member

COLLECTIVE_TIMEOUT = timedelta(seconds=120)


def main() -> None:
    """Answer calls until the input ends."""
    faulthandler.enable()  # a SIGABRT of a parent that lost patience shows where it hangs
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    for line in sys.stdin:
        _answer(json.loads(line), answers)


def _answer(call: dict[str, object], answers: TextIO) -> None:
    member = Member(int(call["rank"]), int(call["world_size"]), Path(call["folder"]))
    saved = _call(call, member)
    dist.destroy_process_group()
    torch.save(saved, member.folder / f"{member.rank}.pt")
    print(file=answers, flush=True)


def _call(call: dict[str, object], member: Member) -> object:
    function = getattr(importlib.import_module(str(call["module"])), str(call["function"]))
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - whatever an earlier call left
    torch.manual_seed(0)
    dist.init_process_group(
        "gloo",
        f"file://{member.folder}/sync",
        COLLECTIVE_TIMEOUT,
        member.world_size,
        member.rank,
    )
    return function(member, *call["arguments"])


if __name__ == "__main__":
    main()
