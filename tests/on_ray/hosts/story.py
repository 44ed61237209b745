"""What the tests on hosts tell and ask."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.on_ray.hosts.cluster import AtWork, HostCluster
from tests.on_ray.hosts.network import Host
from tests.tiny import TINY

TINY_OPTIONS = [word for override in TINY for word in ("--set", override)]
HASH = """
import sys
from seje_ray.workspace import Workspace
print(Workspace.at(sys.argv[1]).open_calibrated().content_hash)
"""
HISTORY = """
import sys
from seje_ray.store.mirror import fetch
from seje_ray.workspace import Workspace
run = Workspace.at(sys.argv[1]).run(sys.argv[2])
print(fetch(run / "history.jsonl").read_text())
"""

STATES = """
import json, sys
from seje_ray.store.mirror import fetch
from seje_ray.workspace import Workspace
trials = Workspace.at(sys.argv[1]).folder / "tunes" / sys.argv[2] / "trials"
found = [json.loads(fetch(trials / name / "trial.json").read_text()) for name in ("0000", "0001")]
print(json.dumps([[trial["state"], trial["scores"]] for trial in found]))
"""


def told(cluster: HostCluster, host: Host, program: str, *words: str) -> str:
    """What a program prints on a host."""
    done = cluster.run(host, sys.executable, "-c", program, *words)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def succeed(cluster: HostCluster, *words: str) -> str:
    """What a command of ours prints."""
    done = cluster.seje_ray(*words)
    assert done.returncode == 0, done.stderr
    return done.stdout


def error_line(running: AtWork) -> str:
    """The one line of a command that ends with an error."""
    code, said = running.ended()
    assert code == 1, said
    assert "Traceback" not in said
    (line,) = [line for line in said.splitlines() if line.startswith("Error:")]
    return line


@contextmanager
def equal_trials(cluster: HostCluster, uri: str, host: Host, name: str) -> Iterator[AtWork]:
    """A tuning of two equal trials, one of which is under way on a host."""
    space = "tune.space={train.learning_rate: {choice: [0.002]}}"
    settings = ["tune.searcher=grid", "tune.scheduler=none", "tune.num_seeds=1", space]
    options = [word for setting in settings for word in ("--set", setting)]

    def is_under_way() -> bool:
        found = list(host.disk.rglob(f"tunes/{name}/trials/*/history.jsonl"))
        return any(len(path.read_text().splitlines()) >= 2 for path in found)

    words = ["tune", "--name", name, "--trials", "2", "--workspace", uri, *options]
    words += ["--set", "train.num_epochs=20"]
    with cluster.at_work(cluster.head, cluster.words(*words)) as running:
        running.wait_until(is_under_way)
        yield running
