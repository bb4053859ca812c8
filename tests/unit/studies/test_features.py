from rostfine.studies.features import tabulate
from rostfine.studies.tables import to_latex, to_markdown


def test_check_marks_are_those_of_the_params_and_timesformer_has_a_dagger(results_of, cell_of):
    all_of_them = results_of("features").study.experiments
    results = results_of(
        "features", leave_out=("s", "t", "gt", "gs"), add={"st_again": all_of_them["st"]}
    )
    table, clips, _, pairs = tabulate(results).tables
    heading, *rows = table.texts()
    assert heading[:5] == ["Experiment", "v_g", "v_s", "v_t", "MSE (10⁻²)"]
    assert [row[:4] for row in rows] == [
        ["g", "√†", "", ""],
        ["st", "", "√", "√"],
        ["gst", "√", "√", "√"],
        ["st_again", "", "√", "√"],
        ["ZeroR", "", "", ""],
        ["Experts", "", "", ""],
    ]
    assert [row[5] for row in rows] == ["1.186 ± 0.10", "1.134 ± 0.10", "1.121 ± 0.11", "", "", ""]
    assert table.notes[0].startswith("† TimeSformer")
    assert "| st         |     | √   | √   |" in to_markdown(table)
    assert r"g & $\surd$$\dagger$ &  &  &" in to_latex(table)
    assert [row[:4] for row in clips.texts()[1:]] == [row[:4] for row in rows]
    assert len(pairs.cells["row"].unique()) == 6


def test_without_timesformer_no_note_explains_a_dagger(results_of):
    table, *_ = tabulate(results_of("features", leave_out=("g", "gs", "gt", "st"))).tables
    assert "†" not in to_markdown(table)
