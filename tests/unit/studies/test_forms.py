import json
from dataclasses import replace

import pytest

from rostfine.studies.forms import FORMS
from rostfine.studies.output import write_output
from rostfine.studies.tables import to_latex

GRID = ("resnet_emd", "resnet_mse", "timesformer_emd", "timesformer_mse")
MODELS = ("vgg16", "timesformer", "rostfine_alpha_0", "rostfine")
ENOUGH = {"backbone_loss": GRID, "baselines": MODELS}
"""Of the studies that have many: some of each kind."""
WEIGHED = {"attention": None, "backbone_loss": ("timesformer_emd",), "motion": None}
"""Forms that ask models, and which, if not all."""
WITHOUT_PAIRS = ("attention", "sweeps", "pretraining")
"""The last has but one source of weights in this setting."""
TOLD = {"averaged": 1.0, "pairs": {"gs": 0.5, "gt": 0.5, "st": 0.5}}


@pytest.fixture
def results(form, count, results_of, save_models):
    """Experiments of a study, with what a training of one epoch leaves."""
    whole = results_of(form, setting="smoke").study.experiments
    kept = list(ENOUGH.get(form, whole))[:count]
    left_out = [name for name in whole if name not in kept]
    results = results_of(form, setting="smoke", leave_out=left_out)
    for name in results.predictions:
        for fold in range(3):
            path = results.study.run_folder(name) / f"fold_{fold}" / "history.json"
            path.parent.mkdir(parents=True)
            path.write_text(json.dumps([{"epoch": 0, "train": TOLD, "valid": None}]))
    if form in WEIGHED:
        asked = {k: v for k, v in results.study.experiments.items() if k in (WEIGHED[form] or kept)}
        save_models(replace(results, study=replace(results.study, experiments=asked)))
    return results


@pytest.mark.parametrize("count", [None, 1, 0])
@pytest.mark.parametrize("form", [form for form in FORMS if form != "dataset"])
def test_all_experiments_one_or_none_make_tables_that_are_full_and_latex_that_is_plain(
    results, form
):
    output = FORMS[form](results)
    write_output(output, results.study)
    shown = [table.name for table in output.tables]
    assert len(set(shown)) == len(shown)
    for table in output.tables:
        assert len(table.cells), table.name
        assert to_latex(table).isascii(), table.name
    pairs = [name for name in shown if name.startswith(("pairs", "kruskal", "differences"))]
    assert bool(pairs) == (len(results.predictions) > 1 and form not in WITHOUT_PAIRS)


def test_the_data_set_is_told_in_plain_latex(results_of):
    for table in FORMS["dataset"](results_of("dataset")).tables:
        assert to_latex(table).isascii(), table.name
