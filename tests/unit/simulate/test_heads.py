import json
from dataclasses import replace

import cv2
import numpy as np
import pandas as pd
import pytest
from matplotlib.path import Path as Outline

from rostfine.errors import InputError
from rostfine.files import sha256_of
from rostfine.simulate.heads import HeadSettings, simulate_heads
from rostfine.simulate.heads_contour import area, middle
from rostfine.simulate.heads_form import CLASSES, draw_form
from rostfine.simulate.heads_paint import filled
from rostfine.simulate.heads_video import simulate_head_video
from rostfine.video.reader import open_video

SETTINGS = HeadSettings(
    train=8, validation=1, test=3, width_px=144, height_px=128, sperm_per_picture=(1, 3), seed=4
)
FIRST = "train/slide_0001.png"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder, seen = tmp_path_factory.mktemp("heads"), []
    simulate_heads(
        folder, SETTINGS, advance=lambda steps=1, note="": seen.append(note), processes=1
    )
    assert len(set(seen)) == 12
    return folder


def annotations(folder):
    return {path: json.loads(path.read_text()) for path in sorted(folder.glob("*/*.json"))}


def heads(annotation):
    """Outlines of whole heads by group."""
    return {
        shape["group_id"]: np.array(shape["points"])
        for shape in annotation["shapes"]
        if shape["label"] in CLASSES
    }


def mask(*outlines):
    """Pixels whose middle is within any of the outlines; (0, 0) is the corner of the first."""
    rows, cols = np.indices((SETTINGS.height_px, SETTINGS.width_px)) + 0.5
    middles = np.stack([cols.ravel(), rows.ravel()], axis=1)
    inside = [Outline(outline).contains_points(middles) for outline in outlines]
    return np.any(inside, axis=0).reshape(rows.shape)


def test_each_picture_has_its_labelme_annotation_beside_it_and_its_split_by_folder(folder):
    found = annotations(folder)
    splits = [path.parent.name for path in found]
    assert [splits.count(one) for one in ("train", "validation", "test")] == [8, 1, 3]
    for path, said in found.items():
        assert said["version"].startswith("5.")
        assert said["imageData"] is None
        picture = cv2.imread(str(path.parent / said["imagePath"]))
        assert picture.shape == (said["imageHeight"], said["imageWidth"], 3) == (128, 144, 3)
        for shape in said["shapes"]:
            assert shape["shape_type"] == "polygon"
            points = np.array(shape["points"])
            assert (points > 0).all()
            assert (points < (144, 128)).all()


def test_the_annotation_says_what_is_true_of_each_sperm(folder):
    truth = pd.read_parquet(folder / "truth" / "sperm.parquet")
    found = {path.stem: said for path, said in annotations(folder).items()}
    assert len(truth) == sum(len(heads(said)) for said in found.values())
    for row in truth.itertuples():
        shapes = [one for one in found[row.picture_id]["shapes"] if one["group_id"] == row.sperm_id]
        parts = {"Acrosome": 0.0, "Vacuole": 0.0, row.class_name: 0.0}
        for shape in shapes:
            parts[shape["label"]] += area(np.array(shape["points"]))
        whole = parts[row.class_name]
        assert parts["Acrosome"] / whole == pytest.approx(row.acrosome_share, abs=2e-3)
        assert parts["Vacuole"] / whole == pytest.approx(row.vacuole_share, abs=2e-3)
        outline = np.array(shapes[0]["points"])
        assert np.allclose(middle(outline), (row.x_px, row.y_px), atol=0.01)
        axis = np.array([np.cos(row.heading_rad), np.sin(row.heading_rad)])
        assert np.ptp(outline @ axis) * 0.12 == pytest.approx(row.length_um, abs=1e-3)
        aside = np.array([-axis[1], axis[0]])
        assert np.ptp(outline @ aside) * 0.12 == pytest.approx(row.width_um, abs=1e-3)
        assert row.ellipticity == pytest.approx(row.length_um / row.width_um)


def test_parts_lie_within_their_head_and_heads_apart(folder):
    for said in annotations(folder).values():
        outlines = heads(said)
        assert sum(mask(one).astype(int) for one in outlines.values()).max() == 1
        for shape in said["shapes"]:
            part = mask(np.array(shape["points"]))
            assert (part & ~mask(outlines[shape["group_id"]])).sum() <= 0.05 * part.sum() + 2


def test_heads_are_drawn_where_their_outlines_are(folder):
    for path, said in annotations(folder).items():
        red = cv2.GaussianBlur(cv2.imread(str(path.with_suffix(".png"))), (0, 0), 0.7)[:, :, 2]
        head = mask(*heads(said).values())
        near = cv2.dilate(head.astype(np.uint8), np.ones((7, 7))).astype(bool)
        slide = np.median(red[near & ~head])
        assert np.median(red[head]) < slide - 60
        dark = near & (red < slide - 30)
        assert (dark & head).sum() / (dark | head).sum() > 0.75  # a neck is dark, too


def test_a_polygon_is_painted_with_its_own_area_and_middle_to_a_twentieth_of_a_pixel():
    outline = draw_form("Normal", np.random.default_rng(3)).outline / 0.12 + (31.3, 27.8)
    painted = filled((64, 56), [outline])
    assert painted.sum() == pytest.approx(area(outline), rel=0.03)
    rows, cols = np.indices(painted.shape) + 0.5
    place = np.array([(painted * cols).sum(), (painted * rows).sum()]) / painted.sum()
    assert np.allclose(place, middle(outline), atol=0.05)


def test_the_same_settings_give_the_same_bytes_in_two_processes_and_another_seed_others(
    folder, tmp_path
):
    simulate_heads(tmp_path / "same", SETTINGS, processes=2)
    names = [path.relative_to(folder) for path in sorted(folder.glob("*/*")) if path.is_file()]
    assert len(names) == 25
    for name in names:
        assert sha256_of(folder / name) == sha256_of(tmp_path / "same" / name)
    other = replace(SETTINGS, seed=5, train=1, validation=0, test=0)
    simulate_heads(tmp_path / "other", other, processes=1)
    assert sha256_of(folder / FIRST) != sha256_of(tmp_path / "other" / FIRST)


def test_without_parts_only_heads_are_outlined_in_the_very_same_pictures(folder, tmp_path):
    simulate_heads(tmp_path, replace(SETTINGS, parts=False), processes=1)
    for path, said in annotations(tmp_path).items():
        whole = json.loads((folder / path.relative_to(tmp_path)).read_text())
        assert said["shapes"] == [one for one in whole["shapes"] if one["label"] in CLASSES]
        png = path.with_suffix(".png")
        assert sha256_of(png) == sha256_of(folder / png.relative_to(tmp_path))


def test_vacuoles_lie_wholly_within_the_narrowest_heads():
    rng = np.random.default_rng(2)
    forms = [draw_form("Tapered", rng) for _ in range(30)]
    holes = [(form.outline, hole) for form in forms for hole in form.vacuoles]
    assert len(holes) > 20
    assert all(Outline(outline).contains_points(hole).all() for outline, hole in holes)


def waist(form):
    """Width of the rear third of a head, relative to that of the front third."""
    x, y = form.outline.T
    third = form.length_um / 3
    return np.ptp(y[x < x.min() + third]) / np.ptp(y[x > x.max() - third])


def bumps(form):
    """How far the outline is off an oval as long and wide, at most, relative to its radius."""
    x, y = form.outline.T
    return abs(np.hypot(x / form.length_um, y / form.width_um) * 2 - 1).max()


def test_classes_differ_as_their_names_say():
    rng = np.random.default_rng(1)
    forms = {name: [draw_form(name, rng) for _ in range(25)] for name in CLASSES}
    for form in forms["Normal"]:
        assert 0.55 < form.width_um / form.length_um < 0.7
        assert 4 <= form.length_um <= 5
        assert 0.4 <= form.acrosome_share <= 0.7
        assert form.vacuole_share < 0.08
        assert bumps(form) < 0.1
        assert waist(form) > 0.7
    assert all(form.width_um / form.length_um < 0.45 for form in forms["Tapered"])
    assert all(waist(form) < 0.6 for form in forms["Pyriform"])
    wrong = [
        bumps(form) > 0.1 or not 4 <= form.length_um <= 5.5 or form.acrosome_share < 0.4
        for form in forms["Amorphous"]
    ]
    assert all(wrong)


@pytest.mark.parametrize(
    ("change", "line"),
    [
        ({"train": 0}, "train: wanted at least 1, got 0"),
        ({"sperm_per_picture": (3, 2)}, "sperm_per_picture: wanted 1 or more, .* got 3 to 2"),
        ({"sperm_per_picture": (1, 9)}, "64 um2 for each of 9 sperm, got 17.3 x 15.4 um"),
        ({"um_per_px": 0.05}, "sides of at least 10 um .* got 7.2 x 6.4 um"),
    ],
)
def test_settings_that_cannot_be_are_refused_with_a_line(change, line):
    with pytest.raises(InputError, match=line):
        replace(SETTINGS, **change)


def test_in_a_video_each_head_lies_in_its_box_while_the_stage_drifts(tmp_path):
    path = tmp_path / "drift.avi"
    simulate_head_video(path, SETTINGS, frames=48)
    truth = pd.read_parquet(path.with_suffix(".parquet"))
    with open_video(path) as video:
        shots = [frame.luma.copy() for frame in video.frames()]
    assert len(shots) == 48
    assert set(truth.class_name) <= set(CLASSES)
    whole = truth[truth.visible == 1]
    for row in whole.itertuples():
        box = shots[row.frame][
            round(row.top_px) : round(row.bottom_px), round(row.left_px) : round(row.right_px)
        ]
        rows, cols = (side // 3 for side in box.shape[:2])
        assert np.median(box[rows:-rows, cols:-cols]) < np.median(shots[row.frame]) - 50
    # All heads move alike, for it is the stage that moves: 46 px in all, and not at once.
    steps = whole.groupby("sperm_id")[["left_px", "top_px"]].diff().dropna()
    assert 0.3 < np.hypot(*steps.to_numpy().T).mean() < 3
    moved = whole.assign(**steps).dropna().groupby("frame")[["left_px", "top_px"]]
    assert (moved.max() - moved.min()).to_numpy().max() < 1e-6
    seen = truth.groupby("sperm_id").frame.agg(["min", "max"])
    assert ((seen["min"] > 0) | (seen["max"] < 47)).any()
    assert truth.visible.between(0, 1, inclusive="right").all()
