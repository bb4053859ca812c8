from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from rostfine.evaluation.comparison import compare
from rostfine.evaluation.tables import Truth
from rostfine.registry.card_facts import read_scores
from rostfine.registry.model_card import CardFacts, Score, render_card

FACTS = CardFacts(
    name="rostfine",
    experiment="tiny",
    model="timesformer",
    trained_on="all data",
    frames=16,
    size_px=150,
    speed=False,
    clips=239,
    patients=40,
    experts=20,
    votes=4305,
    first_vote="2026-01-05",
    last_vote="2026-01-24",
    mean_label={"A": 0.18, "B": 0.24, "C": 0.3, "D": 0.18, "E": 0.1},
    scores=(Score("EMD", 0.3, 0.25, 0.36, 0.45, "better", 0.06),),
)


def test_the_card_says_what_it_is_not_what_it_knows_and_how_good_it_is() -> None:
    card = render_card(FACTS)
    assert "**Not a medical device.**" in card
    assert "239 clips of 40 patients; trained on: all data" in card
    assert "4305 votes of 20 experts, 2026-01-05 to 2026-01-24" in card
    assert "A 18 %, B 24 %, C 30 %, D 18 %, E 10 %\n" in card
    assert "| EMD | 0.3000 | 0.2500 to 0.3600 | 0.4500 | better | 0.0600 |" in card
    assert 'load("models:/rostfine@champion")' in card
    assert len(card) < 5000


@pytest.mark.parametrize("ceiling", [None, 0.06])
def test_every_row_of_the_metrics_has_as_many_cells_as_their_heading(ceiling: float | None) -> None:
    scores = (Score("EMD", 0.3, 0.25, 0.36, 0.45, "better", ceiling),) + tuple(
        Score(name, 0.3, 0.2, 0.4, 0.4, "worse", None) for name in ("JS", "HI")
    )
    card = render_card(CardFacts(**{**vars(FACTS), "scores": scores}))
    rows = [line for line in card.splitlines() if line.startswith("|")]
    assert len(rows) == 5
    assert {row.count("|") for row in rows} == {7 if ceiling else 6}


def test_scores_are_of_clips_out_of_fold_beside_zero_r(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    labels, predicted = rng.dirichlet(np.ones(5), (2, 40))
    truth = Truth(
        tuple(f"S{n}" for n in range(40)),
        labels,
        np.arange(40) % 4,
        tuple(f"P{n % 8}" for n in range(40)),
    )
    summary = compare({"tiny": predicted}, truth, rng, rounds=50)
    path = tmp_path / "reports/compare/summary.parquet"
    path.parent.mkdir(parents=True)
    summary.to_parquet(path)
    emd, _ = read_scores(tmp_path, "tiny", ("emd", "hi"))
    rows = summary[summary["metric"] == "emd"].set_index(["level", "experiment"])
    wanted = rows.loc[("sample", "tiny")]
    assert (emd.metric, emd.value, emd.ceiling) == ("EMD", wanted["out_of_fold"], None)
    assert (emd.low, emd.high) == (wanted["low"], wanted["high"])
    assert emd.zero_r == rows.loc[("sample", "ZeroR"), "out_of_fold"]
    assert str(emd) == f"EMD {emd.value:.4f} ({emd.low:.4f} to {emd.high:.4f})"
    assert isinstance(summary, pd.DataFrame)
