"""The files of cluster/ say what their readers accept; nobody here has run them on a cluster.

Launcher files go through Ray's own preparation and schema. Kubernetes objects and pod templates
go through the published schemas of Kubernetes. For RayCluster and RayJob no package publishes a
schema, so their own fields are compared with those of the KubeRay v1 API reference, below.
"""

import re
import subprocess
from pathlib import Path

import pytest
import yaml

CLUSTER = Path(__file__).parents[2] / "cluster"
KUBERNETES = "1.33"

# Field -> type, required ones with "!". Source: KubeRay CRD API reference, ray.io/v1, of v1.6.
RAY_JOB = {
    "entrypoint": str, "submissionMode": str, "backoffLimit": int,
    "shutdownAfterJobFinishes": bool, "ttlSecondsAfterFinished": int, "rayClusterSpec!": dict,
}  # fmt: skip
RAY_CLUSTER = {
    "rayVersion": str, "authOptions": dict, "enableInTreeAutoscaling": bool,
    "autoscalerOptions": dict, "headGroupSpec!": dict, "workerGroupSpecs": list,
}  # fmt: skip
AUTOSCALER = {"idleTimeoutSeconds": int, "upscalingMode": str}
AUTHENTICATION = {"mode": str}
HEAD_GROUP = {"rayStartParams": dict, "template!": dict}
WORKER_GROUP = {
    "groupName!": str, "replicas": int, "minReplicas!": int, "maxReplicas!": int,
    "rayStartParams": dict, "template!": dict,
}  # fmt: skip


def objects(name):
    return list(yaml.safe_load_all((CLUSTER / name).read_text()))


def require_fields(found, fields):
    """Only known fields, of their types, and all that are required."""
    types = {name.rstrip("!"): kind for name, kind in fields.items()}
    required = {name.rstrip("!") for name in fields if name.endswith("!")}
    assert required <= found.keys() <= types.keys()
    for name, value in found.items():
        assert type(value) is types[name], name


def cluster_specs():
    [cluster] = objects("kuberay-cluster.yaml")
    [job] = objects("kuberay-job.yaml")
    return [cluster["spec"], job["spec"]["rayClusterSpec"]]


def groups():
    for spec in cluster_specs():
        yield spec["headGroupSpec"]
        yield from spec["workerGroupSpecs"]


@pytest.mark.parametrize("name", ["on-premise.yaml", "aws.yaml"])
def test_rays_cluster_launcher_takes_the_file(name):
    """As ``ray up`` prepares and checks it."""
    pytest.importorskip("jsonschema", reason="comes with the extra jobs")
    from ray.autoscaler._private.util import prepare_config, validate_config

    [config] = objects(name)
    validate_config(prepare_config(config))


def test_kubernetes_takes_the_pods_and_the_claim():
    """Every field is one that Kubernetes knows, by its published schemas."""
    kubernetes_validate = pytest.importorskip("kubernetes_validate", reason="in the extra dev")
    for claim in objects("kuberay-workspace.yaml"):
        kubernetes_validate.validate(claim, KUBERNETES, strict=True)
    for group in groups():
        pod = {
            "apiVersion": "v1",
            "kind": "PodTemplate",
            "metadata": {"name": "pod"},
            "template": group["template"],
        }
        kubernetes_validate.validate(pod, KUBERNETES, strict=True)


def test_the_fields_of_kuberay_are_those_of_its_reference():
    """Mode, autoscaling and groups; a group's limits are in order."""
    [cluster] = objects("kuberay-cluster.yaml")
    [job] = objects("kuberay-job.yaml")
    for one, kind in ((cluster, "RayCluster"), (job, "RayJob")):
        assert (one["apiVersion"], one["kind"]) == ("ray.io/v1", kind)
        assert one.keys() == {"apiVersion", "kind", "metadata", "spec"}
    require_fields(job["spec"], RAY_JOB)
    assert job["spec"]["submissionMode"] in ("K8sJobMode", "HTTPMode", "SidecarMode")
    for spec in cluster_specs():
        require_fields(spec, RAY_CLUSTER)
        require_fields(spec["authOptions"], AUTHENTICATION)
        require_fields(spec.get("autoscalerOptions", {}), AUTOSCALER)
        require_fields(spec["headGroupSpec"], HEAD_GROUP)
        for group in spec["workerGroupSpecs"]:
            require_fields(group, WORKER_GROUP)
            assert 0 <= group["minReplicas"] <= group["replicas"] <= group["maxReplicas"]
    for group in groups():
        assert all(isinstance(value, str) for value in group["rayStartParams"].values())


def test_every_pod_mounts_the_workspace_and_runs_as_nobody_special():
    """What --shared-path promises, and an object store that is not the container's 64 MB."""
    for group in groups():
        spec = group["template"]["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        [container] = spec["containers"]
        mounted = {mount["mountPath"]: mount["name"] for mount in container["volumeMounts"]}
        volumes = {volume["name"]: volume for volume in spec["volumes"]}
        assert volumes[mounted["/data"]]["persistentVolumeClaim"] == {"claimName": "seje"}
        assert volumes[mounted["/dev/shm"]]["emptyDir"]["medium"] == "Memory"
    [claim] = objects("kuberay-workspace.yaml")
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]


def test_the_image_copies_what_is_there_and_is_not_root():
    """In layers of which the last ones are ours."""
    lines = (CLUSTER / "Dockerfile").read_text()
    copied = [
        word
        for line in re.findall(r"^COPY (?!--from)(.*)$", lines, re.MULTILINE)
        for word in line.split()[:-1]
    ]
    ignored = (CLUSTER / "Dockerfile.dockerignore").read_text().splitlines()
    assert copied
    for name in copied:
        assert (CLUSTER.parent / name).exists()
        assert f"!{name}" in ignored
    assert re.findall(r"^USER (.*)$", lines, re.MULTILINE) == ["ray"]


def test_the_commands_that_the_files_show_are_commands(monkeypatch):
    """Options that exist, in every comment and entrypoint."""
    import shlex

    import click

    from seje_ray.cli.main import cli

    [job] = objects("kuberay-job.yaml")
    shown = [job["spec"]["entrypoint"]]
    for path in CLUSTER.glob("*.yaml"):
        shown += re.findall(r"^# +(seje-ray .*)$", path.read_text(), re.MULTILINE)
    assert len(shown) >= 4
    for line in shown:
        _, name, *words = shlex.split(line)
        command = cli.get_command(click.Context(cli), name)
        command.make_context(name, words)


def test_the_slurm_script_is_bash():
    """It parses; a Slurm to run it on is not here."""
    subprocess.run(["bash", "-n", CLUSTER / "slurm.sh"], check=True)


@pytest.mark.parametrize("wrong", ["", "a" * 63, "A" * 64, f"{'a' * 64}  -"])
def test_a_hash_that_no_token_has_is_refused(wrong):
    """Otherwise nobody would get in, and nobody would know why."""
    from seje_ray.errors import ConfigError
    from seje_ray.on_ray.serve import Serving

    assert Serving(workspace="w", run="one", token_hash="a" * 64).token_hash == "a" * 64
    with pytest.raises(ConfigError, match="token_hash: expected the 64 digits"):
        Serving(workspace="w", run="one", token_hash=wrong)


def test_the_serve_file_is_one_that_serve_reads_and_its_arguments_are_ours():
    """By Serve's own schema; what it imports is there."""
    from ray.serve.schema import ServeDeploySchema

    from seje_ray.on_ray import serve as ours  # before ray itself, which it prepares

    read = ServeDeploySchema.model_validate(objects("serve.yaml")[0])
    [application] = read.applications
    assert application.import_path == f"{ours.__name__}:{ours.application.__name__}"
    serving = ours.Serving(**application.args)
    assert (serving.replicas, serving.gpus_per_replica) == (2, 0.5)
    ours.application(application.args)
