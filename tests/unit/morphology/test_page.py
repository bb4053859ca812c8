import re

import pandas as pd
import pytest
import yaml

from rostfine.files import read_json
from rostfine.morphology.evaluating import evaluate_runs, flatten
from rostfine.morphology.metrics_table import tabulate
from rostfine.morphology.page import render
from rostfine.morphology.params import PARAMS
from rostfine.morphology.runs import read_runs
from rostfine.parsing import plain
from stages import morphology_evaluate
from tests.unit.morphology.test_metrics_table import BOTH, make_both
from tests.unit.morphology.test_runs import make_workspace


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory):
    """What the stage writes of two experiments."""
    with pytest.MonkeyPatch.context() as patch:
        workspace = tmp_path_factory.mktemp("heads")
        patch.chdir(workspace)
        make_both()
        PARAMS.write_text(yaml.safe_dump(plain(BOTH), sort_keys=False))
        morphology_evaluate.main()
    return workspace / "morphology/reports"


@pytest.fixture(scope="module")
def page(reports) -> str:
    return (reports / "report.html").read_text()


def text_of(page: str) -> str:
    body = re.sub(r"<(style|svg).*?</\1>", " ", page, flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


def test_the_stage_writes_each_figure_and_table_once(reports):
    kinds = ("confusion_quality", "precision_recall", "reliability", "worst", "right")
    figures = {
        f"{kind}_{name}.png"
        for kind in (*kinds, "measures", "losses", "scores")
        for name in ("small", "published")
    }
    figures -= {"right_small.png"}  # in neither picture all is right
    tables = {"metrics.json", "metrics.parquet", "metrics.md", "metrics.tex", "confusion.parquet"}
    assert {path.name for path in reports.iterdir()} == figures | tables | {"report.html"}
    assert read_json(reports / "metrics.json")["published.test.found_share"] == 0.75
    assert "mAP, mean twice" in set(pd.read_parquet(reports / "metrics.parquet")["column"])
    assert set(pd.read_parquet(reports / "confusion.parquet")["experiment"]) == set(BOTH.train)


def test_the_registered_experiment_opens_the_page_with_what_a_clinic_asks(page):
    text = text_of(page)
    assert "Heads found 75% [50, 100] 3 of 4 annotated heads; 0 were found where none is." in text
    assert "Sensitivity 100% [34, 100] 2 of 2 found heads that are bad are called bad." in text
    assert "Specificity 100% [21, 100] 1 of 1 found heads that are good are called good." in text
    assert "Of published, in test pictures. Brackets" in text
    assert text.index("Not a medical device.") < text.index("Heads found")


def test_figures_of_the_experiment_that_speaks_are_open_and_the_others_folded(page):
    first, other = (
        page.split(f'<section id="of-{name}">')[1].split("</section>")[0]
        for name in ("published", "small")
    )
    assert page.index('id="of-published"') < page.index('id="of-small"')
    assert "<details>" not in first
    assert "Loss of published by epoch" in first
    assert "Loss of small by epoch" in other.split("<details>")[1].split("</details>")[0]


def test_the_page_needs_no_other_file_and_its_parts_are_balanced(page):
    found = re.findall(r'(?:src|href)="([^"#][^"]{0,30})', page)
    assert len(found) == 3  # the pictures
    assert all(address.startswith("data:image/jpeg;base64,") for address in found)
    assert "<script" not in page
    for tag in ("div", "section", "details", "figure", "table"):
        assert len(re.findall(rf"<{tag}\b", page)) == page.count(f"</{tag}>")
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'<a href="#([^"]+)"', page)) <= set(ids)


def test_without_test_pictures_those_that_chose_speak_and_the_page_says_so(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    make_workspace()
    runs, notices = read_runs(BOTH)
    found = evaluate_runs(BOTH, runs)["small"]
    evaluations = {"small": {"validation": found["validation"]}}
    numbers = flatten(runs, {"small": found}, BOTH.data)
    table = tabulate(evaluations, numbers, BOTH)
    text = text_of(
        render(evaluations, runs, {"small": []}, table=table, params=BOTH, notices=notices)
    )
    assert "in validation pictures, which also chose its epoch: that flatters it" in text
    assert "Notices published: not trained" in text
