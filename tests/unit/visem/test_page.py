import re
from importlib.resources import files

import pytest

from rostfine.evaluation.tables import ZERO_R
from rostfine.visem.compare import compare
from rostfine.visem.figures import draw_feature_images
from rostfine.visem.metrics import ALL, PARTICIPANT
from rostfine.visem.page import draw_all, render
from rostfine.visem.params import Registered, RegisterParams
from rostfine.visem.table1 import tabulate
from tests.unit.visem.test_compare import PARAMS, make_workspace
from tests.unit.visem.test_figures import make_example

REGISTER = RegisterParams(Registered("I4", "m"), Registered("I3", "n"))


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory):
    workspace = make_workspace(tmp_path_factory.mktemp("semen"))
    (workspace / "visem/runs/I1_morphology/predictions.parquet").unlink()
    comparison = compare(workspace, PARAMS)
    figures = draw_all(comparison, draw_feature_images({"I3": make_example()}))
    return comparison, figures, render(comparison, tabulate(comparison), figures, REGISTER)


@pytest.fixture(scope="module")
def text(made) -> str:
    body = re.sub(r"<(style|svg).*?</\1>", " ", made[2], flags=re.DOTALL)
    return " ".join(re.sub(r"<[^>]+>", " ", body).split())


def test_a_sentence_for_each_target_comes_first_with_its_verdict(made, text):
    gap = made[0].difference("motility", "I4", ZERO_R, (PARTICIPANT, "mae", ALL))
    assert "Motility: better" in text
    assert "On average over 30 participants I4 (the registered input) is wrong by" in text
    assert f"The difference is {gap.mean:+.2f} [{gap.low:+.2f}, {gap.high:+.2f}]: better." in text
    assert text.index("The difference is") < text.index("Table 1:")


def test_where_the_registered_input_was_not_predicted_the_least_wrong_speaks_and_says_so(text):
    assert "(the least wrong input, which flatters it)" in text


def test_notices_and_folds_are_on_the_page(text):
    assert "morphology: not reported, participants left out: 5" in text
    assert re.search(r"motility I4 3 \d+\.\d\d 10 60", text)


def test_the_figures_of_the_input_that_speaks_are_open_and_the_others_folded(made):
    motility = made[2].split('<section id="motility">')[1].split("</section>")[0]
    opened, folded = motility.split("<details>")
    assert "I4, predicted against measured" in opened
    assert "I1, predicted against measured" in folded


def test_every_figure_has_a_name_of_its_own(made):
    names = [name for name, _ in made[1].pngs()]
    assert len(names) == len(set(names)) == 1 + (2 + 1) * 2 + 1


def test_the_page_needs_no_other_file_and_looks_like_the_report(made):
    page = made[2]
    found = re.findall(r'(?:src|href)="([^"#][^"]{0,30})', page)
    assert found
    assert all(address.startswith("data:image/jpeg;base64,") for address in found)
    assert "<script" not in page
    assert files("rostfine.report").joinpath("style.css.j2").read_text().strip() in page
    ids = re.findall(r'\bid="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'<a href="#([^"]+)"', page)) <= set(ids)
