"""What the tagged sperm looks like: how large its head is, and templates of it.

Everything is seen through a square grid whose cells are a tenth of the head's length, so that no
constant depends on the microscope. Where a head is shows in the *headness*: how much the picture
strays from its surroundings, either way, within a disc of the head's size. It is blind to what the
head looks like, and so to its turning; the templates know that, and tell it from other heads.
"""

import math
from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from jaxtyping import Float32, UInt8

from rostfine.params import TrackingParams
from rostfine.tracking.likeness import (
    CENTRE_RADIUS,
    CENTRE_REACH,
    Cells,
    Surroundings,
    find_middle,
    weigh,
)
from rostfine.video.crop import cut_square

Luma = UInt8[np.ndarray, "row col"]

CELLS_PER_HEAD: Final = 10
TEMPLATE_RADIUS: Final = 8
"""In cells: the template holds the head and a part of its surroundings and tail."""
ROTATED_RADIUS: Final = math.ceil(TEMPLATE_RADIUS * math.sqrt(2))
TURNS_DEG: Final = (0.0, -20.0, 20.0)
"""How far a head may turn from one frame to the next, in steps that matching still bridges."""
ALIKE: Final = 0.85
"""Correlation from which on nobody asks whether the head has turned."""
DISC_SIGMA: Final = 3.1
"""In cells; the Gaussian that answers best to a disc with the diameter of the head."""
RING_RATIO: Final = 1.6
"""Of two Gaussians whose difference comes next to the Laplacian (Marr and Hildreth, 1980)."""
PYRAMID_VARIANCE: Final = 2.0
"""Of the two binomial filters of five cells that lead to half the grid and back."""
LOCAL_CELLS: Final = 41
"""Side of the square whose mean is the local background."""
MARGIN: Final = 16
"""In cells: how far beyond a place the headness looks; also holds a template."""
SIZES_TRIED: Final = 12
TAG_SLACK: Final = 0.25
"""How far a tag may be off the middle of its head, as a standard deviation in heads."""
_OFF: Final = np.arange(-CELLS_PER_HEAD, CELLS_PER_HEAD + 1) / CELLS_PER_HEAD
TAG_PRIOR: Final = np.exp(-0.5 * (_OFF[None] ** 2 + _OFF[:, None] ** 2) / TAG_SLACK**2)
"""How likely the middle of a head is in each cell around its tag."""
RECENT: Final = 0.85
"""What a likeness with the recent look, which may slip, counts beside one with the tagged head."""
EMPTY_NOISE: Final = 0.6
"""Headness over the noise of the frame below which no head is under a tag.

Of 240 simulated and 37 real sperm the faintest has 1.8; most places without any have below 0.6."""
MEDIAN_SD: Final = 0.6745
"""Median of what is Gaussian, without its sign, over its standard deviation."""
NOISE_RADIUS_PX: Final = 40
"""How far around a tag the noise is measured."""
FAINTEST: Final = 0.3
"""Grey levels of headness below which there is nothing to follow; keeps a quotient finite."""


@dataclass(frozen=True)
class Head:
    """Where the tagged head is, how long, and how strongly it stands out, in grey levels."""

    x_px: float
    y_px: float
    length_px: float
    headness: float
    is_there: bool  # whether it stands out of the noise at all


def look(luma: Luma, x_px: float, y_px: float, *, radius: int, cell_px: float) -> Cells:
    """Sample the surroundings of a place of the frame: `radius` cells to each side of its own."""
    x_px = min(max(x_px, 0.0), luma.shape[1] - 1.0)
    y_px = min(max(y_px, 0.0), luma.shape[0] - 1.0)
    cells = 2 * radius + 1
    return cut_square(luma, x_px, y_px, cells=cells, cell_px=cell_px).astype(np.float32)


def headness(cells: Cells) -> Cells:
    """Return how much each place looks like the middle of a head-sized disc that stands out."""
    background = cv2.blur(cells, (LOCAL_CELLS, LOCAL_CELLS), borderType=cv2.BORDER_REFLECT_101)
    # What is left is so smooth that every other cell tells it, at a quarter of the work.
    strays = cv2.pyrDown(cv2.absdiff(cells, background))
    disc = cv2.GaussianBlur(strays, (0, 0), _halved(DISC_SIGMA))
    ring = cv2.GaussianBlur(strays, (0, 0), _halved(DISC_SIGMA * RING_RATIO))
    answer: Cells = cv2.pyrUp(disc - ring, dstsize=cells.shape[::-1])
    return answer


def _halved(sigma: float) -> float:
    """Return how wide a Gaussian is on half the grid, less what going there and back blurs."""
    return math.sqrt(sigma**2 - PYRAMID_VARIANCE) / 2


def find_head(luma: Luma, x_px: float, y_px: float, params: TrackingParams) -> Head:
    """Find the head that was tagged at (`x_px`, `y_px`): its size by headness, then its middle."""
    sizes = np.geomspace(params.min_head_px, params.max_head_px, SIZES_TRIED)
    _, found, length_px = max(
        (*_answer(luma, x_px, y_px, length_px=float(size)), float(size)) for size in sizes
    )
    cell_px = length_px / CELLS_PER_HEAD
    radius = CENTRE_RADIUS + CENTRE_REACH
    across, down = find_middle(look(luma, x_px, y_px, radius=radius, cell_px=cell_px))
    return Head(
        x_px=min(max(x_px + across * cell_px, 0.0), luma.shape[1] - 1.0),
        y_px=min(max(y_px + down * cell_px, 0.0), luma.shape[0] - 1.0),
        length_px=length_px,
        headness=max(found, FAINTEST),
        is_there=found > max(EMPTY_NOISE * _noise(luma, x_px, y_px), FAINTEST),
    )


def _noise(luma: Luma, x_px: float, y_px: float) -> float:
    """Return the standard deviation of the noise around a place: what no slope and no edge makes.

    By the median, of which heads and bubbles are too few to change much.
    """
    near = look(luma, x_px, y_px, radius=NOISE_RADIUS_PX, cell_px=1.0)
    twist = near[1:, 1:] - near[1:, :-1] - near[:-1, 1:] + near[:-1, :-1]
    # A quarter of them is enough for it.
    return float(np.median(np.abs(twist[::2, ::2]))) / (2 * MEDIAN_SD)


def _answer(luma: Luma, x_px: float, y_px: float, *, length_px: float) -> tuple[float, float]:
    """Return how good the best place for a head of this length is for the tag, and its headness."""
    radius = CELLS_PER_HEAD + MARGIN
    cell_px = length_px / CELLS_PER_HEAD
    cells = look(luma, x_px, y_px, radius=radius, cell_px=cell_px)
    answer = headness(cells)[MARGIN:-MARGIN, MARGIN:-MARGIN]
    likely = answer * TAG_PRIOR
    row, col = np.unravel_index(int(likely.argmax()), likely.shape)
    return float(likely[row, col]), float(answer[row, col])


class Templates:
    """The head as it was tagged, turned as it has turned since, and as it looked lately."""

    def __init__(self, luma: Luma, head: Head) -> None:
        self._cell_px = head.length_px / CELLS_PER_HEAD
        self._tagged = self._cut(luma, head.x_px, head.y_px, ROTATED_RADIUS)
        self._recent = self._cut(luma, head.x_px, head.y_px, TEMPLATE_RADIUS)
        self._turn_deg = 0.0
        self._turns = [weigh(self._turned(turn)) for turn in TURNS_DEG]

    def match(self, cells: Cells) -> Float32[np.ndarray, "template row col"]:
        """Correlate templates with every place, -1..1: the recent look, then one for each turn.

        The recent look counts less. Where it or the next is sure of itself the further turns are
        left out.
        """
        around = Surroundings(cells, side=2 * TEMPLATE_RADIUS + 1)
        found = [around.correlate(weigh(self._recent)), around.correlate(self._turns[0])]
        if max(float(found[0].max()), float(found[1].max())) < ALIKE:
            found += [around.correlate(turned) for turned in self._turns[1:]]
        found[0] *= np.float32(RECENT)
        return np.stack(found)

    def renew(
        self,
        luma: Luma,
        place_px: tuple[float, float],
        *,
        correlations: Float32[np.ndarray, " template"],
        share: float,
    ) -> None:
        """Take the look at a place where the head was found, and the turn that fitted best."""
        turn_deg = TURNS_DEG[int(correlations[1:].argmax())]
        if turn_deg:
            self._turn_deg += turn_deg
            self._turns = [weigh(self._turned(self._turn_deg + turn)) for turn in TURNS_DEG]
        now = self._cut(luma, *place_px, TEMPLATE_RADIUS)
        self._recent = (1 - np.float32(share)) * self._recent + np.float32(share) * now

    def _cut(self, luma: Luma, x_px: float, y_px: float, radius: int) -> Cells:
        return look(luma, x_px, y_px, radius=radius, cell_px=self._cell_px)

    def _turned(self, angle_deg: float) -> Cells:
        middle = float(ROTATED_RADIUS)
        turn = cv2.getRotationMatrix2D((middle, middle), angle_deg, 1.0)
        turn[:, 2] -= ROTATED_RADIUS - TEMPLATE_RADIUS
        side = 2 * TEMPLATE_RADIUS + 1
        turned: Cells = cv2.warpAffine(self._tagged, turn, (side, side))
        return turned
