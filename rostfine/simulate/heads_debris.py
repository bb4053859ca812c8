"""What lies on a stained slide and is no sperm: haze, specks, rods of bacteria, round cells."""

import math
from typing import Final

import cv2
import numpy as np
from jaxtyping import Float32, Float64

from rostfine.simulate.heads_contour import Polygon
from rostfine.simulate.heads_paint import Stroke, filled, lined

Heads = Float64[np.ndarray, "head 3"]
Density = Float32[np.ndarray, "row col chan"]

# Densities of red, green, blue.
HAZE: Final = (0.20, 0.38, 0.10)
SPECK: Final = (0.70, 0.60, 0.22)
ROD: Final = (1.5, 1.1, 0.35)
BLOB: Final = (0.50, 0.40, 0.14)
PLASMA: Final = (0.22, 0.34, 0.10)
LOBE: Final = (1.0, 1.25, 0.36)

# How many there are of each, per 1000 um2.
HAZES: Final = 8.0
SPECKS: Final = 22.0
RODS: Final = 2.0
BLOBS: Final = 3.0
CELLS: Final = 0.9


def draw_debris(
    heads: Heads, size_px: tuple[int, int], um_per_px: float, rng: np.random.Generator
) -> Density:
    """Draw how dense debris is; of larger things none lies on a head (x, y, reach; in px)."""
    scene = _Scene(heads, size_px, um_per_px, rng)
    haze = filled(size_px, scene.lumps(HAZES, (0.6, 2.2), dents=0.5))
    specks = filled(size_px, scene.lumps(SPECKS, (0.1, 0.35), dents=0.3))
    blobs = filled(size_px, scene.lumps(BLOBS, (0.5, 1.3), dents=0.15, apart=True))
    rods = lined(size_px, [Stroke(scene.rods(), 0.45 / um_per_px)])
    cells = scene.lumps(CELLS, (3.0, 5.0), dents=0.12, apart=True)
    lobes = [lobe for cell in cells for lobe in scene.lobes(cell)]
    fine_rough = rng.uniform(0.2, 1.4, size_px[::-1]).astype(np.float32)
    soft = cv2.GaussianBlur(haze * fine_rough, (0, 0), 0.3 / um_per_px)
    return sum(
        (
            mask[:, :, None] * np.array(colour, np.float32)
            for mask, colour in (
                (soft, HAZE),
                (specks, SPECK),
                (blobs, BLOB),
                (rods, ROD),
                (filled(size_px, cells), PLASMA),
                (filled(size_px, lobes), LOBE),
            )
        ),
        np.zeros((*size_px[::-1], 3), np.float32),
    )


class _Scene:
    """A slide on which things find a place."""

    def __init__(
        self, heads: Heads, size_px: tuple[int, int], um_per_px: float, rng: np.random.Generator
    ) -> None:
        self.heads, self.rng, self.um_per_px = heads, rng, um_per_px
        self.size_px = np.array(size_px, np.float64)

    def lumps(
        self,
        per_1000_um2: float,
        radius_um: tuple[float, float],
        *,
        dents: float,
        apart: bool = False,
    ) -> list[Polygon]:
        """Draw uneven round outlines; those `apart` keep away from heads, or there are fewer."""
        lumps = []
        for _ in range(self._count(per_1000_um2)):
            radius = float(self.rng.uniform(*radius_um)) / self.um_per_px
            place = self._place(radius if apart else -math.inf)
            if place is not None:
                lumps.append(place + self._lump(radius, dents))
        return lumps

    def rods(self) -> list[Polygon]:
        """Draw short straight lines, one behind another."""
        rods = []
        for _ in range(self._count(RODS)):
            course = self.rng.uniform(0, 2 * math.pi)
            start = self._place(1.0 / self.um_per_px)
            step = np.array([math.cos(course), math.sin(course)]) / self.um_per_px
            for index in range(int(self.rng.integers(1, 4))):
                if start is not None:
                    rods.append(start + step * (np.array([[0.0], [0.5]]) + 0.95 * index))
        return rods

    def lobes(self, cell: Polygon) -> list[Polygon]:
        """Draw the nucleus of a round cell."""
        radius = float(np.ptp(cell, axis=0).mean()) / 2
        return [
            cell.mean(axis=0)
            + self.rng.uniform(-0.35, 0.35, 2) * radius
            + self._lump(radius * float(self.rng.uniform(0.3, 0.45)), 0.1)
            for _ in range(int(self.rng.integers(1, 4)))
        ]

    def _count(self, per_1000_um2: float) -> int:
        return int(self.rng.poisson(per_1000_um2 * self.size_px.prod() * self.um_per_px**2 / 1000))

    def _place(self, apart_px: float) -> Float64[np.ndarray, " xy"] | None:
        for _ in range(20):
            place: Float64[np.ndarray, " xy"] = self.rng.uniform(0, 1, 2) * self.size_px
            away = np.hypot(*(self.heads[:, :2] - place).T)
            if (away > self.heads[:, 2] + 1.1 * apart_px).all():
                return place
        return None

    def _lump(self, radius_px: float, dents: float) -> Polygon:
        angle = np.linspace(0, 2 * math.pi, 32, endpoint=False)
        phase = self.rng.uniform(0, 2 * math.pi, (4, 1))
        waves = np.cos(np.arange(2, 6)[:, None] * angle + phase).T @ self.rng.uniform(-0.5, 0.5, 4)
        radius = radius_px * (1 + dents * waves)
        return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=1)
