import dataclasses

import av
import numpy as np
import pandas as pd
import pytest

from rostfine.errors import InputError
from rostfine.files import sha256_of
from rostfine.simulate.field import draw_field
from rostfine.simulate.semen import SemenSettings, render_sample, simulate_semen
from rostfine.simulate.semen_draw import draw_semen
from rostfine.simulate.semen_plan import Shares, apportion, draw_shares, plan_sample
from rostfine.visem.targets import PUBLISHED, TARGETS

SETTINGS = SemenSettings(
    participants=9, frames=4, width_px=96, height_px=64, sperm_per_video=7, seed=5
)
IMMOTILE, PROGRESSIVE, ON_THE_SPOT = (0.0, 0.0, 1.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)
NO_DEFECTS = (0.0, 0.0, 0.0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("semen")
    seen = []
    simulate_semen(
        folder, SETTINGS, advance=lambda steps=1, note="": seen.append(note), processes=1
    )
    assert len(seen) == 9
    return folder


def published(folder):
    return pd.read_csv(
        folder / "semen_analysis_data.csv", sep=";", decimal=",", encoding="utf-8-sig"
    )


def video(settings, motility, defects=(0.5, 0.3, 0.2), *, flat=False):
    field = draw_field(
        width_px=settings.width_px,
        height_px=settings.height_px,
        frames=settings.frames,
        rng=np.random.default_rng(3),
    )
    if flat:
        plain, still = np.full_like(field.sharp, 100), np.zeros_like(field.gain)
        field = dataclasses.replace(
            field, sharp=plain, soft=plain, noise=0 * field.noise, gain=still + 1, lean=still
        )
    cells = plan_sample(settings, 0, Shares(motility, defects))
    return np.stack(list(draw_semen(cells, field, um_per_px=settings.um_per_px))), cells


def steps_um(cells, settings):
    """Steps of each head, also across the border: (cell, frame, xy)."""
    places = [np.stack([c.route.path.x_px, c.route.path.y_px], 1) for c in cells]
    sides = np.array([settings.width_px, settings.height_px])
    raw = np.diff(np.stack(places), axis=1)
    return (raw - sides * np.round(raw / sides)) * settings.um_per_px


@pytest.mark.parametrize("moving", [PROGRESSIVE, ON_THE_SPOT, (0.4, 0.3, 0.3)])
def test_the_first_frame_is_the_same_bit_for_bit_whatever_moves_and_the_fourth_is_not(moving):
    still, _ = video(SETTINGS, IMMOTILE)
    moved, _ = video(SETTINGS, moving)
    assert (still[0] == moved[0]).all()
    assert (still[3] != moved[3]).mean() > 0.05


@pytest.mark.parametrize("motility", [PROGRESSIVE, ON_THE_SPOT, IMMOTILE])
def test_heads_are_everywhere_alike_and_point_anywhere_after_5_s(motility):
    many = dataclasses.replace(SETTINGS, frames=250, sperm_per_video=400)
    last = [cell.route.path for cell in plan_sample(many, 0, Shares(motility, NO_DEFECTS))]
    x, y, heading = np.array([(p.x_px[-1], p.y_px[-1], p.heading_rad[-1]) for p in last]).T
    assert x.min() >= -0.5 and x.max() < 95.5 and y.min() >= -0.5 and y.max() < 63.5  # noqa: PT018
    for part in ((x + 0.5) / 96, (y + 0.5) / 64, heading / 2 / np.pi % 1):
        counts = np.histogram(part, 4, (0, 1))[0]
        assert ((counts - 100) ** 2 / 100).sum() < 16.3  # chi-square of 3: 1 in 1000


def test_in_a_second_progressive_ones_get_20_um_on_others_under_5_and_immotile_ones_with_the_flow():
    clip = dataclasses.replace(SETTINGS, frames=51, sperm_per_video=60)
    cells = plan_sample(clip, 0, Shares((0.5, 0.25, 0.25), NO_DEFECTS))
    moved = steps_um(cells, clip)
    kinds = np.array([cell.motility for cell in cells])
    flow = moved[kinds == "immotile"][0]
    assert np.allclose(moved[kinds == "immotile"], flow)
    assert 0 < np.hypot(*flow.sum(axis=0)) <= 1.5
    net = np.hypot(*np.moveaxis((moved - flow).sum(axis=1), 1, 0))
    walked = np.hypot(*np.moveaxis(moved - flow, 2, 0)).sum(axis=1)
    assert net[kinds == "progressive"].min() > 20
    assert net[kinds == "non_progressive"].max() < 5.6  # the head's own sway is in it
    assert walked[kinds == "non_progressive"].min() > 5


@pytest.mark.parametrize("part", [0, 1, 2])
def test_each_defect_is_seen_in_a_single_frame(part):
    defects = tuple(float(part == other) for other in range(3))
    normal, _ = video(SETTINGS, IMMOTILE, NO_DEFECTS)
    faulty, _ = video(SETTINGS, IMMOTILE, defects)
    strong = np.abs(normal[0].astype(int) - faulty[0]) > 25
    assert strong.sum() > 7 * 7


def test_a_head_is_painted_where_the_track_says_and_whole_when_it_crosses_the_border():
    alone = dataclasses.replace(SETTINGS, frames=150, sperm_per_video=1)
    frames, cells = video(alone, PROGRESSIVE, NO_DEFECTS, flat=True)
    route = cells[0].route
    assert route.visit[-1] >= 1
    bright = np.clip(frames.astype(float) - 130, 0, None)
    light = bright.sum(axis=(1, 2))
    assert np.abs(light / np.median(light) - 1).max() < 0.3
    inside = (np.abs(route.path.x_px - 47.5) < 38) & (np.abs(route.path.y_px - 31.5) < 22)
    assert inside.sum() > 20
    x = (bright.sum(axis=1) * np.arange(96)).sum(axis=1) / light
    y = (bright.sum(axis=2) * np.arange(64)).sum(axis=1) / light
    off = np.hypot(x - route.path.x_px, y - route.path.y_px)[inside]
    assert off.max() < 0.5


def test_the_tables_are_written_as_published(folder):
    raw = (folder / "semen_analysis_data.csv").read_bytes()
    assert raw.startswith(b"\xef\xbb\xbfID;Sperm concentration (x10\xe2\x81\xb6/mL);")
    assert raw.count(b"\r\n") == raw.count(b"\n") == 10
    assert b"," in raw.splitlines()[1]
    assert b"." not in raw
    table = published(folder)
    assert len(table.columns) == 16
    assert set(PUBLISHED.values()) < set(table.columns)
    videos = pd.read_csv(folder / "videos.csv", sep=";", encoding="utf-8-sig")
    assert list(videos.columns) == ["ID", "video"]
    assert sorted(videos["video"]) == sorted(path.name for path in (folder / "videos").iterdir())
    assert videos["video"][7] == "8_25.11.10_minor drift_CD.avi"


def test_a_video_is_mjpeg_of_4_grey_frames_at_50_hz(folder):
    with av.open(str(folder / "videos" / "1_25.11.03_AB.avi")) as container:
        stream = container.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        assert (stream.codec_context.name, stream.average_rate) == ("mjpeg", 50)
    assert np.stack(frames).shape == (4, 64, 96, 3)
    assert np.ptp(np.stack(frames), axis=3).max() == 0


def test_percentages_are_those_of_the_sperm_of_the_video_and_motility_sums_to_100(folder):
    table = published(folder)
    sperm = pd.read_parquet(folder / "truth" / "sperm.parquet")
    exact = pd.get_dummies(sperm["motility"]).join(sperm.filter(like="_defect"))
    means = 100 * exact.groupby(sperm["participant_id"].astype(int)).mean()
    order = ["progressive", "non_progressive", "immotile"]
    order += ["head_defect", "midpiece_defect", "tail_defect"]
    columns = [PUBLISHED[name] for target in TARGETS.values() for name in target]
    assert np.abs(table[columns].to_numpy() - means[order].to_numpy()).max() < 1
    assert (table[columns] % 1 == 0).all().all()
    assert (table[columns[:3]].sum(axis=1) == 100).all()


def test_truth_has_a_place_for_each_frame_of_each_of_63_sperm(folder):
    tracks = pd.read_parquet(folder / "truth" / "tracks.parquet")
    assert len(tracks) == 9 * 7 * 4
    assert not tracks.duplicated(["participant_id", "sperm_id", "frame"]).any()
    shares = pd.read_parquet(folder / "truth" / "participants.parquet")
    assert np.allclose(shares[["progressive", "non_progressive", "immotile"]].sum(axis=1), 1)
    names = ("head", "midpiece", "tail", "progressive", "non_progressive", "immotile")
    for name in names:  # the nearest whole number of 7 sperm
        assert (shares[name] - shares[f"drawn_{name}"]).abs().max() < 1 / 7


def test_2_processes_give_the_same_bytes_as_1_and_a_video_alone_too(folder, tmp_path):
    simulate_semen(tmp_path, SETTINGS, processes=2)
    files = sorted(path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    assert len(files) == 9 + 2 + 3
    assert [sha256_of(folder / name) for name in files] == [
        sha256_of(tmp_path / name) for name in files
    ]
    name = render_sample(tmp_path / "alone", SETTINGS, 3)
    assert sha256_of(tmp_path / "alone/videos" / name) == sha256_of(folder / "videos" / name)


def test_participants_spread_as_the_85_published_ones_do():
    drawn = [draw_shares(SemenSettings(defects="published"), index) for index in range(600)]
    motility = 100 * np.array([shares.motility for shares in drawn])
    defects = 100 * np.array([shares.defects for shares in drawn])
    assert motility.mean(axis=0) == pytest.approx([42.7, 27.7, 29.6], abs=2.5)
    assert motility.std(axis=0) == pytest.approx([20.2, 9.5, 17.9], abs=2.5)
    assert defects.mean(axis=0) == pytest.approx([95.7, 23.8, 15.1], abs=1.5)
    assert defects.std(axis=0) == pytest.approx([2.9, 10.0, 9.3], abs=1)


@pytest.mark.parametrize(
    ("differs", "spread"),
    [
        ("both", (True, True)),
        ("motion", (True, False)),
        ("form", (False, True)),
        ("nothing", (False, False)),
    ],
)
def test_only_what_is_said_to_differ_differs_between_participants(differs, spread):
    drawn = [draw_shares(SemenSettings(differs=differs), index) for index in range(5)]
    assert (len({shares.motility for shares in drawn}) == 5) == spread[0]
    assert (len({shares.defects for shares in drawn}) == 5) == spread[1]


def test_thirds_of_100_are_34_33_and_33():
    assert apportion(np.full(3, 1 / 3), 100).tolist() == [34, 33, 33]


def test_each_wrong_setting_is_told_in_a_line():
    with pytest.raises(InputError) as caught:
        SemenSettings(participants=0, width_px=100, um_per_px=0.4)
    assert caught.value.faults == [
        "participants: wanted at least 1, got 0",
        "width_px: wanted at least 48 um, got 100 px of 0.4 um",
    ]


def test_a_faulty_midpiece_is_bent_or_has_a_droplet_and_a_faulty_tail_is_short_or_coiled():
    many = dataclasses.replace(SETTINGS, frames=1, sperm_per_video=100)
    cells = plan_sample(many, 0, Shares(IMMOTILE, (0.0, 1.0, 1.0)))
    bent = np.array([abs(cell.form.neck_rad) > 1 for cell in cells])
    dropped = np.array([cell.form.traits.droplet_um >= 4 for cell in cells])
    short = np.array([cell.form.traits.tail_length_um < 10 for cell in cells])
    coiled = np.array([abs(cell.form.curl_rad) > 2 * np.pi for cell in cells])
    assert (bent != dropped).all()
    assert (short != coiled).all()
    assert 30 < bent.sum() < 70
    assert 30 < short.sum() < 70
