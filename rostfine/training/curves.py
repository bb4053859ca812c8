"""Curves and pictures of a fit for TensorBoard, under the names of the published code.

Its `add_scalars` opens a writer and a folder for each line. Here one file holds all lines of a fit
as tags such as `Loss0/train_all`, which is the same name, and which TensorBoard shows as a group.

Of tensorboardX (MIT, there because Ray needs it) only the framing of records is used: its
SummaryWriter keeps events in a queue that `flush` does not empty, so that a killed fit would lack
epochs, names two files of one second alike, and writes `train_loss+div` as `train_loss_div`.
"""

import io
import logging
import socket
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import matplotlib
import numpy as np
from jaxtyping import Float, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.image import imread, imsave
from numpy import ndarray
from tensorboardX import RecordWriter
from tensorboardX.proto.event_pb2 import Event, SessionLog
from tensorboardX.proto.summary_pb2 import Summary

from rostfine.schemas import GRADES
from rostfine.training.epoch import Epoch, Terms

logger = logging.getLogger(__name__)

MOST_CLIPS: Final = 6
DPI: Final = 100
TRUE: Final = "#8795a5"
PREDICTED: Final = "#12897a"
"""The colours of the report, which stands above training and cannot be asked."""
STYLE: Final[Any] = {
    "font.size": 8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.constrained_layout.use": True,
}


class Curves:
    """What TensorBoard shows of the fit `fit_number` (a fold's, or `final`), written to `folder`.

    A fit that `goes_on_from` an epoch hides from readers what was written of it and those after it
    by the process before, so that each is seen once. Every epoch is on the disk when `epoch`
    returns: if that is called before the epoch's checkpoint is written, none is ever missing.

    A disk without room ends the curves, with a warning, but not the fit.
    """

    def __init__(self, folder: Path, fit_number: str, *, goes_on_from: int = 0) -> None:
        self._folder, self._fit_number = folder, fit_number
        self._file: RecordWriter | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._file = RecordWriter(str(folder / _name_next_file(folder)))
        except OSError as error:
            self._give_up(error)
        self._write(Event(file_version="brain.Event:2"))
        start = SessionLog(status=SessionLog.START)
        self._write(Event(step=goes_on_from, session_log=start))

    def epoch(self, epoch: Epoch) -> None:
        """Add an epoch to the curves `Loss{f}` and, where features are kept apart, `Div{f}`."""
        values = dict(_name_values(self._fit_number, epoch.train, training=True))
        if epoch.valid:
            values.update(_name_values(self._fit_number, epoch.valid, training=False))
        scalars = [Summary.Value(tag=name, simple_value=value) for name, value in values.items()]
        self._write(Event(step=epoch.epoch, summary=Summary(value=scalars)))

    def image(self, tag: str, image: UInt8[ndarray, "row col 3"], epoch: int) -> None:
        """Add a picture, as of the end of `epoch`."""
        png = io.BytesIO()
        imsave(png, image, format="png")
        height, width, colours = image.shape
        shown = Summary.Image(
            height=height, width=width, colorspace=colours, encoded_image_string=png.getvalue()
        )
        summary = Summary(value=[Summary.Value(tag=tag, image=shown)])
        self._write(Event(step=epoch, summary=summary))

    def close(self) -> None:
        """End the curves; what comes later is not written."""
        file, self._file = self._file, None
        if file is not None:
            with suppress(OSError):
                file.close()

    def _write(self, event: Event) -> None:
        if self._file is None:
            return
        event.wall_time = time.time()
        try:
            self._file.write(event.SerializeToString())
            self._file.flush()
        except OSError as error:
            self._give_up(error)

    def _give_up(self, error: OSError) -> None:
        # Half a record may end the file: readers bear that, but nothing behind it.
        logger.warning("%s: no more curves of this fit: %s", self._folder, error)
        self.close()


def _name_values(fit_number: str, terms: Terms, *, training: bool) -> Iterator[tuple[str, float]]:
    """Name terms as the published code does, for which 1 branch is a baseline.

    A baseline's `all` is not published: it lets all models be compared in one chart.
    """
    loss = f"Loss{fit_number}"
    part, whole = ("train", "train") if training else ("valid", "val")
    yield f"{loss}/{part}_all", terms.averaged
    if len(terms.branches) == 1:
        yield f"{loss}/{whole}", terms.total
        return
    yield f"{loss}/{whole}_loss+div", terms.total
    yield f"{loss}/{part}_avg", terms.fit
    yield from ((f"{loss}/{part}_v{name}", value) for name, value in terms.branches.items())
    yield from ((f"Div{fit_number}/{part}_{pair}", value) for pair, value in terms.pairs.items())


def _name_next_file(folder: Path) -> str:
    """Name a file that sorts behind all others of `folder`: readers take them in that order.

    By the clock alone two files of one second were one, and those of two machines out of order.
    """
    parts = [path.name.split(".") for path in folder.glob("events.out.tfevents.*")]
    stamps = [int(part[3]) for part in parts if part[3].isdecimal()]
    stamp = max([int(time.time()), *(stamp + 1 for stamp in stamps)])
    return f"events.out.tfevents.{stamp:010d}.{socket.gethostname()}"


def draw_distributions(
    true: Float[ndarray, "clip grade"],
    predicted: Float[ndarray, "clip grade"],
    sample_ids: Sequence[str],
) -> UInt8[ndarray, "row col 3"]:
    """Draw what experts said beside what a model says, of the first six clips."""
    shown = min(MOST_CLIPS, len(sample_ids))
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(1.4 * shown + 1.2, 1.9))
        panels = figure.subplots(1, shown, sharey=True, squeeze=False)[0]
        for clip, axes in enumerate(panels):
            _draw_clip(axes, true[clip], predicted[clip])
            axes.set_title(sample_ids[clip], fontsize=8)
        panels[0].set_ylabel("probability")
        # Beside the bars, of which any may be tall.
        names = panels[0].get_legend_handles_labels()
        figure.legend(*names, loc="outside right center", frameon=False)
        picture = io.BytesIO()
        figure.savefig(picture, format="png", dpi=DPI)
    picture.seek(0)
    return (imread(picture, format="png")[..., :3] * 255).round().astype(np.uint8)


def _draw_clip(
    axes: Axes, true: Float[ndarray, " grade"], predicted: Float[ndarray, " grade"]
) -> None:
    places = np.arange(len(GRADES))
    axes.bar(places - 0.2, true, 0.4, color=TRUE, label="experts")
    axes.bar(places + 0.2, predicted, 0.4, color=PREDICTED, label="predicted")
    axes.set_xticks(places, list(GRADES))
    axes.set_ylim(0, 1)
