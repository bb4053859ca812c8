import pytest

from rostfine.files import read_json, sha256_of, write_json, written_whole


def write_half(path):
    with written_whole(path) as beside:
        beside.write_text("half of the n")
        raise RuntimeError("power cut")


def test_a_failure_while_writing_leaves_the_old_file_and_nothing_beside_it(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError, match="power cut"):
        write_half(path)
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_json_is_written_with_sorted_keys_and_no_nan(tmp_path):
    write_json(tmp_path / "new" / "a.json", {"b": 1, "a": 2})
    assert (tmp_path / "new" / "a.json").read_text() == '{\n  "a": 2,\n  "b": 1\n}\n'
    assert read_json(tmp_path / "new" / "a.json") == {"a": 2, "b": 1}
    with pytest.raises(ValueError, match="JSON compliant"):
        write_json(tmp_path / "new" / "b.json", float("nan"))
    assert not (tmp_path / "new" / "b.json").exists()


def test_the_hash_is_that_of_the_standard(tmp_path):
    (tmp_path / "abc").write_text("abc")
    assert sha256_of(tmp_path / "abc").startswith("ba7816bf8f01cfea414140de5dae2223")
