"""Processes that import torch once and then form a new gloo group for every call."""

import json
import os
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import torch

ROOT = Path(__file__).parents[3]
PATIENCE_S = 240.0  # of a whole call
GRACE_S = 10.0  # of the others, once one has failed


class WorkersFailedError(Exception):
    """What went wrong in the processes of a call, each with its traceback."""


class GlooPool:
    """At most ``max_workers`` processes, started when they are first needed.

    Those of a call that failed are ended, since nobody knows what state they are in; the next
    call gets new ones. A process whose parent is gone ends by itself.
    """

    def __init__(self, folder: Path, max_workers: int) -> None:
        self._folder = folder
        self._max_workers = max_workers
        self._processes: list[_Process] = []
        self._num_calls = 0

    def call(
        self, function: Callable[..., object], num_workers: int, *arguments: object
    ) -> list[dict[str, object]]:
        """Call ``function(member, *arguments)`` on each of a group; give what each returned.

        Args:
            function: At the top level of its module, which the processes import.
            num_workers: Size of the group, from 2 to the size of the pool.
            arguments: The same for all; what JSON holds.

        Raises:
            WorkersFailedError: If one raised, died or took longer than ``PATIENCE_S``.
        """
        if not 2 <= num_workers <= self._max_workers:
            raise ValueError(f"a group has 2 to {self._max_workers} workers, not {num_workers}")
        folder = self._folder / f"call-{self._num_calls}"
        folder.mkdir()
        self._num_calls += 1
        self._end([process for process in self._processes if process.has_ended()])
        while len(self._processes) < num_workers:
            self._processes.append(_Process(self._folder))
        group = self._processes[:num_workers]
        for rank, process in enumerate(group):
            process.send(
                module=function.__module__,
                function=function.__qualname__,
                rank=rank,
                world_size=num_workers,
                folder=str(folder),
                arguments=arguments,
            )
        failed = _wait_for(group)
        if failed:
            words = [f"--- worker {n} of {num_workers}: {group[n].last_words()}" for n in failed]
            self._end(group)
            raise WorkersFailedError("\n".join(words))
        return [torch.load(folder / f"{n}.pt", weights_only=True) for n in range(num_workers)]

    def close(self) -> None:
        """End all processes."""
        self._end(self._processes)

    def pids(self) -> list[int]:
        """Ids of the processes that run, by rank."""
        return [process.pid for process in self._processes]

    def _end(self, processes: Sequence["_Process"]) -> None:
        for process in processes:
            process.end()
        self._processes = [process for process in self._processes if process not in processes]


class _Process:
    """The parent's side of one process; what it writes to standard error is kept in a file."""

    def __init__(self, folder: Path) -> None:
        self._log = (folder / f"stderr-{time.monotonic_ns()}").open("w+")
        self._child = subprocess.Popen(
            [sys.executable, "-m", "tests.unit.gloo.process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            cwd=ROOT,
            env={**os.environ, "OMP_NUM_THREADS": "1", "GLOO_SOCKET_IFNAME": "lo"},
            text=True,
        )
        self.pid = self._child.pid
        self.answers = self._child.stdout

    def send(self, **call: object) -> None:
        self._child.stdin.write(json.dumps(call) + "\n")
        self._child.stdin.flush()

    def has_ended(self) -> bool:
        return self._child.poll() is not None

    def abort(self) -> None:
        """End it with a stack of each of its threads on standard error."""
        self._child.send_signal(signal.SIGABRT)

    def end(self) -> None:
        self._child.kill()
        self._child.communicate()
        self._log.close()

    def last_words(self) -> str:
        self._child.wait()
        self._log.seek(0)
        return f"exit code {self._child.returncode}\n{self._log.read()[-5000:]}"


def _wait_for(group: Sequence[_Process]) -> list[int]:
    """Wait until each has answered or ended; end those that hang; give the ranks that failed."""
    deadline, failed = time.monotonic() + PATIENCE_S, []
    with selectors.DefaultSelector() as waiting:
        for rank, process in enumerate(group):
            waiting.register(process.answers, selectors.EVENT_READ, rank)
        while waiting.get_map():
            ready = waiting.select(max(0.0, deadline - time.monotonic()))
            for key, _ in ready:
                waiting.unregister(key.fileobj)
                if not key.fileobj.readline():  # it has ended; the others wait for it in vain
                    failed.append(key.data)
                    deadline = min(deadline, time.monotonic() + GRACE_S)
            if not ready:
                for key in waiting.get_map().values():
                    group[key.data].abort()
                deadline = time.monotonic() + GRACE_S
    return failed
