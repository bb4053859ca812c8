"""The curves of a fit, drawn beside its training; whoever does not lead its team draws none."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from rostfine.training.curves import Curves
from rostfine.training.epoch import Epoch
from rostfine.training.fits import Fit
from rostfine.training.jobs import Job
from rostfine.training.team import Team

CURVES: Final = "tensorboard"


@contextmanager
def also_drawn(
    job: Job, todo: Fit, team: Team, on_epoch: Callable[[Epoch], None]
) -> Iterator[tuple[Callable[[Epoch], None], Curves | None]]:
    """Yield what is to be told of each epoch, so that it is drawn, too; and the curves themselves.

    The process stands in the workspace of the job. Curves go on where the fit does.
    """
    if not team.leads:
        yield on_epoch, None
        return
    folder = Path(CURVES) / job.name / todo.folder
    begun = job.work.epochs_done(todo)
    if not begun:
        shutil.rmtree(folder, ignore_errors=True)
    with closing(Curves(folder, todo.label, goes_on_from=begun)) as curves:

        def note(epoch: Epoch) -> None:
            curves.epoch(epoch)
            on_epoch(epoch)

        yield note, curves
