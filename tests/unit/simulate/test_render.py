import dataclasses
import math

import numpy as np
import pytest

from rostfine.simulate.render import Patch, Pose, draw_look, draw_sperm
from rostfine.simulate.sperm import draw_traits

GOOD = dataclasses.replace(
    draw_traits(0.0, np.random.default_rng(0)),
    head_length_um=5.0,
    head_width_um=3.0,
    head_irregularity=0.0,
    vacuole_fraction=0.0,
    neck_bend_rad=0.0,
    droplet_um=0.0,
    tail_length_um=19.0,
)
POSE = Pose(x_px=60.3, y_px=70.8, heading_rad=0.7, beat_rad=0.4)


def drawn(traits=GOOD, pose=POSE, *, um_per_px=0.2, focus_px=0.5) -> Patch:
    look = draw_look(traits, depth_px=0.0, rng=np.random.default_rng(2))
    return draw_sperm(traits, look, pose, um_per_px=um_per_px, focus_px=focus_px)


def bright_px(patch: Patch) -> tuple[np.ndarray, np.ndarray]:
    """Where the body of the head is: x and y of its bright pixels."""
    row, col = np.nonzero(patch.delta > 40)
    return col + patch.col, row + patch.row


@pytest.mark.parametrize("heading_rad", np.linspace(-3, 3, 7))
@pytest.mark.parametrize("shift_px", [0.0, 0.25, 0.5, 0.75])
def test_the_bright_head_is_within_0_4_px_of_its_pose(heading_rad, shift_px):
    pose = Pose(60 + shift_px, 80 - shift_px, float(heading_rad), 0.0)
    x_px, y_px = bright_px(drawn(pose=pose))
    assert math.hypot(x_px.mean() - pose.x_px, y_px.mean() - pose.y_px) < 0.4


def test_a_dented_head_is_within_1_5_px_of_its_pose():
    x_px, y_px = bright_px(drawn(dataclasses.replace(GOOD, head_irregularity=0.2)))
    assert math.hypot(x_px.mean() - POSE.x_px, y_px.mean() - POSE.y_px) < 1.5


@pytest.mark.parametrize("um_per_px", [0.05, 0.1])
def test_a_head_of_5_by_3_um_covers_11_8_square_um(um_per_px):
    x_px, _ = bright_px(drawn(um_per_px=um_per_px))
    assert len(x_px) * um_per_px**2 == pytest.approx(math.pi / 4 * 5 * 3, rel=0.13)


def test_a_head_is_long_along_its_heading():
    x_px, y_px = bright_px(drawn())
    spread = np.linalg.eigh(np.cov(x_px, y_px))
    along = spread.eigenvectors[:, 1]
    assert abs(along @ [math.cos(0.7), math.sin(0.7)]) > 0.99
    assert math.sqrt(spread.eigenvalues[1] / spread.eigenvalues[0]) == pytest.approx(5 / 3, rel=0.1)


def test_the_tail_lies_behind_the_head_and_is_95_px_long():
    patch = drawn()
    row, col = np.nonzero(patch.delta < -15)
    behind = -(
        (col + patch.col - POSE.x_px) * math.cos(0.7)
        + (row + patch.row - POSE.y_px) * math.sin(0.7)
    )
    assert behind.max() == pytest.approx(12.5 + 95, abs=12)
    assert np.mean(behind > 0) > 0.8


def test_a_neck_bent_by_1_rad_turns_the_tail_by_1_rad():
    ends = []
    for bend_rad in (0.0, 1.0):
        still = dataclasses.replace(GOOD, neck_bend_rad=bend_rad, beat_amplitude_um=0.0)
        patch = drawn(still)
        row, col = np.nonzero(patch.delta < -20)
        away = np.argmax(np.hypot(col + patch.col - POSE.x_px, row + patch.row - POSE.y_px))
        root_x_px = POSE.x_px - 12.5 * math.cos(0.7)
        root_y_px = POSE.y_px - 12.5 * math.sin(0.7)
        ends.append(
            math.atan2(row[away] + patch.row - root_y_px, col[away] + patch.col - root_x_px)
        )
    turned = abs(np.angle(np.exp(1j * (ends[1] - ends[0]))))
    assert turned == pytest.approx(1.0, abs=0.05)


def test_vacuoles_on_30_percent_of_a_head_darken_it_by_a_fifth_or_more():
    row, col = np.nonzero(drawn().delta > 40)
    clear = drawn().delta[row, col].mean()
    holed = drawn(dataclasses.replace(GOOD, vacuole_fraction=0.3, vacuole_count=2))
    assert holed.delta[row, col].mean() < 0.8 * clear


def test_a_droplet_of_3_um_adds_more_than_100_dark_px():
    plain, heavy = (
        drawn(dataclasses.replace(GOOD, droplet_um=diameter_um)).delta for diameter_um in (0.0, 3.0)
    )
    assert np.count_nonzero(heavy < -40) - np.count_nonzero(plain < -40) > 100


def test_a_beat_of_2_um_moves_the_tail_but_not_the_head():
    wide = dataclasses.replace(GOOD, beat_amplitude_um=2.0)
    first, second = (drawn(wide, dataclasses.replace(POSE, beat_rad=at)) for at in (0.0, 3.0))
    heads = [bright_px(patch) for patch in (first, second)]
    assert np.mean(heads[0][0]) == pytest.approx(np.mean(heads[1][0]), abs=0.2)
    canvas = np.zeros((2, 300, 300))
    for picture, patch in zip(canvas, (first, second), strict=True):
        rows, cols = patch.delta.shape
        picture[
            patch.row + 150 : patch.row + 150 + rows, patch.col + 150 : patch.col + 150 + cols
        ] = patch.delta
    assert np.count_nonzero(np.abs(canvas[0] - canvas[1]) > 20) > 80


def test_focus_of_2_px_flattens_the_rim():
    assert drawn(focus_px=2.0).delta.min() > 0.7 * drawn(focus_px=0.4).delta.min()
    assert drawn(focus_px=2.0).delta.sum() == pytest.approx(
        drawn(focus_px=0.4).delta.sum(), rel=0.05
    )
