import json
from dataclasses import replace

import pytest
import typer
from typer.testing import CliRunner

from rostfine import cli_heads
from rostfine.errors import InputError
from rostfine.morphology.check import read_second, read_told, summarize
from tests.unit.morphology.conftest import box, write_labelme

cli = typer.Typer()
cli.add_typer(cli_heads.app, name="heads")


@pytest.fixture
def run(tmp_path, data_params, write_params):
    def run(*arguments, **changes):
        path = tmp_path / "params.yaml"
        write_params(path, data_params(**changes))
        return CliRunner().invoke(
            cli, ["heads", "check", *map(str, arguments), "--params", str(path)]
        )

    return run


@pytest.fixture
def two(tmp_path):
    """Two annotators of three pictures; of seven heads that either has, they share four."""
    heads = [box(2, 2, 12, 12), box(20, 2, 30, 12), box(40, 2, 50, 12), box(40, 20, 44, 24, "Cap")]
    others = [box(2, 2, 12, 7), box(20, 2, 30, 12, "Bad"), box(40, 20, 50, 30)]
    for name in ("a", "b", "c"):
        same = [box(5, 5, 15, 15)]
        write_labelme(
            tmp_path / "one" / f"{name}.json", heads if name == "a" else same, seed=ord(name)
        )
        write_labelme(
            tmp_path / "two" / f"x/{name}.json", others if name == "a" else same, seed=ord(name)
        )
    return tmp_path / "one", tmp_path / "two"


def test_heads_are_counted_by_split_and_measured(two, data_params):
    params = data_params(um_per_px=0.1)
    summary = summarize(read_told(two[0], params), params)
    assert summary.pictures == {"train": 1, "validation": 1, "test": 1}
    assert sum(own["good"] for own in summary.instances.values()) == 5
    assert summary.boxes_only == 0
    assert summary.sizes is not None
    assert summary.sizes.heads == 6
    assert summary.sizes.area_px[1] == 100
    assert summary.sizes.length_px[1] == pytest.approx(11.5, abs=0.5)


def test_two_annotators_agree_by_the_overlap_of_their_heads(two, data_params):
    params = data_params()
    # How the second annotator's folders are called does not matter.
    by_folders = data_params(split=replace(params.split, method="folders"))
    first, second = read_told(two[0], params), read_second(two[1], by_folders)
    found = summarize(first, params, second).agreement
    assert found is not None
    assert (found.pictures, found.matched, found.same_class) == (3, 4, 3)
    assert (found.only_first, found.only_second) == (2, 1)
    assert found.mean_iou == pytest.approx((0.5 + 1 + 1 + 1) / 4)
    assert found.mean_dice == pytest.approx((2 / 3 + 1 + 1 + 1) / 4)
    assert found.f1 == pytest.approx(8 / 11)


def test_annotators_of_other_pictures_or_sizes_cannot_be_compared(two, tmp_path, data_params):
    params = data_params()
    first = read_told(two[0], params)
    write_labelme(tmp_path / "three" / "z.json", [box(1, 1, 9, 9)])
    with pytest.raises(InputError, match=r"wanted pictures of the same names from both annotators"):
        summarize(first, params, read_second(tmp_path / "three", params))
    write_labelme(two[1] / "a.json", [box(1, 1, 9, 9)])
    with pytest.raises(InputError, match=r"wanted pictures of different names from an annotator"):
        summarize(first, params, read_second(two[1], params))


def test_the_command_prints_counts_sizes_and_agreement(two, run):
    result = run(two[0], "--second", two[1], um_per_px=0.1)
    assert result.exit_code == 0
    assert "1 pictures; good" in result.stdout
    assert "length      of 6 heads: median 11.5 px" in result.stdout
    assert (
        "3 pictures of both: 4 heads matched, 2 of the first only, 1 of the second" in result.stdout
    )
    assert "F1 at IoU 0.5 0.727" in result.stdout


def test_faults_are_listed_and_make_the_exit_code_1(two, run):
    write_labelme(two[0] / "[bad].json", [box(1, 1, 9, 9, "Odd")], seed=9)
    result = run(two[0])
    assert result.exit_code == 1
    assert f"{two[0] / '[bad].json'}" in result.stdout
    assert "got 'Odd'" in result.stdout


def test_as_json_it_is_one_object(two, run):
    write_labelme(two[0] / "d.json", [], seed=9)
    result = run(two[0], "--second", two[1], "--json")
    assert result.exit_code == 0
    said = json.loads(result.stdout)
    assert [(one["kind"], one["stops"]) for one in said["faults"]] == [("empty", False)]
    assert sum(said["pictures"].values()) == 4
    assert said["agreement"]["f1"] == pytest.approx(8 / 11)


def test_a_folder_that_is_not_there_is_told(tmp_path, run):
    error = run(tmp_path / "none").exception
    assert str(error) == f"{tmp_path / 'none'}: wanted a folder of annotated pictures, got none"
