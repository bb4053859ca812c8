import json
import math

import pytest
import typer
from typer.testing import CliRunner

from rostfine import cli_visem
from rostfine.visem.check import check_dataset
from rostfine.visem.summary import summarize

AS_PUBLISHED = {"size_px": (480, 640), "frame_rate_hz": 50.0}

cli = typer.Typer()
cli.add_typer(cli_visem.app, name="visem")


def run(*arguments):
    return CliRunner().invoke(cli, ["visem", "check", *map(str, arguments)])


def test_videos_as_published_have_nothing_to_tell_and_are_timed(make_dataset):
    check = check_dataset(make_dataset(**AS_PUBLISHED), open_videos=True)
    assert check.dataset.faults == ()
    assert check.video_s == pytest.approx(4 * 3 / 50)


def test_another_size_and_rate_are_notices(make_dataset):
    folder = make_dataset(videos=["1_x.avi"], frame_rate_hz=25.0)
    check = check_dataset(folder, open_videos=True)
    notices = [fault for fault in check.dataset.faults if fault.is_notice]
    path = folder / "videos" / "1_x.avi"
    assert [(fault.participant_id, fault.line) for fault in notices] == [
        ("1", f"{path}: wanted 640x480 px, got 64x48"),
        ("1", f"{path}: wanted 50 Hz, got 25"),
    ]
    assert check.dataset.participants["participant_id"].tolist() == ["1"]


def test_a_video_that_cannot_be_read_leaves_its_participant_out(make_dataset):
    folder = make_dataset(**AS_PUBLISHED)
    first, second, *_ = sorted((folder / "videos").iterdir())
    first.write_bytes(b"no video")
    # A header whose frames never came.
    content = second.read_bytes()
    second.write_bytes(content[: content.index(b"movi") + 4])
    check = check_dataset(folder, open_videos=True)
    assert [fault.participant_id for fault in check.dataset.faults] == ["1", "2"]
    assert check.dataset.faults[0].line.startswith(f"{first}: not a readable video")
    assert str(second) in check.dataset.faults[1].line
    assert check.dataset.participants["participant_id"].tolist() == ["3", "4"]


def test_a_video_that_was_not_copied_to_its_end_is_told(make_dataset):
    folder = make_dataset(**AS_PUBLISHED)
    first = min((folder / "videos").iterdir())
    whole = first.read_bytes()
    first.write_bytes(whole[:-100])
    (notice,) = check_dataset(folder, open_videos=True).dataset.faults
    said = f"wanted {len(whole)} bytes as its header says, got {len(whole) - 100}: it is cut off"
    assert (notice.line, notice.is_notice) == (f"{first}: {said}", True)


def test_the_summary_counts_who_looked_and_averages_who_has_the_target(make_dataset):
    folder = make_dataset()
    table = folder / "semen_analysis_data.csv"
    table.write_bytes(table.read_bytes().replace(b";22;16;62;", b";;;;"))
    summary = summarize(check_dataset(folder, open_videos=False))
    assert (summary.participants, summary.participants_at_fault) == (4, 0)
    assert summary.assessors == {"SSW": 2, "HH": 1, "JMA": 1}
    assert summary.video_hours is None
    motility, morphology = summary.targets["motility"], summary.targets["morphology"]
    assert (motility.participants, morphology.participants) == (3, 4)
    assert motility.mean_pct["progressive_pct"] == pytest.approx((51 + 18 + 48) / 3)
    assert motility.sd_pct["progressive_pct"] == pytest.approx(math.sqrt(333))
    assert motility.zero_r_mae_pct is not None


def test_the_command_prints_all_and_ends_with_0_if_there_are_notices_only(make_dataset):
    done = run(make_dataset())
    assert done.exit_code == 0, done.output
    assert "1_09.09.02_SSW.avi: wanted 640x480 px, got 64x48" in done.stdout
    assert "participants  4 usable, 0 at fault" in done.stdout
    assert "SSW 2, HH 1, JMA 1" in done.stdout
    assert "progressive_pct 34.75 +- 17.15" in done.stdout


def test_the_command_ends_with_1_for_a_fault_and_prints_one_json_object(make_dataset):
    folder = make_dataset(videos=["1_x.avi", "2_x.avi", "3_x.avi"])
    done = run(folder, "--json", "--fast")
    assert done.exit_code == 1
    said = json.loads(done.stdout)
    line = f"{folder}: participant 4: wanted one video, got none"
    assert said["faults"] == [{"participant_id": "4", "line": line, "is_notice": False}]
    assert (said["participants"], said["participants_at_fault"]) == (3, 1)
    assert said["targets"]["morphology"]["zero_r_mae_pct"] > 0


def test_a_folder_that_is_not_there_is_one_line_and_numbers_are_left_open(tmp_path):
    done = run(tmp_path / "gone", "--fast")
    assert done.exit_code == 1
    assert "semen_analysis_data.csv: not a readable table: No such file" in done.stdout
    assert "motility      0 participants; progressive_pct - +- -" in done.stdout
