import dataclasses

import numpy as np
import pytest

from rostfine.simulate.field import draw_field
from rostfine.simulate.plan import StudySettings, plan_video
from rostfine.simulate.scene import draw_frames

SETTINGS = StudySettings(
    sperm_per_video=1, others_per_video=0, frames=6, clip_frames=6, width_px=320, height_px=240
)


def videos(index):
    """Return a plan and its frames with, and without, its sperm."""
    plan = plan_video(SETTINGS, index)
    # Without droplet and vacuoles, what is bright is the head.
    plain = dataclasses.replace(plan.swimmers[0].traits, droplet_um=0.0, vacuole_fraction=0.0)
    swimmer = dataclasses.replace(plan.swimmers[0], traits=plain)
    field = draw_field(width_px=320, height_px=240, frames=6, rng=np.random.default_rng(index))
    seen, empty = (
        np.array(list(draw_frames(who, field, um_per_px=SETTINGS.um_per_px))).astype(float)
        for who in ((swimmer,), ())
    )
    return swimmer, seen, empty


@pytest.mark.parametrize("index", range(12))
def test_the_true_track_is_within_1_5_px_of_the_middle_of_the_drawn_head(index):
    swimmer, seen, empty = videos(index)
    row, col = np.mgrid[:240, :320]
    for frame in range(6):
        head = seen[frame] - empty[frame] > 25
        right_px = col[head].mean() - swimmer.path.x_px[frame]
        down_px = row[head].mean() - swimmer.path.y_px[frame]
        assert np.hypot(right_px, down_px) < 1.5


def test_nothing_but_the_sperm_changes_where_no_sperm_is():
    swimmer, seen, empty = videos(0)
    path = swimmer.path
    row, col = np.mgrid[:240, :320]
    far = np.hypot(col - path.x_px[0], row - path.y_px[0]) > 180
    assert np.array_equal(seen[0][far], empty[0][far])


def test_a_sperm_half_outside_of_the_frame_is_cut_off_at_the_border():
    outside = StudySettings(
        sperm_per_video=1, others_per_video=60, frames=2, clip_frames=1, width_px=320, height_px=240
    )
    plan = plan_video(outside, 0)
    field = draw_field(width_px=320, height_px=240, frames=2, rng=np.random.default_rng(0))
    frames = list(draw_frames(plan.swimmers, field, um_per_px=0.19))
    assert [frame.shape for frame in frames] == [(240, 320)] * 2
