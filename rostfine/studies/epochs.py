"""The axis of epochs in figures."""

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator


def number_epochs(axes: Axes) -> None:
    """Number whole epochs only, be it a single one."""
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.set_xlabel("epoch")
