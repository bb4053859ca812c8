"""Table 1 of the RoSTFine paper, Fig. 3 of the EMD paper, and how many experts said how much."""

from typing import Final

import numpy as np
import pandas as pd
from matplotlib.ticker import MaxNLocator

from rostfine.report.figures import INK, TRUE, Figure, drawing
from rostfine.schemas import GRADES
from rostfine.studies.output import Output
from rostfine.studies.papers import printed
from rostfine.studies.results import Results
from rostfine.studies.tables import PaperTable, cell, make_table

TITLE = "The data set (RoSTFine paper, Table 1; EMD paper, Fig. 3)"
TRAIN, TEST, TOTAL = "Train", "Test", "Total"
ALL, HELD_OUT = "All clips", "Fold {} held out"
COUNT, CLIPS = "Number", "Clips"
SPREADS: Final = {"Votes per clip": "n_votes", "Agreement of two experts": "agreement"}
FIRST_SCORE = 1
"""Of grade A, as the EMD paper counts; labels count from 0."""


def tabulate(results: Results) -> Output:
    """Make the tables and figures."""
    labels = results.labels.set_index("sample_id").loc[list(results.truth.sample_ids)]
    tables = (
        _grades_table(results, labels),
        _counts_table(results, labels),
        _agreement_table(labels),
    )
    return Output(TITLE, tables, (draw_scores_and_modes(labels), draw_votes(labels)))


def _grades_table(results: Results, labels: pd.DataFrame) -> PaperTable:
    """Make Table 1, its columns as rows: clips trained on and tested, and by modal grade."""
    folds, modes = results.truth.folds, labels["mode"].to_numpy()
    clips, count = len(labels), len(np.unique(folds))
    shown = {ALL: (clips / count, modes)}
    for fold in np.unique(folds).tolist():
        held_out = folds == fold
        shown[HELD_OUT.format(fold)] = (float(held_out.sum()), modes[held_out])
    paper, cells = printed("emd", "data")["folds"], []
    for column, (tested, shown_modes) in shown.items():
        by_grade = {grade: (shown_modes == grade).sum() for grade in GRADES}
        values = {TRAIN: clips - tested, TEST: tested, **by_grade, TOTAL: len(shown_modes)}
        for row, value in values.items():
            beside = paper[row] if column == ALL else ()
            cells.append(cell(row, column, float(value), paper=beside))
    notes = (
        "A to E: clips for which the most experts selected the grade, of equals the better; in the "
        "columns of folds, those held out",
        f"Train and test of all clips: the mean over {count} folds",
    )
    title = "Clips by modal grade (RoSTFine paper, Table 1)"
    return make_table("table_1", title, cells, dict.fromkeys(shown, 0), notes=notes, corner="Clips")


def _counts_table(results: Results, labels: pd.DataFrame) -> PaperTable:
    votes = results.votes[results.votes["sample_id"].isin(labels.index)]
    counts = {
        "Clips": len(labels),
        "Patients": len(set(results.truth.patients)),
        "Experts": votes["expert_id"].nunique(),
        "Votes": len(votes),
    }
    paper = printed("emd", "data")["all"]
    cells = [
        cell(row, COUNT, float(value), paper=paper[row.lower()]) for row, value in counts.items()
    ]
    title = "Clips, experts and votes (EMD paper, section III)"
    return make_table("counts", title, cells, {COUNT: 0})


def _agreement_table(labels: pd.DataFrame) -> PaperTable:
    modes = [f"Modal grade {grade}" for grade in labels["mode"]]
    by_mode = {str(mode): clips for mode, clips in labels.groupby(modes)}
    cells = []
    for row, clips in {ALL: labels, **by_mode}.items():
        cells.append(cell(row, CLIPS, float(len(clips))))
        for heading, column in SPREADS.items():
            values = clips[column]
            cells.append(cell(row, heading, float(values.mean()), float(values.std())))
    notes = (
        "Mean ± standard deviation over clips",
        "Agreement: the share of pairs of experts of a clip who chose the same grade",
    )
    digits = {CLIPS: 0, **dict(zip(SPREADS, (1, 3), strict=True))}
    return make_table("agreement", "Votes and agreement", cells, digits, notes=notes)


def draw_scores_and_modes(labels: pd.DataFrame) -> Figure:
    """Draw Fig. 3: (a) clips by mean and standard deviation of their scores, (b) by their mode."""
    mean, sd = labels["mean"] + FIRST_SCORE, labels["sd"]
    scores = np.arange(len(GRADES)) + FIRST_SCORE
    modes = labels["mode"].value_counts().reindex(list(GRADES), fill_value=0)
    edges = [np.linspace(scores[0], scores[-1], 21), np.linspace(0, max(sd.max(), 1.0), 21)]
    with drawing("fig_3", 9.6, 3.6) as (canvas, done):
        left, right = canvas.subplots(1, 2)
        counts, *_ = np.histogram2d(mean, sd, bins=edges)
        shown = np.ma.masked_equal(counts.T, 0)
        mesh = left.pcolormesh(*edges, shown, cmap="viridis_r", vmin=0)
        canvas.colorbar(mesh, ax=left, label="clips", ticks=MaxNLocator(5, integer=True))
        left.set(title="(a)", xlabel="mean grade score", ylabel="standard deviation of scores")
        right.bar(scores, modes.to_numpy(), color=TRUE)
        right.bar_label(right.containers[0], color=INK)
        right.set(title="(b)", xlabel="most chosen grade (score)", ylabel="clips")
        for axes in (left, right):
            names = [f"{grade} ({score})" for grade, score in zip(GRADES, scores, strict=True)]
            axes.set_xticks(scores, names)
        right.grid(visible=False, axis="x")
    told = ", ".join(f"{grade} {count}" for grade, count in modes.items())
    return done(
        f"Scores A = 1 to E = 5. (a) Clips by the mean ({mean.mean():.2f} on average) and the "
        f"standard deviation ({sd.mean():.2f}) of their scores; (b) by most chosen grade: {told}."
    )


def draw_votes(labels: pd.DataFrame) -> Figure:
    """Draw how many votes clips have, and how often two experts agree on them."""
    votes, agreement = labels["n_votes"], labels["agreement"]
    with drawing("votes", 9.6, 2.8) as (canvas, done):
        left, right = canvas.subplots(1, 2)
        left.hist(votes, bins=whole_bins(votes), color=TRUE)
        left.set(title="Votes per clip", xlabel="votes", ylabel="clips")
        left.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
        right.hist(agreement, bins=np.linspace(0, 1, 21).tolist(), color=TRUE)
        right.axvline(agreement.mean(), color=INK, linestyle=":", label="mean")
        right.set(title="Agreement of two experts", xlabel="probability", ylabel="clips")
        right.legend()
    return done(
        f"Votes per clip: {votes.min()} to {votes.max()}. Two experts agree on a clip with "
        f"probability {agreement.mean():.2f} on average, {agreement.min():.2f} to "
        f"{agreement.max():.2f}."
    )


def whole_bins(counts: "pd.Series[int]") -> list[float]:
    """Return edges of at most 20 bins that hold equally many whole numbers."""
    low, high = int(counts.min()), int(counts.max())
    width = -(-(high - low + 1) // 20)
    return [float(edge) - 0.5 for edge in range(low, high + width + 1, width)]
