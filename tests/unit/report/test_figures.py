import base64
import io

import numpy as np
from matplotlib.image import imread

from rostfine.evaluation.comparison import SAMPLE
from rostfine.report.figures import FAINT, INK, draw_gaps, draw_scores, make_strip
from rostfine.report.page import ReportData, render_page


def test_a_strip_is_8_of_16_frames_side_by_side_from_first_to_last() -> None:
    frames = np.zeros((16, 24, 24, 3), dtype=np.uint8)
    frames += (np.arange(16, dtype=np.uint8) * 16)[:, None, None, None]
    head, encoded = make_strip(frames).split(",")
    image = imread(io.BytesIO(base64.b64decode(encoded)), format="jpg")
    assert head == "data:image/jpeg;base64"
    assert image.shape[:2] == (24, 8 * 24)
    assert abs(image[12, 12::24, 0] / 16 - [0, 2, 4, 6, 9, 11, 13, 15]).max() < 0.2


def test_a_figure_takes_its_ink_from_the_page_and_keeps_its_own_in_the_image(
    data: ReportData,
) -> None:
    for figure in render_page(data).figures:
        assert figure.svg.startswith("<svg")
        assert "currentColor" in figure.svg
        assert INK not in figure.svg
        assert FAINT not in figure.svg
        image = imread(io.BytesIO(figure.png), format="png")
        assert image[0, 0, :3].tolist() == [1, 1, 1]


def test_the_gap_figure_says_the_difference_and_the_verdict(data: ReportData) -> None:
    row = data.summary.set_index(["level", "experiment", "metric"]).loc[
        (SAMPLE, "half <right>", "emd")
    ]
    assert f"half <right> {row['minus_zero_r']:+.4f} (better)" in draw_gaps(data.summary).says


def test_the_score_line_spans_0_below_to_1_above() -> None:
    svg = draw_scores(np.array([1.0, 0.0, 0.5]))
    assert 'points="2.0,2.0 60.0,30.0 118.0,16.0"' in svg
    assert 'aria-label="score by frame, lowest 0.00"' in svg
