import pytest

from rostfine.errors import TableError
from rostfine.tracking.tags import Tag, read_tags

HEADER = "sample_id,video_id,frame,x_px,y_px\n"


def test_tags_are_read_in_their_order(tmp_path):
    path = tmp_path / "tags.csv"
    path.write_text(HEADER + "s2,V1,0,10.5,20\ns1,V1,3,1,2\n")
    assert read_tags(path) == [Tag("s2", "V1", 0, 10.5, 20.0), Tag("s1", "V1", 3, 1.0, 2.0)]


def test_a_table_without_rows_is_refused(tmp_path):
    (tmp_path / "tags.csv").write_text(HEADER)
    with pytest.raises(TableError, match=r"tags\.csv: no tags"):
        read_tags(tmp_path / "tags.csv")


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("a/b,V1,0,1,2", "row 2, column sample_id: wanted a name for a file, got 'a/b'"),
        ("s,../V1,0,1,2", "row 2, column video_id: wanted a name for a file, got '../V1'"),
        (".s,V1,0,1,2", "row 2, column sample_id: wanted a name for a file, got '.s'"),
        ("s,V1,-1,1,2", "row 2, column frame: wanted 0 or more, got -1"),
        ("s,V1,0,ten,2", "row 2, column x_px: wanted a number, got 'ten'"),
    ],
)
def test_a_bad_row_is_named_with_file_and_column(tmp_path, row, words):
    (tmp_path / "tags.csv").write_text(HEADER + row + "\n")
    with pytest.raises(TableError) as caught:
        read_tags(tmp_path / "tags.csv")
    assert str(caught.value) == f"{tmp_path / 'tags.csv'}: {words}"
