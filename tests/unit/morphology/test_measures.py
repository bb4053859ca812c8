import math

import numpy as np
import pytest
from scipy.spatial import ConvexHull

from rostfine.morphology.heads import Instance, encode
from rostfine.morphology.measures import MEASURES, HeadMeasures, measure

CLASSES = {"good": "good", "cap": "acrosome", "hole": "vacuole"}
SIDE_PX = 96


def ellipse(
    length: float, width: float, *, degrees: float = 0.0, middle: tuple[float, float] = (48.2, 47.7)
) -> np.ndarray:
    row, col = np.mgrid[:SIDE_PX, :SIDE_PX]
    x, y = col - middle[0], row - middle[1]
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    along, across = x * cos + y * sin, y * cos - x * sin
    return (2 * along / length) ** 2 + (2 * across / width) ** 2 <= 1


def rectangle(rows: slice, cols: slice) -> np.ndarray:
    mask = np.zeros((SIDE_PX, SIDE_PX), bool)
    mask[rows, cols] = True
    return mask


def star(depth: float) -> np.ndarray:
    row, col = np.mgrid[:SIDE_PX, :SIDE_PX] - 47.5
    return np.hypot(row, col) <= reach(np.arctan2(row, col), depth)


def reach(angle: np.ndarray, depth: float) -> np.ndarray:
    return 30 * (1 + depth * np.cos(7 * angle))


def roughness_of_star(depth: float) -> float:
    angle = np.linspace(0, 2 * math.pi, 5001)
    edge = np.stack([np.cos(angle), np.sin(angle)], axis=1) * reach(angle, depth)[:, None]
    # Of a hull in the plane, SciPy's `area` is its perimeter.
    return np.linalg.norm(np.diff(edge, axis=0), axis=1).sum() / ConvexHull(edge).area


def instance(mask: np.ndarray, name: str = "good", **more: object) -> Instance:
    return Instance(name, (0.0, 0.0, 1.0, 1.0), encode(mask), **more)


def measured(mask: np.ndarray, *parts: Instance, um_per_px: float | None = None) -> HeadMeasures:
    return measure(instance(mask), parts, um_per_px, classes=CLASSES)


def circumference(length: float, width: float) -> float:
    """Of an ellipse, by Ramanujan's second approximation."""
    h = ((length - width) / (length + width)) ** 2
    return math.pi / 2 * (length + width) * (1 + 3 * h / (10 + math.sqrt(4 - 3 * h)))


@pytest.mark.parametrize("degrees", [0, 17, 45, 71, 90, 130])
@pytest.mark.parametrize(("length", "width"), [(20, 12), (30, 18), (60, 36), (44, 14)])
def test_an_ellipse_at_any_angle_has_its_axes_and_its_circumference(length, width, degrees):
    found = measured(ellipse(length, width, degrees=degrees))
    assert found.length_px == pytest.approx(length, abs=0.5)
    assert found.width_px == pytest.approx(width, abs=0.4)
    assert found.width_to_length == pytest.approx(width / length, abs=0.02)
    assert found.perimeter_px == pytest.approx(circumference(length, width), rel=0.025)
    assert found.regularity == pytest.approx(1, abs=0.01)
    assert found.roughness == 1


def test_the_axes_of_ellipses_are_right_to_0_15_px_on_average_of_all_angles():
    errors = [
        (found.length_px - 30, found.width_px - 18)
        for degrees in np.arange(0, 180, 7.3)
        for found in [measured(ellipse(30, 18, degrees=degrees))]
    ]
    assert np.sqrt(np.square(errors).mean(axis=0)).max() < 0.15


def test_a_circle_is_round_by_every_ratio():
    found = measured(ellipse(50, 50))
    assert found.ellipticity == pytest.approx(1, abs=0.005)
    assert found.elongation == pytest.approx(0, abs=0.003)
    assert found.rugosity == pytest.approx(1, abs=0.01)


def test_ratios_are_those_of_their_formulas():
    size = {"area_px": 100.0, "length_px": 20.0, "width_px": 5.0, "perimeter_px": 40.0}
    found = HeadMeasures(
        **size,
        hull_perimeter_px=32.0,
        acrosome_share=0.5,
        vacuole_share=0.0,
        vacuoles=0,
        is_cut=False,
        um_per_px=0.1,
    )
    assert (found.ellipticity, found.elongation, found.width_to_length) == (4, 0.6, 0.25)
    assert found.rugosity == pytest.approx(math.pi / 4)
    assert found.regularity == pytest.approx(math.pi / 4)
    assert found.roughness == 1.25


def test_a_rectangle_has_the_axes_of_the_ellipse_of_its_moments():
    found = measured(rectangle(slice(30, 50), slice(20, 60)))
    assert found.area_px == 800
    assert found.length_px == pytest.approx(40 * 2 / math.sqrt(3))
    assert found.width_px == pytest.approx(20 * 2 / math.sqrt(3))
    assert found.perimeter_px == pytest.approx(120, rel=0.03)


def test_a_star_is_rougher_the_deeper_its_notches():
    for depth in (0.1, 0.2, 0.3):
        assert measured(star(depth)).roughness == pytest.approx(roughness_of_star(depth), rel=0.03)
    assert measured(star(0.3)).rugosity < measured(star(0.1)).rugosity < 0.95


def test_holes_and_lone_pixels_beside_the_head_change_nothing():
    whole = ellipse(40, 24)
    worn = whole.copy()
    worn[44:50, 45:52] = False
    worn[2, 2] = worn[90, 40] = True
    expected = measured(whole).named()
    assert measured(worn).named() == pytest.approx(expected, nan_ok=True)


def test_lengths_are_in_um_where_the_scale_is_known():
    mask = ellipse(40, 24)
    found, unscaled = measured(mask, um_per_px=0.1).named(), measured(mask).named()
    assert tuple(found) == tuple(unscaled) == MEASURES
    assert found["length_um"] == pytest.approx(4, abs=0.03)
    assert found["perimeter_um"] == pytest.approx(found["perimeter_px"] / 10)
    assert found["area_um2"] == pytest.approx(found["area_px"] / 100)
    assert [unscaled[name] for name in ("length_um", "width_um", "area_um2")] == [None] * 3
    assert unscaled["length_px"] == found["length_px"]


def test_shares_are_of_the_largest_acrosome_and_of_all_vacuoles_within_the_head():
    head = rectangle(slice(20, 60), slice(30, 50))
    cap = instance(rectangle(slice(10, 40), slice(30, 50)), "cap")  # a third of it is outside
    scrap = instance(rectangle(slice(50, 55), slice(30, 50)), "cap")
    holes = [instance(rectangle(slice(r, r + 4), slice(35, 45)), "hole") for r in (44, 46, 52)]
    found = measured(head, scrap, cap, *holes)
    assert found.acrosome_share == pytest.approx(20 / 40)
    assert found.vacuole_share == pytest.approx(100 / 800)  # the first two overlap
    assert found.vacuoles == 3


def test_a_part_is_of_the_head_of_its_group_or_of_that_in_which_most_of_it_lies():
    head = rectangle(slice(20, 60), slice(30, 50))
    inside, half_outside = rectangle(slice(20, 30), slice(30, 50)), np.roll(head, 12, axis=1)

    def share(group: str, mask: np.ndarray, part_group: str) -> float:
        cap = instance(mask, "cap", group=part_group)
        whole = instance(head, group=group)
        return measure(whole, [cap], None, classes=CLASSES).acrosome_share

    assert share("", inside, "") == share("1", inside, "") == share("", inside, "1") == 0.25
    assert share("1", inside, "2") == 0
    assert share("", half_outside, "") == 0
    assert share("1", half_outside, "1") == pytest.approx(0.4)


def test_the_share_of_a_part_without_a_class_is_unknown_and_of_one_not_found_is_0():
    head = instance(ellipse(30, 18))
    assert measure(head, [head], None, classes=CLASSES).acrosome_share == 0
    unknown = measure(head, [head], None, classes={"good": "good"})
    assert math.isnan(unknown.acrosome_share)
    assert math.isnan(unknown.vacuole_share)
    assert unknown.vacuoles is None


@pytest.mark.parametrize("at", [(0, 40), (60, 40), (30, 0), (30, 76)])
def test_a_head_at_the_border_is_cut(at):
    row, col = at
    assert measured(rectangle(slice(row, row + 36), slice(col, col + 20))).is_cut
    assert not measured(rectangle(slice(1, 95), slice(1, 95))).is_cut


def test_one_pixel_has_finite_measures_and_none_has_no_measures():
    pixel = measured(rectangle(slice(4, 5), slice(4, 5)), um_per_px=0.1).named()
    assert all(math.isfinite(value) for value in pixel.values())
    nothing = measured(np.zeros((SIDE_PX, SIDE_PX), bool)).named()
    assert all(math.isnan(nothing[name]) for name in MEASURES[:4])
    assert not nothing["is_cut"]


def test_a_head_of_which_only_a_box_is_known_is_not_measured():
    boxed = instance(ellipse(30, 18), outlined=False)
    assert math.isnan(measure(boxed, [], 0.1, classes=CLASSES).length_px)
