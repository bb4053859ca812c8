import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from importlib.resources import files

import numpy as np
import pandas as pd
import pytest
from matplotlib.image import imread

from rostfine.clips.pictures.trails import BEYOND
from rostfine.clips.store import Clip, ClipRecord
from rostfine.report.track_figures import crop_middles
from rostfine.report.tracks import TracksData, choose_worst, render_tracks

SIDE_PX = 60
SCORES = {"S1": [1.0, 0.9, 0.95], "S<2>": [1.0, 0.22, 0.6, 0.8], "L1": [1.0, 0.5]}
VOID = {"meta", "img", "path", "polyline", "use"}


def make_clip(frames: int, *, inside_px: tuple[int, int, int, int] = (0, 0, 60, 60)) -> Clip:
    record = ClipRecord(
        centre_px=np.zeros((frames, 2), np.float32),
        time_s=np.arange(frames) / 15,
        score=np.ones(frames, np.float32),
        is_seen=np.ones(frames, bool),
        frame_rate_hz=15.0,
        content_key="k",
    )
    pictures = np.full((frames, SIDE_PX, SIDE_PX, 3), 100, np.uint8)
    pictures += (10 * np.arange(frames, dtype=np.uint8))[:, None, None, None]
    return Clip(pictures, np.tile(np.array(inside_px, np.int32), (frames, 1)), record)


def make_tracks() -> pd.DataFrame:
    parts = []
    for sample_id, scores in SCORES.items():
        count = len(scores)
        part = pd.DataFrame({"frame": np.arange(count) + 5, "score": scores})
        part["sample_id"], part["time_s"] = sample_id, np.arange(count) / 15
        part["x_px"], part["y_px"] = 100 + 3.0 * np.arange(count), 50 + 4.0 * np.arange(count)
        part["status"] = ["tagged", *("unseen" if s < 0.3 else "seen" for s in scores[1:])]
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def make_clips() -> pd.DataFrame:
    rows = [
        ("S1", "V1", "ok", None, 0.9, 75.0, 15.0),
        ("S<2>", "V1", "ok", None, 0.22, 75.0, 15.0),
        ("L1", "V2", "lost", "lost at frame 7: not recognised up to frame 10", 0.5, 75.0, 15.0),
        ("F1", "V3", "failed", "V3.avi: not a <video>", np.nan, np.nan, np.nan),
    ]
    names = ["sample_id", "video_id", "status", "reason", "score_min", "speed_px_s", "speed_um_s"]
    clips = pd.DataFrame(rows, columns=names)
    clips["score_mean"] = clips["score_min"]
    return clips


@pytest.fixture(scope="module")
def data() -> TracksData:
    worst = {"S<2>": make_clip(4), "S1": make_clip(3)}
    return TracksData(make_clips(), make_tracks(), worst, box_px=10)


@pytest.fixture(scope="module")
def page(data: TracksData) -> str:
    return render_tracks(data)


def test_the_worst_are_the_usable_ones_of_the_lowest_scores():
    assert choose_worst(make_clips(), 5) == ["S<2>", "S1"]
    assert choose_worst(make_clips(), 1) == ["S<2>"]


def test_the_page_tells_how_many_are_ok_lost_and_failed(page):
    counts = dict(re.findall(r"<dt>(.*?)</dt><dd>(.*?)</dd>", page))
    assert counts == {
        "videos": "3",
        "ok": "2",
        "lost on the way": "1",
        "failed": "1",
        "frames tracked": "9",
    }


def test_each_frame_of_a_worst_track_has_its_number_and_its_score(page, text_of):
    text = text_of(page)
    assert "V1: lowest 0.22, mean 0.22, 15 µm/s, longest step 5.0 px, 1 of 4 frames" in text
    assert "5 1.00 6 0.22 7 0.60 8 0.80" in text
    assert text.index("S&lt;2&gt; V1") < text.index("S1 V1")


def test_the_lowest_score_is_marked_and_a_presumed_place_dashed(page):
    assert re.findall(r'class="lowest">([\d.]+)<', page) == ["0.22", "0.90"]
    (presumed,) = re.findall(r'<li class="presumed">.*?alt="(.*?)"', page)
    assert presumed == "S&lt;2&gt; in frame 6, place presumed"


def test_frames_show_the_head_and_4_boxes_around_it(page):
    pictures = [
        imread(io.BytesIO(base64.b64decode(found)), format="jpg")
        for found in re.findall(r'src="data:image/jpeg;base64,([^"]+)"', page)
    ]
    assert {picture.shape for picture in pictures} == {(40, 40, 3)}
    assert [p.mean() for p in pictures[:4]] == pytest.approx([100, 110, 120, 130], abs=2)
    assert "--box: 25%" in page


def test_what_is_reflected_beyond_the_border_is_blank():
    shown = crop_middles(make_clip(1, inside_px=(20, 0, 60, 60)), 40)
    assert (shown[0, :, :10] == BEYOND).all()
    assert (shown[0, :, 10:] == 100).all()


def test_a_lost_sperm_is_told_with_its_last_place_and_a_failed_one_with_its_reason(page, text_of):
    text = text_of(page)
    assert "L1 V2 6 103, 54 2 lost at frame 7: not recognised up to frame 10" in text
    assert "F1 V3 V3.avi: not a &lt;video&gt;" in text


def test_histograms_of_scores_and_speeds_are_described(page, text_of):
    text = text_of(page)
    assert "Lowest scores of 2 usable clips: median 0.56, the worst 0.22." in text
    assert "Speeds of 2 usable clips: median 15 µm/s, the highest 15 µm/s." in text
    assert page.count('<svg role="img"') == 2


def test_speeds_are_in_pixels_where_the_scale_of_a_video_is_unknown(data, text_of):
    clips = data.clips.assign(speed_um_s=[np.nan, 15.0, 15.0, np.nan])
    text = text_of(render_tracks(replace(data, clips=clips)))
    assert "median 75 px/s" in text


def test_with_no_usable_clip_the_page_tells_the_failed_ones(data, text_of):
    clips = data.clips[data.clips["status"] == "failed"]
    text = text_of(render_tracks(TracksData(clips, data.tracks.iloc[:0], {}, box_px=10)))
    assert "No clip is usable." in text
    assert "F1 V3" in text
    assert "Lost on the way" not in text


def test_the_page_needs_no_other_file_and_looks_like_the_report(page):
    found = re.findall(r'(?:src|href)="([^"#][^"]{0,30})', page)
    assert all(address.startswith("data:image/jpeg;base64,") for address in found)
    assert "url(" not in re.sub(r"url\(#", "", page)
    assert "<script" not in page
    assert files("rostfine.report").joinpath("style.css.j2").read_text().strip() in page


def test_every_tag_is_closed_and_every_image_and_figure_is_described(page):
    opened: list[str] = []

    class Checker(HTMLParser):
        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            given = dict(attributes)
            assert tag != "img" or given["alt"]
            assert tag != "svg" or (given["role"] == "img" and given["aria-label"])
            if tag not in VOID:
                opened.append(tag)

        def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            """Nothing stays open."""

        def handle_endtag(self, tag: str) -> None:
            assert tag in VOID or opened.pop() == tag

    Checker().feed(page)
    assert opened == []
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'<a href="#([^"]+)"', page)) <= set(ids)


def test_the_same_data_gives_the_same_page(page, data):
    assert render_tracks(data) == page
