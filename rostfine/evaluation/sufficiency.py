"""Are there samples enough? The check of the EMD paper's appendix A (Figs. 7 and 8, eq. 8).

The features of all samples are projected on their first principal component (PC1), a bias makes it
positive, and its logarithm is taken to be normal with standard deviation sigma. Eq. 8 is then half
the width of the 95 % confidence interval of its mean: 1.96 * sqrt(sigma ** 2 / n). Solved for n it
says how many samples a wanted margin needs. It takes samples for independent: of clips that share
patients the true half-width is larger.
"""

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from jaxtyping import Float
from numpy import ndarray

from rostfine.errors import InputError

Z_95: Final = 1.96
"""The paper's factor; the 97.5 percentile of the standard normal distribution."""


@dataclass(frozen=True)
class Sufficiency:
    """What eq. 8 says of a sample; `log_pc1` is what a histogram is drawn of."""

    log_pc1: Float[ndarray, " sample"]
    bias: float
    mean: float
    sd: float
    half_width: float

    @property
    def relative(self) -> float:
        """The half-width as a share of the mean."""
        return self.half_width / self.mean


def principal_components(
    features: Float[ndarray, "sample dim"], count: int = 2
) -> tuple[Float[ndarray, "sample component"], Float[ndarray, " component"]]:
    """Return coordinates on the first principal components, and the variance share of each.

    The sign of a component is such that its largest loading is positive. Raises InputError with
    fewer than two samples, or where all samples are the same.
    """
    centred = features.astype(np.float64) - features.mean(axis=0, dtype=np.float64)
    if len(features) < 2 or not centred.any():
        raise InputError(f"principal components: {len(features)} samples do not vary")
    left, scale, loadings = np.linalg.svd(centred, full_matrices=False)
    largest = np.abs(loadings).argmax(axis=1)
    signs = np.sign(loadings[np.arange(len(loadings)), largest])
    shares = np.square(scale) / np.square(scale).sum()
    return (left * scale * signs)[:, :count], shares[:count]


def sufficiency(pc1: Float[ndarray, " sample"], bias: float | None = None) -> Sufficiency:
    """Take the logarithm of biased PC1, and the half-width of its mean by eq. 8.

    The paper does not say its bias. Without one given it is such that the smallest value becomes 1,
    whose logarithm is 0. Raises InputError if a value is not positive with the bias given.
    """
    pc1 = pc1.astype(np.float64)
    added = 1.0 - float(pc1.min()) if bias is None else bias
    if pc1.min() + added <= 0:
        raise InputError(f"sufficiency: wanted a bias above {-pc1.min():g}, got {added:g}")
    log_pc1 = np.log(pc1 + added)
    sd = float(log_pc1.std(ddof=1))
    width = half_width(sd, len(pc1))
    return Sufficiency(log_pc1, added, float(log_pc1.mean()), sd, width)


def half_width(sd: float, samples: int) -> float:
    """Return half the width of the 95 % confidence interval of a mean (eq. 8)."""
    return Z_95 * math.sqrt(sd**2 / samples)


def samples_needed(sd: float, margin: float) -> int:
    """Return how many samples make the half-width of eq. 8 no larger than `margin`."""
    if margin <= 0:
        raise InputError(f"sufficiency: wanted a margin above 0, got {margin:g}")
    return max(1, math.ceil((Z_95 * sd / margin) ** 2 - 1e-9))
