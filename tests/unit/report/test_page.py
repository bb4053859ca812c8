import re
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest

from rostfine.evaluation.comparison import SAMPLE
from rostfine.evaluation.definitions import SMALLER_IS_BETTER
from rostfine.report.figures import embed_picture
from rostfine.report.page import BY_FOLD, OF_PATIENTS, Page, ReportData, pick_evenly, render_page

VOID = {"meta", "img", "br", "path", "polyline", "use"}


@pytest.fixture(scope="module")
def page(data: ReportData) -> Page:
    return render_page(data)


def test_the_page_tells_the_counts(page: Page, text_of) -> None:
    text = text_of(page.html)
    for told in ("videos 16", "patients 16", "clips 30", "lost on the way 1", "failed 0"):
        assert told in text
    for told in ("labelled clips 30", "votes 1,234", "experts 8", "Data as of 2026-05-28"):
        assert told in text
    assert "Registered as models:/m/7" in text


def test_the_page_holds_each_number_of_the_summary(page: Page, data: ReportData, text_of) -> None:
    text = text_of(page.html)
    shown = (data.summary["level"] == SAMPLE) | data.summary["metric"].isin(OF_PATIENTS)
    for _, row in data.summary[shown].iterrows():
        digits = 4 if row["metric"] in SMALLER_IS_BETTER else 3
        assert f"{row['mean']:.{digits}f} ± {row['sd']:.{digits}f}" in text
    clips = data.summary[data.summary["level"] == SAMPLE]
    row = clips.set_index(["experiment", "metric"]).loc[("half <right>", "emd")]
    assert f"Experts {clips['ceiling'].iloc[0]:.4f}" in text
    low, high = (f"{row[f'minus_zero_r_{end}']:+.4f}".replace("-", "−") for end in ("low", "high"))
    gap = f"{row['minus_zero_r']:+.4f}".replace("-", "−")
    assert row["verdict"] == "better"
    assert f"▲ better: {gap} ({low} to {high})" in text
    assert f"▲ better {gap} {low} to {high}" in text


def test_half_the_way_to_the_truth_is_75_percent_below_zero_r_give_or_take_the_folds(
    page: Page,
    text_of,
) -> None:
    shares = re.findall(r"over all clips, (\d+)% below ZeroR", text_of(page.html))
    assert len(shares) == 3
    assert 70 <= int(shares[0]) <= 80


def test_the_page_holds_each_number_of_each_fold(page: Page, data: ReportData, text_of) -> None:
    text = text_of(page.html)
    shown = data.fold_metrics[data.fold_metrics["metric"].isin(BY_FOLD)]
    for metric, value in zip(shown["metric"], shown["value"], strict=True):
        assert f"{value:.{4 if metric in SMALLER_IS_BETTER else 3}f}" in text


def test_a_sample_shows_both_distributions_and_its_emd(page: Page, text_of) -> None:
    text = text_of(page.html)
    assert "S03 patient P01, EMD 0.160" in text
    assert "A 1.00 0.60 B 0.00 0.40 C 0.00 0.00" in text


def test_attention_is_shown_and_described(page: Page, data: ReportData) -> None:
    assert 'href="#attention"' in page.html
    found = re.search(r'<img src="([^"]+)" alt="Frames of clip S03 ([^"]+)"', page.html)
    assert found
    assert found[1] == embed_picture(data.explained[0].png)
    assert "half &lt;right&gt; in them, 4.2 times as dense in the middle" in found[2]


def test_without_pictures_there_is_no_part_for_them(data: ReportData) -> None:
    assert "attention" not in render_page(replace(data, explained=[])).html.lower()


def test_names_are_escaped_in_text_and_figures(page: Page) -> None:
    assert "<right>" not in page.html
    assert "half &lt;right&gt;" in page.html


def test_the_page_needs_no_other_file_and_leads_to_the_one_of_tracks(page: Page) -> None:
    found = re.findall(r'(?:src|href)="([^"#][^"]{0,30})', page.html)
    assert found.count("tracks.html") == 2
    found = [address for address in found if address != "tracks.html"]
    assert found
    assert all(address.startswith("data:image/jpeg;base64,") for address in found)
    assert "url(" not in re.sub(r"url\(#", "", page.html)
    assert "<script" not in page.html


def test_every_tag_is_closed_and_every_image_and_figure_is_described(page: Page) -> None:
    class Checker(HTMLParser):
        open: list[str] = []  # noqa: RUF012

        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            given = dict(attributes)
            assert tag != "img" or given["alt"]
            assert tag != "svg" or (given["role"] == "img" and given["aria-label"])
            if tag not in VOID:
                self.open.append(tag)

        def handle_startendtag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            """Nothing stays open."""

        def handle_endtag(self, tag: str) -> None:
            if tag not in VOID:
                assert self.open.pop() == tag

    checker = Checker()
    checker.feed(page.html)
    assert checker.open == []


def test_ids_are_not_doubled_and_links_lead_somewhere(page: Page) -> None:
    ids = re.findall(r'\bid="([^"]+)"', page.html)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'<a href="#([^"]+)"', page.html)) <= set(ids)


def test_the_same_data_gives_the_same_page(page: Page, data: ReportData) -> None:
    again = render_page(data)
    assert again.html == page.html
    assert [figure.png for figure in again.figures] == [figure.png for figure in page.figures]


def test_3_of_9_samples_are_the_best_the_median_and_the_worst() -> None:
    distance = np.array([5.0, 1.0, 9.0, 3.0, 7.0, 2.0, 8.0, 4.0, 6.0])
    assert pick_evenly(distance, 3) == [1, 0, 2]


def test_more_samples_than_there_are_gives_each_once() -> None:
    assert sorted(pick_evenly(np.array([2.0, 1.0]), 12)) == [0, 1]


def test_the_page_tells_what_the_gate_said_and_why(page: Page, text_of) -> None:
    text = text_of(page.html)
    assert "Version 7 of m against version 6: refused" in text
    assert "30 clips of 15 patients" in text
    assert "a person has the last word" in text
    assert "drift of labels failed EMD of the mean label is 0.9" in text
    assert "challenger 0.1250 0.500" in text
