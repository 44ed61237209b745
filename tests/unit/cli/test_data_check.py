"""``seje-ray data check``: one table, the same as JSON, a page, and the exit code."""

import json
import re
import subprocess
import sys

import pytest
from click.testing import CliRunner

from seje_ray.cli.main import cli
from tests.unit.audit.faulty import encoded, picture, recipe, write_faulty


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return write_faulty(tmp_path_factory.mktemp("faulty"))


def check(*words):
    return CliRunner().invoke(cli, ["data", "check", *map(str, words)])


def numbers_of(text, name):
    """Numbers of the table's line that starts with ``name``."""
    (line,) = [line for line in text.splitlines() if line.strip().startswith(name + " ")]
    return [int(word) for word in line.strip().removeprefix(name).split() if word.isdigit()]


def test_json_holds_the_numbers_of_the_table(folder):
    """Both are made from one audit; the table is for people."""
    table, parsed = check(folder), check(folder, "--json")
    assert (table.exit_code, parsed.exit_code) == (0, 0)
    found = json.loads(parsed.stdout)

    assert f"{found['records']} records read" in table.stdout
    for field, name in (("recipes", "usable recipes"), ("photos_found", "taken and there")):
        numbers = [one[field] for one in found["partitions"]]
        assert numbers_of(table.stdout, name) == [*numbers, sum(numbers)]
    for one in found["rejected"]:
        assert numbers_of(table.stdout, one["reason"])[0] == one["number"]
        assert one["advice"] in table.stdout
    for measure in (*found["duplicate_recipes"], *found["duplicate_photos"]):
        behind = table.stdout.partition(f"  {measure['measure']}, ")[2].partition("compared\n")[2]
        shown = re.findall(r"LEAK (\w+) - (\w+): (\d+) pair", behind.partition(" compared")[0])
        assert shown == [
            (overlap["first"], overlap["second"], str(overlap["pairs"]))
            for overlap in measure["overlaps"]
            if overlap["pairs"] and overlap["first"] != overlap["second"]
        ]
    lengths = table.stdout.partition("lengths ")[2]
    for one in found["lengths"]:
        words = lengths.partition(f"  {one['name']} ")[2].split()
        expected = (one["minimum"], f"{one['median']:.1f}", one["p90"], one["maximum"])
        assert words[:4] == [str(number) for number in expected]


def test_settings_of_the_run_count(folder):
    """Fewer photos per recipe, smaller vectors, remove1M.txt read whole or not at all."""
    known = json.loads(check(folder, "--json").stdout)
    words = ["--set", "data.max_images=1", "--set", "data.removed=none"]
    words += ["--set", "calibrate.sentence_encoder.dim=8"]
    found = json.loads(check(folder, "--json", "--photos", "all", *words).stdout)

    assert found["partitions"][0]["photos_taken"] == 7
    assert found["partitions"][0]["recipes"] == 8  # x4 stays
    assert "removed" not in {one["reason"] for one in found["rejected"]}
    assert found["cost"]["calibrated_bytes"] < known["cost"]["calibrated_bytes"]


def test_a_page_has_pictures_and_shows_markup_as_text(tmp_path):
    """Nothing is fetched and nothing of the data runs; broken photos are shown in part."""
    data, page = write_faulty(tmp_path / "data"), tmp_path / "check.html"
    layer1 = json.loads((data / "layer1.json").read_text())
    layer1.append({"id": "<script>alert(1)</script>", "partition": "dev"})
    layer1[0]["title"] = "<script>alert(2)</script>"
    (data / "layer1.json").write_text(json.dumps(layer1))

    result = check(data, "--html", page)

    assert result.exit_code == 0, result.output
    assert f"page: {page}" in result.stdout
    text = page.read_text()
    assert "<script" not in text
    assert "&lt;script&gt;alert(2)" in text
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    rejected = text.partition("<h2>Rejected</h2>")[2].partition("<h2>")[0]
    assert rejected.count("data:image/jpeg") == 3  # not the web page in the place of a photo
    pairs = text.partition("The same photo twice")[2].partition("<h2>")[0]
    assert pairs.count("data:image/jpeg") == 2 * 4  # at, bu, cw, ef
    drawn = text.partition("Recipes drawn at random")[2]
    assert 8 <= drawn.count("data:image/jpeg") <= 10
    assert drawn.count('class="recipe"') == 10


def test_what_calibrate_refuses_is_shown_and_is_an_error(tmp_path):
    """The table comes first, then one Error line and exit code 1."""
    path = tmp_path / "own.jsonl"
    path.write_text(json.dumps({"id": "1"}) + "\n")
    for words in ((), ("--json",)):
        result = check(path, *words, "--html", tmp_path / "check.html")
        assert result.exit_code == 1
        assert "no_text" in result.stdout
        (line,) = [one for one in result.stderr.splitlines() if one.startswith("Error: ")]
        assert "found none of 1 records that can be used" in line
        assert "found none of 1 records" in (tmp_path / "check.html").read_text()


def test_what_cannot_be_read_is_one_error_line(tmp_path):
    """Nothing on stdout: no data, an empty file, and a page that has no folder."""
    (tmp_path / "own.jsonl").write_text("")
    for words, expected in (
        ([tmp_path / "nowhere"], "no such file"),
        ([tmp_path / "own.jsonl"], "an empty file"),
        ([tmp_path / "own.jsonl", "--html", tmp_path / "no" / "check.html"], "make the folder"),
    ):
        result = check(*words)
        assert (result.exit_code, result.stdout) == (1, "")
        (line,) = [one for one in result.stderr.splitlines() if one.startswith("Error: ")]
        assert expected in line


@pytest.mark.parametrize("number", ["0", "-3", "some"])
def test_a_number_of_photos_is_at_least_one_or_all(folder, number):
    """Wrong usage is exit code 2."""
    assert check(folder, f"--photos={number}").exit_code == 2


def test_control_characters_of_a_title_do_not_reach_the_terminal(tmp_path):
    """An escape sequence in somebody's title is no command for this terminal."""
    (tmp_path / "1.jpg").write_bytes(encoded(picture(1)))
    record = recipe("1", "train", images="1.jpg", title="\x1b[2JSoup", instructions=["x"] * 20)
    path = tmp_path / "own.jsonl"
    path.write_text(json.dumps(record) + "\n")
    result = check(path)
    assert "Soup" in result.stdout
    assert "\x1b" not in result.stdout


def test_a_check_needs_neither_torch_nor_ray(folder):
    """It starts quickly, and runs where only the readers can."""
    program = (
        "import sys\n"
        "from click.testing import CliRunner\n"
        "from seje_ray.cli.main import cli\n"
        f"result = CliRunner().invoke(cli, ['data', 'check', {str(folder)!r}])\n"
        "assert result.exit_code == 0, result.output\n"
        "print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert {"torch", "ray"} & set(done.stdout.split()) == set()
