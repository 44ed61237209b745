"""Run a command as a Ray job: submit it once, follow it, find it again.

The job is the same command line again on the cluster, ``python -m seje_ray ... --address auto``.
It brings this package and its run file, never data or a workspace.
"""

import asyncio
import shlex
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from seje_ray import __version__
from seje_ray.on_ray.connect import runtime_env
from seje_ray.on_ray.job_client import (
    JobError,
    NoServerError,
    UnknownJobError,
    asked,
    client_of,
    is_shown_to_its_end,
)
from seje_ray.on_ray.ray_internals import NOT_READY
from seje_ray.submission.job import (
    Job,
    entrypoint,
    files_digest,
    job_key,
    job_of,
    next_id,
    submissions,
)
from seje_ray.submission.job_log import LogView
from seje_ray.submission.request import Request
from seje_ray.submission.stdout_mark import MARKED

POLL_S = 1.0
START_TIMEOUT_S = 120.0  # until a cluster takes jobs
END_TIMEOUT_S = 60.0  # from the end of the log to the status that says so
BACK_S = 30.0  # for a server to answer again


class JobServer:
    """The job server of a cluster, on its head node."""

    def __init__(self, address: str) -> None:
        """Connect.

        Raises:
            JobError: If the server does not answer, or not to us.
        """
        self.address = address
        self._client = asked(address, lambda: client_of(address))

    def submit(self, request: Request) -> str:
        """Submit a command, or find it where it runs already; return the job's id.

        Raises:
            JobError: If it runs with other options, or the server takes no job.
            Detached: At Ctrl-C, when the server may have it.
        """
        if request.ends:
            self._end_jobs_of(request.ends)
        key = job_key(request.command, request.name, request.workspace)
        jobs = {job.id: job for job in self.jobs()}
        line = str(request)
        active = [jobs[i] for i in submissions(key, jobs) if jobs[i].is_active]
        if active:
            return self._attached(active[-1], line, request)
        job = next_id(key, jobs)
        try:
            self._submit_as(job, request)
        except KeyboardInterrupt as error:
            state = "Interrupted as it was submitted; the job may have begun"
            raise Detached(job, self.address, request.ended_by, state) from error
        click.echo(f"submitted {job} to {self.address}", file=sys.stderr)
        return job

    def _submit_as(self, job: str, request: Request) -> None:
        """Submit a command under an id."""
        with tempfile.TemporaryDirectory() as folder:
            for name, path in request.files.items():
                shutil.copyfile(path, Path(folder) / name)
            environment = runtime_env()
            environment["env_vars"][MARKED] = "1"
            if request.files:
                environment["working_dir"] = folder
            self._ask_patiently(
                lambda: self._client.submit_job(
                    entrypoint=entrypoint(request.command, request.arguments),
                    submission_id=job,
                    runtime_env=environment,
                    metadata={
                        "seje_ray": __version__,
                        "command_line": str(request),
                        "files": files_digest(request.files),
                    },
                )
            )

    def _end_jobs_of(self, command: str) -> None:
        """End what still starts what is to end; a job that also ends it may go on."""
        for job in self.jobs():
            is_stop = "--stop" in shlex.split(job.command_line)
            if job.is_active and job.id.startswith(f"{command}-") and not is_stop:
                self.stop(job.id)
                self._ended(job.id)

    def _attached(self, job: Job, line: str, request: Request) -> str:
        details = self._ask(lambda: self._client.get_job_info(job.id))
        same_files = (details.metadata or {}).get("files") == files_digest(request.files)
        if job.command_line != line or not same_files:
            raise JobError(
                f"{job.id}: this run is active with other options or another run file "
                f"({job.command_line}); stop it with `seje-ray job stop {job.id} --address "
                f"{self.address}`, or choose another --run or --workspace"
            )
        click.echo(f"{job.id} is active already; attached to it", file=sys.stderr)
        return job.id

    def jobs(self) -> list[Job]:
        """Jobs that were submitted to this server, oldest first."""
        found = self._ask(self._client.list_jobs)
        jobs = [job_of(details) for details in found if details.submission_id]
        return sorted(jobs, key=lambda job: job.started or 0.0)

    def job(self, job: str) -> Job:
        """One job, by its id or the beginning of it; the newest of those that fit.

        Raises:
            UnknownJobError: If there is none.
        """
        jobs = self.jobs()
        exact = [one for one in jobs if one.id == job]
        fitting = exact or [one for one in jobs if one.id.startswith(job)]
        if not fitting:
            known = ", ".join(one.id for one in jobs[-8:]) or "no job"
            raise UnknownJobError(f"{job}: no such job at {self.address}; it knows {known}")
        return fitting[-1]

    def stop(self, job: str) -> None:
        """Ask a job to end; what it finished stays, and the same command resumes from there."""
        self._ask(lambda: self._client.stop_job(job))

    def logs(self, job: str) -> str:
        """All that a job printed so far."""
        return str(self._ask(lambda: self._client.get_job_logs(job)))

    def follow(self, job: str, ended_by: str = "") -> int:
        """Show a job's log until it ends; return its exit code.

        Args:
            job: Its id.
            ended_by: Command that ends it and what it leaves running; it alone by default.

        Raises:
            Detached: At Ctrl-C; the job continues.
        """
        view = LogView()
        try:
            while not self._is_shown_to_its_end(job, view):
                click.echo(f"{self.address}: connection lost, trying again", file=sys.stderr)
                if not self._found_again(job).is_active:
                    break
                time.sleep(POLL_S)
            view.close()
            return self._outcome(job)
        except KeyboardInterrupt as error:
            raise Detached(job, self.address, ended_by) from error

    def _is_shown_to_its_end(self, job: str, view: LogView) -> bool:
        view.begin()
        return asyncio.run(is_shown_to_its_end(self._client, job, view.show))

    def _found_again(self, job: str) -> Job:
        """A job whose server was lost, once that answers again.

        Raises:
            JobError: If it does not, or is another one.
        """
        deadline = time.monotonic() + BACK_S
        while True:
            try:
                return self.job(job)
            except UnknownJobError:
                raise JobError(
                    f"{job}: the head at {self.address} was started anew and knows of no such job; "
                    "what is finished is kept: repeat the command to resume"
                ) from None
            except NoServerError:
                if time.monotonic() > deadline:
                    raise JobError(
                        f"{job}: the head at {self.address} does not answer any more; what is "
                        "finished is kept. Once it can be reached again: "
                        f"seje-ray job logs -f {job} --address {self.address}; where it had to be "
                        "started anew, repeat the command to resume"
                    ) from None
            time.sleep(POLL_S)

    def _ended(self, name: str) -> Job:
        """A job that is about to end, once it has."""
        deadline = time.monotonic() + END_TIMEOUT_S
        job = self.job(name)
        while job.is_active and time.monotonic() < deadline:
            time.sleep(POLL_S)
            job = self.job(name)
        return job

    def _outcome(self, name: str) -> int:
        """Exit code of a job whose log has ended."""
        job = self._ended(name)
        if job.status == "SUCCEEDED":
            return 0
        if job.exit_code is not None and job.exit_code < 0 and job.status != "STOPPED":
            raise JobError(
                f"{job.id}: its process on the head node was killed (signal {-job.exit_code}); "
                "what is finished is kept: repeat the command to resume"
            )
        if job.exit_code is None or job.status == "STOPPED":
            click.echo(f"{job.id}: {job.status.lower()}. {job.message}", file=sys.stderr)
        return job.exit_code or 1

    def _ask_patiently(self, question: Callable[[], Any]) -> Any:
        """A cluster that has just started takes no job for some seconds."""
        deadline, told = time.monotonic() + START_TIMEOUT_S, False
        while True:
            try:
                return self._ask(question)
            except JobError as error:
                if NOT_READY not in str(error):
                    raise
                if time.monotonic() > deadline:
                    raise JobError(
                        f"{self.address}: the cluster takes no job: its head node runs no "
                        "dashboard agent. Another Ray there may hold its port; start the head "
                        "with --dashboard-agent-listen-port=0, see `seje-ray doctor` there"
                    ) from error
            if not told:
                click.echo(f"{self.address}: waiting for the cluster to be ready", file=sys.stderr)
                told = True
            time.sleep(POLL_S)

    def _ask(self, question: Callable[[], Any]) -> Any:
        return asked(self.address, question)


class Detached(KeyboardInterrupt):
    """Ctrl-C while a job is followed: only the following ends."""

    def __init__(
        self,
        job: str,
        address: str,
        ended_by: str = "",
        state: str = "Detached; the job continues",
    ) -> None:
        end = ended_by or f"seje-ray job stop {job}"
        super().__init__(
            f"{state}. Follow it: seje-ray job logs -f {job} --address {address}; "
            f"end it{' and what it starts' if ended_by else ''}: {end} --address {address}"
        )
