"""Whether a model needs motion, and sees it: the clip against its first frame, and frames shuffled.

Shuffled are the frames that a model is given, all but the first, each clip in an order of its own.
What only reads the first frame therefore loses nothing, and nor does what reads no order.
"""

from typing import Final

import numpy as np
import torch
from jaxtyping import Float
from numpy import ndarray

from rostfine.evaluation.predict import predict_inputs
from rostfine.evaluation.scores import plain_mean
from rostfine.evaluation.significance import paired_permutation
from rostfine.evaluation.statistics import draw_patients, interval
from rostfine.metrics import emd
from rostfine.studies.held_out import Clips, held_out
from rostfine.studies.metric_tables import metric_tables
from rostfine.studies.output import Output
from rostfine.studies.pairs import pairs_tables
from rostfine.studies.parts import Column, column_of
from rostfine.studies.results import Results
from rostfine.studies.tables import PaperTable, cell, make_table

TITLE: Final = "Motion: what a model reads beyond the first frame"
ROWS: Final = {
    "vgg16": "VGG16, first frame",
    "timesformer_first_frame": "TimeSformer, first frame",
    "timesformer": "TimeSformer",
    "rostfine": "RoSTFine",
}
WORSE: Final = "shuffled minus intact [95 %]"
NOTES: Final = (
    "Intact and shuffled: EMD over all clips, each by a model that was not trained on it",
    "Shuffled: all frames but the first, in a random order",
    "Interval: bootstrap over patients; p: paired permutation test, patients exchanged whole",
)


def tabulate(results: Results) -> Output:
    """Make the tables."""
    metrics = metric_tables(results, "metrics", "Metrics", ROWS, ("mse", "js", "emd"))
    shuffled = [_shuffled(results)] if results.predictions else []
    return Output(TITLE, (*metrics, *pairs_tables(results, {"pairs": "emd"}), *shuffled))


def _shuffled(results: Results) -> PaperTable:
    column, rounds = column_of("emd"), results.study.bootstrap
    weights = draw_patients(results.truth.patients, rounds, results.rng())
    cells = []
    for name in results.predictions:
        label = ROWS.get(name, name)
        intact = emd(results.predictions[name], results.truth.labels) * column.scale
        shuffled = emd(predict_shuffled(results, name), results.truth.labels) * column.scale
        apart = shuffled - intact
        worse = interval(plain_mean(apart), weights)
        p = paired_permutation(apart, results.rng(), patients=results.truth.patients)
        cells += [
            cell(label, _heading(column, "intact"), float(intact.mean())),
            cell(label, _heading(column, "shuffled"), float(shuffled.mean())),
            cell(label, WORSE, worse.mean, limits=(worse.low, worse.high)),
            cell(label, "p", p),
        ]
    headings = [_heading(column, "intact"), _heading(column, "shuffled"), WORSE]
    digits = {**dict.fromkeys(headings, column.digits), "p": 3}
    title = "Frames in time and shuffled"
    return make_table("shuffled", title, cells, digits, notes=NOTES, corner="Model")


def _heading(column: Column, what: str) -> str:
    return f"{column.heading}, {what}"


def predict_shuffled(results: Results, name: str) -> Float[ndarray, "sample grade"]:
    """Predict every clip, its frames shuffled, by the model that was not trained on it."""
    predicted = np.empty(results.truth.labels.shape)
    generator = torch.Generator().manual_seed(results.study.seed)
    for part in held_out(results.study.run_folder(name), results.clips, results.truth):
        batches = part.batches(lambda clips: shuffle(clips, generator))
        predicted[part.rows] = predict_inputs(part.model, batches)
    return predicted


def shuffle(clips: Clips, generator: torch.Generator) -> Clips:
    """Put all frames but the first into a random order, one for each clip."""
    draws = torch.rand(len(clips), clips.shape[2], generator=generator)
    draws[:, 0] = -1.0
    order = draws.argsort(dim=1)[:, None, :, None, None].expand_as(clips)
    return clips.gather(2, order)
