from datetime import date
from pathlib import Path

import numpy as np
import pytest

from rostfine.errors import TableError, VideoError
from rostfine.schemas import read_table, write_table
from rostfine.visem.dataset import Dataset, read_dataset, usable_participants
from rostfine.visem.tables import PARTICIPANTS
from rostfine.visem.targets import ALL_TARGETS
from rostfine.visem.video_names import VideoName, parse_video_name

SEMEN = "semen_analysis_data.csv"
SUM = "Progressive motility (%), Non progressive sperm motility (%), Immotile sperm (%)"


def edit(folder: Path, old: str, new: str, name: str = SEMEN) -> None:
    """Replace what occurs exactly once in a table."""
    said = (folder / name).read_bytes()
    assert said.count(old.encode()) == 1
    (folder / name).write_bytes(said.replace(old.encode(), new.encode()))


def told(dataset: Dataset) -> list[tuple[str, str, bool]]:
    """Return the faults, their lines without the folder."""
    folder = str(dataset.folder)
    return [
        (
            one.participant_id,
            one.line.replace(f"{folder}/", "").replace(folder, "DIR"),
            one.is_notice,
        )
        for one in dataset.faults
    ]


def ids(dataset: Dataset) -> list[str]:
    return dataset.participants["participant_id"].tolist()


def test_a_data_set_as_published_has_no_fault_and_every_number_in_its_place(make_dataset, tmp_path):
    dataset = read_dataset(make_dataset())
    assert dataset.faults == ()
    assert dataset.rows == {SEMEN: 4}
    assert ids(dataset) == ["1", "2", "3", "4"]
    second = dataset.participants.iloc[1]
    assert second["video"] == "videos/2_09.10.14_drift_SSW.avi"
    assert second[list(ALL_TARGETS)].tolist() == [22, 16, 62, 97, 8.5, 24.5]
    write_table(tmp_path / "p.parquet", dataset.participants.assign(fold=0), PARTICIPANTS)
    assert len(read_table(tmp_path / "p.parquet", PARTICIPANTS)) == 4


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("1_09.09.02_SSW.avi", VideoName("1", date(2009, 9, 2), "", "SSW")),
        ("44_09.10.14_drift_SSW.avi", VideoName("44", date(2009, 10, 14), "drift", "SSW")),
        ("a/7_12.02.20_minor drift_HH.avi", VideoName("7", date(2012, 2, 20), "minor drift", "HH")),
        ("8_12.02.20_late_JMA", VideoName("8", date(2012, 2, 20), "late", "JMA")),
        ("09_12.13.20_OW.MP4", VideoName("9", None, "", "OW")),
        ("10.avi", VideoName("10", None, "", "")),
    ],
)
def test_the_name_of_a_video_says_whose_when_and_by_whom(name, said):
    assert parse_video_name(name) == said


def test_a_name_without_a_leading_number_is_refused():
    with pytest.raises(
        VideoError, match=r"begins with the participant's number.*got 'seg_000.mp4'"
    ):
        parse_video_name("seg_000.mp4")


BAD_ROWS = [
    ("\r\n2;45,4;", "\r\n2;45;4;", "2", "row 3: wanted 16 cells, got 17"),
    ("\r\n2;45,4", "\r\nB;45,4", "", "row 3, column ID: wanted a whole number, got 'B'"),
    (
        "\r\n2;45,4",
        "\r\n1;45,4",
        "1",
        "row 3, column ID: wanted a row per participant, got '1' as in row 2",
    ),
    (
        ";22;16;62;",
        ";22;16,x;62;",
        "2",
        "row 3, column Non progressive sperm motility (%): "
        "wanted a number with a decimal comma, or 'Not reported', got '16,x'",
    ),
    (
        ";97,0;",
        ";97.0;",
        "2",
        "row 3, column Head defects (%): "
        "wanted a number with a decimal comma, or 'Not reported', got '97.0'",
    ),
    (";97,0;", ";100,5;", "2", "row 3, column Head defects (%): wanted 0 to 100, got '100,5'"),
    (
        ";8,5;",
        ";-8,5;",
        "2",
        "row 3, column Midpiece and neck defects (%): wanted 0 to 100, got '-8,5'",
    ),
    (";22;16;62;", ";22;16;60,4;", "2", f"row 3, columns {SUM}: wanted a sum of 100, got 98.4"),
]


@pytest.mark.parametrize(("old", "new", "who", "line"), BAD_ROWS)
def test_a_bad_row_is_told_with_its_number_and_its_participant_left_out(
    make_dataset, old, new, who, line
):
    folder = make_dataset()
    edit(folder, old, new)
    dataset = read_dataset(folder)
    assert (who, f"{SEMEN}: {line}", False) in told(dataset)
    assert (who or "2") not in ids(dataset)
    assert {"3", "4"} <= set(ids(dataset))


def test_a_sum_of_98_5_is_rounding(make_dataset):
    folder = make_dataset()
    edit(folder, ";22;16;62;", ";22;16;60,5;")
    assert read_dataset(folder).faults == ()


@pytest.mark.parametrize("empty", ["", "Not reported", "NaN"])
def test_a_missing_percentage_leaves_its_participant_out_of_that_target_only(make_dataset, empty):
    folder = make_dataset()
    edit(folder, ";22;16;62;", f";22;{empty};62;")
    dataset = read_dataset(folder)
    column = "Non progressive sperm motility (%)"
    line = f"{SEMEN}: row 3, column {column}: wanted a percentage, got {empty!r}"
    assert told(dataset) == [("2", line, True)]
    values = dataset.participants.loc[1, list(ALL_TARGETS)].to_numpy(float)
    np.testing.assert_array_equal(values, [np.nan] * 3 + [97, 8.5, 24.5])


def test_a_participant_without_any_target_is_left_out_with_a_notice(make_dataset):
    folder = make_dataset()
    edit(folder, ";22;16;62;", ";;;;")
    edit(folder, ";97,0;8,5;24,5;", ";Not reported;8,5;24,5;")
    dataset = read_dataset(folder)
    line = f"{SEMEN}: row 3: wanted motility or morphology as a whole, got neither"
    assert told(dataset)[-1] == ("2", line, True)
    assert ids(dataset) == ["1", "3", "4"]


def test_what_is_wrong_with_unused_columns_is_a_notice(make_dataset):
    folder = make_dataset()
    edit(folder, "Sperm vitality (%)", "Vitality")
    edit(folder, ";45,4;", ";many;")
    edit(folder, ";3,0;97,0;", ";300;97,0;")
    dataset = read_dataset(folder)
    wanted = "wanted a number with a decimal comma, or 'Not reported', got 'many'"
    assert told(dataset) == [
        ("", f"{SEMEN}: row 1: wanted a column 'Sperm vitality (%)', got none", True),
        ("", f"{SEMEN}: row 1: wanted the published columns, got also 'Vitality'", True),
        ("2", f"{SEMEN}: row 3, column Sperm concentration (x10⁶/mL): {wanted}", True),
        ("2", f"{SEMEN}: row 3, column Normal spermatozoa (%): wanted 0 to 100, got '300'", True),
    ]
    assert len(dataset.participants) == 4


@pytest.mark.parametrize(
    ("old", "new", "line"),
    [
        (
            "Head defects (%)",
            "Head defect (%)",
            "wanted a column 'Head defects (%)', got 'Head defect (%)'",
        ),
        ("\ufeffID;", "\ufeffNo;", "wanted a column 'ID', got none"),
        ("Tail defects (%)", "Immotile sperm (%)", "wanted a column 'Tail defects (%)', got none"),
        (
            "Teratozoospermia index",
            "Tail defects (%)",
            "wanted the column 'Tail defects (%)' once, got it 2x",
        ),
    ],
)
def test_a_wrong_heading_is_one_line_and_no_participant_is_left(make_dataset, old, new, line):
    folder = make_dataset()
    edit(folder, old, new)
    dataset = read_dataset(folder)
    assert told(dataset)[0] == ("", f"{SEMEN}: row 1: {line}", False)
    assert dataset.participants.empty


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (
            "ID,Head defects (%)\r\n1,98.0\r\n",
            "row 1: wanted cells separated by ';', got cells separated by ','",
        ),
        ("", "wanted a table with ID, "),
        ("ID;\xb5\r\n", "not a readable table: wanted UTF-8 text, "),
        ('ID;"no end\r\n1;2\r\n', "not a readable table: "),
        (None, "not a readable table: No such file or directory"),
    ],
)
def test_a_main_table_that_cannot_be_read_is_one_line(make_dataset, content, line):
    folder = make_dataset()
    (folder / SEMEN).unlink()
    if content is not None:
        (folder / SEMEN).write_bytes(content.encode("latin-1"))
    dataset = read_dataset(folder)
    ((who, said, is_notice),) = told(dataset)
    assert said.startswith(f"{SEMEN}: {line}")
    assert (who, is_notice) == ("", False)
    assert dataset.participants.empty


def test_rows_are_counted_as_an_editor_shows_them_past_blank_lines(make_dataset):
    folder = make_dataset()
    edit(folder, "\r\n2;45,4;", "\r\n\r\n;;\r\n2;x;")
    (notice,) = told(read_dataset(folder))
    assert notice[1].startswith(f"{SEMEN}: row 5, column Sperm concentration")


A, B, C, D = (
    "1_09.09.02_SSW.avi",
    "2_09.10.14_drift_SSW.avi",
    "3_12.02.20_minor drift_HH.avi",
    "4_12.03.01_JMA.avi",
)


def test_videos_that_do_not_fit_the_rows_are_each_told(make_dataset):
    names = [A, "2_a.avi", "2_b.avi", D, "9_09.09.02_SSW.avi", "seg.mkv"]
    dataset = read_dataset(make_dataset(videos=names))
    seg = "wanted a name that begins with the participant's number, as 1_09.09.02_SSW.avi"
    assert told(dataset) == [
        ("", f"videos/seg.mkv: {seg}, got 'seg.mkv'", False),
        (
            "9",
            "videos/9_09.09.02_SSW.avi: wanted a video of a participant, "
            "got one of participant 9, who has no row",
            False,
        ),
        ("2", "DIR: participant 2: wanted one video, got videos/2_a.avi, videos/2_b.avi", False),
        ("3", "DIR: participant 3: wanted one video, got none", False),
    ]
    assert ids(dataset) == ["1", "4"]


def test_a_listing_of_videos_counts_more_than_their_names(make_dataset):
    listing = [f"1;{A}", f"2;{B}", "3;x.avi", f"4;videos/{C}"]
    dataset = read_dataset(make_dataset(videos=[A, B, "x.avi", C, D], listing=listing))
    assert dataset.participants["video"].tolist() == [
        f"videos/{name}" for name in (A, B, "x.avi", C)
    ]
    assert told(dataset) == [
        (
            "4",
            f"videos.csv: row 5, column video: wanted a video of participant 4, got 'videos/{C}'",
            True,
        ),
        ("", f"videos/{D}: wanted videos with a row in videos.csv, got one without", True),
    ]


def test_bad_rows_of_the_listing_are_each_told(make_dataset):
    listing = [f"1;{A}", f"2;{A}", "3;gone.avi", f"8;{D}", f"8;{D}"]
    dataset = read_dataset(make_dataset(videos=[A, D], listing=listing))
    shared = f"videos/{A}: wanted a video of one participant, got it for 1, 2"
    again = "wanted a row per participant, got '8' as in row 5"
    stranger = "wanted a video of a participant, got one of participant 8, who has no row"
    gone = "wanted one file below DIR, got none named 'gone.avi'"
    assert [fault for fault in told(dataset) if not fault[2]] == [
        ("8", f"videos.csv: row 6, column ID: {again}", False),
        ("3", f"videos.csv: row 4, column video: {gone}", False),
        ("1", shared, False),
        ("2", shared, False),
        ("8", f"videos/{D}: {stranger}", False),
        ("4", "DIR: participant 4: wanted one video, got none", False),
    ]
    assert dataset.participants.empty


def test_one_name_in_two_folders_is_told_and_a_path_tells_them_apart(make_dataset):
    videos = [f"old/{A}", f"new/{A}", f"new/{B}", C, D]
    names = [A, B, C, D]
    listing = [f"{number};{name}" for number, name in enumerate(names, start=1)]
    folder = make_dataset(videos=videos, listing=listing)
    dataset = read_dataset(folder)
    got = f"2: videos/new/{A}, videos/old/{A}"
    assert told(dataset)[0][1].endswith(f"wanted one file below DIR, got {got}")
    assert ids(dataset) == ["2", "3", "4"]
    edit(folder, f"1;{A}", f"1;videos/old/{A}", "videos.csv")
    assert read_dataset(folder).participants["video"][0] == f"videos/old/{A}"


def test_videos_are_found_behind_a_link_and_a_loop_ends(make_dataset, tmp_path):
    folder = make_dataset()
    (folder / "videos").rename(tmp_path / "disk")
    (folder / "videos").symlink_to(tmp_path / "disk")
    (tmp_path / "disk" / "round").symlink_to(folder)
    dataset = read_dataset(folder)
    assert dataset.faults == ()
    assert len(dataset.participants) == 4


def test_other_tables_are_counted_and_what_is_wrong_with_them_is_a_notice(make_dataset):
    dataset = read_dataset(
        make_dataset(
            others={
                "participant_related_data.csv": "ID;Age (years)\n1;36\n2;Not reported\n7;old",
                "sex_hormones.csv": "ID,Oestradiol\n1,0.1",
            }
        )
    )
    assert dataset.rows == {SEMEN: 4, "participant_related_data.csv": 3, "sex_hormones.csv": 0}
    wanted = "wanted a number with a decimal comma, or 'Not reported', got 'old'"
    separated = "wanted cells separated by ';', got cells separated by ','"
    assert told(dataset) == [
        ("7", f"participant_related_data.csv: row 4, column Age (years): {wanted}", True),
        (
            "",
            "participant_related_data.csv: wanted participants with a row in "
            f"{SEMEN}, got 1 without: 7",
            True,
        ),
        ("", f"sex_hormones.csv: row 1: {separated}", True),
    ]
    assert len(dataset.participants) == 4


def test_one_stops_at_all_faults_at_once_or_goes_on_without_the_bad_participants(make_dataset):
    folder = make_dataset(videos=[A, B])
    dataset = read_dataset(folder)
    with pytest.raises(TableError, match=r"participant 3: wanted one.*\n.*participant 4: wanted"):
        usable_participants(dataset, "stop")
    assert usable_participants(dataset, "skip")["participant_id"].tolist() == ["1", "2"]
    (folder / SEMEN).unlink()
    with pytest.raises(TableError, match="No such file"):
        usable_participants(read_dataset(folder), "skip")
