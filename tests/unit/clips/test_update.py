import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from rostfine.clips import jobs as module
from rostfine.clips.cut import Cutting
from rostfine.clips.kept import ClipFolder
from rostfine.clips.sources import find_sources
from rostfine.clips.store import read_clip
from rostfine.clips.track import track_video
from rostfine.clips.update import stop_at_faults, update_clips
from rostfine.errors import InputError, VideoError
from rostfine.tracking.tags import Tag

TAGS = [Tag("a1", "A", 0, 40.0, 50.0), Tag("a2", "A", 1, 63.0, 91.0), Tag("b1", "B", 0, 30.0, 60.0)]


class Study:
    """A workspace of two videos, and how often each was read."""

    def __init__(self, root, tracking, clips):
        self.root, self.data, self.reads = root, root / "data", []
        self.tracking, self.clips = tracking, clips

    def update(self, tags=TAGS):
        sources = find_sources(self.data, (tag.video_id for tag in tags))
        place = ClipFolder(folder=self.data, root=self.root)
        self.reads.clear()
        return update_clips(place, tags, sources, Cutting(self.tracking, self.clips))

    def content(self) -> dict[str, bytes]:
        paths = [*(self.data / "clips").iterdir(), *self.data.glob("*.parquet")]
        return {path.name: path.read_bytes() for path in paths}


@pytest.fixture
def study(tmp_path, film, tracking, clips, monkeypatch) -> Study:
    film(tmp_path / "data/raw/A.avi", [(40, 50), (60, 90)])
    film(tmp_path / "data/raw/B.avi", [(30, 60)])
    study = Study(tmp_path, tracking, clips)
    cut = module.cut_video

    def counted(path, tags, **params):
        study.reads.append((path.stem, len(tags)))
        return cut(path, tags, **params)

    monkeypatch.setattr(module, "cut_video", counted)
    return study


def test_the_first_run_reads_each_video_once_and_writes_clips_and_both_tables(study):
    done = study.update()
    assert str(done) == "0 clips kept, 3 cut, 0 lost, 0 failed"
    assert study.reads == [("A", 2), ("B", 1)]
    table = pd.read_parquet(study.data / "clips.parquet")
    assert table["sample_id"].to_list() == ["a1", "a2", "b1"]
    assert table["path"].to_list() == [f"data/clips/{s}.npz" for s in ("a1", "a2", "b1")]
    assert table["speed_px_s"].to_numpy() == pytest.approx(math.sqrt(10) * 15, rel=0.05)
    track = pd.read_parquet(study.data / "tracks.parquet")
    assert len(track) == 18
    assert track.loc[track["sample_id"] == "a2", "frame"].to_list() == [1, 2, 3, 4, 5, 6]
    clip = read_clip(study.data / "clips/a2.npz")
    assert clip.frames.shape == (6, 40, 40, 3)
    track_px = track.loc[track["sample_id"] == "a2", ["x_px", "y_px"]].to_numpy()
    assert (clip.record.centre_px == track_px).all()


def test_the_second_run_reads_no_video_and_changes_no_byte(study):
    study.update()
    before = study.content()
    assert str(study.update()) == "3 clips kept, 0 cut, 0 lost, 0 failed"
    assert study.reads == []
    assert study.content() == before


def test_one_video_more_and_only_that_is_read(study, film):
    study.update()
    film(study.data / "raw/C.avi", [(30, 30)])
    done = study.update([*TAGS, Tag("c1", "C", 0, 30.0, 30.0)])
    assert (str(done), study.reads) == ("3 clips kept, 1 cut, 0 lost, 0 failed", [("C", 1)])


def test_a_moved_tag_cuts_that_clip_only(study):
    study.update()
    study.update([TAGS[0], replace(TAGS[1], x_px=64.0), TAGS[2]])
    assert study.reads == [("A", 1)]


def test_another_video_under_the_same_name_is_read(study, film):
    study.update()
    film(study.data / "raw/B.avi", [(30, 60), (90, 20)])
    study.update()
    assert study.reads == [("B", 1)]


@pytest.mark.parametrize(
    ("changes", "videos_read"),
    [({"min_score": 0.3}, 2), ({"size_px": 50}, 2), ({"on_bad_input": "skip"}, 0)],
)
def test_params_that_decide_a_clip_cut_all_again_and_others_none(study, changes, videos_read):
    study.update()
    for name in ("tracking", "clips"):
        params = getattr(study, name)
        fitting = {k: v for k, v in changes.items() if hasattr(params, k)}
        setattr(study, name, replace(params, **fitting))
    study.update()
    assert len(study.reads) == videos_read


def test_a_deleted_clip_is_cut_again_to_the_same_bytes(study):
    study.update()
    before = study.content()
    (study.data / "clips/b1.npz").unlink()
    study.update()
    assert study.reads == [("B", 1)]
    assert study.content() == before


def test_what_a_killed_run_left_behind_is_repaired(study):
    study.update()
    before = study.content()
    (study.data / "clips/.a1-xyz.npz").write_bytes(b"half")
    (study.data / "tracks.parquet").unlink()
    study.update()
    assert study.content() == before


def test_a_clip_whose_track_is_missing_tells_it_itself(study):
    study.update()
    before = study.content()
    path = study.data / "tracks.parquet"
    track = pd.read_parquet(path)
    track[track["sample_id"] != "a2"].to_parquet(path, index=False)
    study.update()
    assert study.reads == []
    assert study.content() == before


def test_a_clip_of_other_settings_is_not_taken_for_one_that_a_killed_run_left(study):
    study.update()
    for table in study.data.glob("*.parquet"):
        table.unlink()
    study.tracking = replace(study.tracking, min_score=0.3)
    assert str(study.update()) == "0 clips kept, 3 cut, 0 lost, 0 failed"


def test_a_run_that_breaks_off_leaves_no_table_that_vouches_for_replaced_clips(study, monkeypatch):
    study.update()
    study.tracking = replace(study.tracking, min_score=0.3)

    def breaks(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "cut_video", breaks)
    with pytest.raises(KeyboardInterrupt):
        study.update()
    assert len(pd.read_parquet(study.data / "clips.parquet")) == 0


def test_clips_that_are_no_longer_tagged_are_removed(study):
    study.update()
    done = study.update(TAGS[:1])
    assert str(done) == "1 clips kept, 0 cut, 0 lost, 0 failed"
    assert [path.name for path in (study.data / "clips").iterdir()] == ["a1.npz"]
    assert set(pd.read_parquet(study.data / "tracks.parquet")["sample_id"]) == {"a1"}


def test_no_tags_give_empty_tables_of_the_right_types(study):
    study.update([])
    track = pd.read_parquet(study.data / "tracks.parquet")
    assert len(track) == 0
    assert track.dtypes["frame"] == np.int64
    study.update()
    assert len(study.reads) == 2


def test_patient_and_scale_come_from_videos_csv_and_change_without_reading_a_video(study):
    (study.data / "videos.csv").write_text("video_id,patient_id,um_per_px\nA,P1,0.5\nB,B,\n")
    study.update()
    (study.data / "videos.csv").write_text("video_id,patient_id,um_per_px\nA,P7,0.2\nB,B,\n")
    study.update()
    assert study.reads == []
    table = pd.read_parquet(study.data / "clips.parquet")
    assert table["patient_id"].to_list() == ["P7", "P7", "B"]
    assert table["speed_um_s"][0] == pytest.approx(0.2 * table["speed_px_s"][0])
    assert math.isnan(table["speed_um_s"][2])


def test_bad_samples_are_in_the_table_with_their_reason_and_the_good_ones_are_cut(study, film):
    film(study.data / "raw/D.avi", [(30, 30)])
    film(study.data / "raw/D.mp4", [(30, 30)], codec="mpeg4")
    (study.data / "raw/E.avi").write_bytes(b"no video")
    film(study.data / "raw/F.avi", [(30, 50)], gone_from=3)
    bad = [
        Tag("missing", "nowhere", 0, 1.0, 1.0),
        Tag("double", "D", 0, 30.0, 30.0),
        Tag("broken", "E", 0, 1.0, 1.0),
        Tag("gone", "F", 0, 30.0, 50.0),
    ]
    done = study.update([*bad, *TAGS])
    assert str(done) == "0 clips kept, 3 cut, 1 lost, 3 failed"
    raw = study.data / "raw"
    assert done.faults == [
        f"missing: no video 'nowhere' in {raw}",
        f"double: more than one video 'D' in {raw}: D.avi, D.mp4",
        f"broken: {raw / 'E.avi'}: not a readable video: Invalid data found when processing input",
    ]
    table = done.clips.set_index("sample_id")
    assert table.loc["gone", "status"] == "lost"
    assert table.loc["gone", "reason"] == "lost at frame 3: not recognised up to frame 5"
    assert table["path"].notna().sum() == 3
    study.update([*bad, *TAGS])
    assert study.reads == [("E", 1)]


@pytest.mark.parametrize("on_bad_input", ["stop", "skip"])
def test_tracking_one_video_writes_clips_and_tables_and_tells_of_bad_tags(
    study, tmp_path, on_bad_input
):
    tags = [TAGS[0], Tag("out", "A", 0, 500.0, 5.0)]
    tracking = replace(study.tracking, on_bad_input=on_bad_input)
    video, out = study.data / "raw/A.avi", tmp_path / "out"
    done = track_video(video, tags, out, Cutting(tracking, study.clips, math.inf))
    if on_bad_input == "stop":
        with pytest.raises(InputError, match=r"^out: .*A\.avi: the tag at x 500, y 5 lies outside"):
            stop_at_faults(done, tracking)
    else:
        stop_at_faults(done, tracking)
    table = pd.read_parquet(out / "clips.parquet")
    assert table["status"].to_list() == ["ok", "failed"]
    assert table["path"][0] == "clips/a1.npz"
    assert read_clip(out / table["path"][0]).frames.shape == (6, 40, 40, 3)
    track = pd.read_parquet(out / "tracks.parquet")
    assert track["frame"].to_list() == list(range(12))
    assert track["status"].to_list() == ["tagged", *["seen"] * 11]


def test_a_video_without_a_row_is_at_fault_where_others_have_one(study):
    (study.data / "videos.csv").write_text("video_id,patient_id\nA,P1\nBB,P1\n")
    done = study.update()
    assert done.faults == [f"b1: no row for video 'B' in {study.data / 'videos.csv'}"]
    assert done.clips["status"].to_list() == ["ok", "ok", "failed"]


def test_tracking_into_a_folder_with_other_clips_is_refused_and_changes_nothing(study):
    study.update()
    before = study.content()
    with pytest.raises(InputError, match=r"holds clips of other samples \(a1, a2, b1\)"):
        track_video(
            study.data / "raw/A.avi",
            [Tag("new", "A", 0, 40.0, 50.0)],
            study.data,
            Cutting(study.tracking, study.clips),
        )
    assert study.content() == before


def test_tracking_into_a_folder_with_clips_that_no_table_tells_of_is_refused(study, tmp_path):
    precious = tmp_path / "out/clips/precious.npz"
    precious.parent.mkdir(parents=True)
    precious.write_bytes(b"clip")
    with pytest.raises(InputError, match=r"holds clips of other samples \(precious\)"):
        track_video(
            study.data / "raw/A.avi",
            TAGS[:1],
            tmp_path / "out",
            Cutting(study.tracking, study.clips),
        )
    assert precious.read_bytes() == b"clip"


def test_a_folder_and_a_link_to_nowhere_among_the_videos_stop_nothing(study):
    (study.data / "raw/C.avi").mkdir()
    (study.data / "raw/D.avi").symlink_to("nowhere")
    done = study.update([*TAGS, Tag("c1", "C", 0, 1.0, 1.0), Tag("d1", "D", 0, 1.0, 1.0)])
    assert str(done) == "0 clips kept, 3 cut, 0 lost, 2 failed"


def test_tracking_a_video_that_is_not_there_is_one_clear_line(study, tmp_path):
    with pytest.raises(VideoError, match=r"none\.avi: no such file; wanted a video"):
        track_video(tmp_path / "none.avi", TAGS, tmp_path, Cutting(study.tracking, study.clips))
