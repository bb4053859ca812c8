import os
import time

import pytest

from rostfine import files
from rostfine.files import (
    HashMemo,
    drop_half_written,
    read_json,
    sha256_of,
    write_json,
    written_whole,
)


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


def test_what_killed_writers_left_is_removed_and_nothing_else(tmp_path):
    others = ["a.json", ".a-12345678.txt", ".ab-12345678.json", "a-12345678.json"]
    for name in [*others, ".a-12345678.json", ".a-_bcdefgh.json"]:
        (tmp_path / name).write_text("")
    drop_half_written(tmp_path / "a.json")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(others)


@pytest.fixture
def old_file(tmp_path):
    """A file that was changed an hour ago."""
    path = tmp_path / "video.avi"
    path.write_text("frames")
    hour_ago_ns = time.time_ns() - 3600 * 10**9
    os.utime(path, ns=(hour_ago_ns, hour_ago_ns))
    return path


def read_through_memo(tmp_path, path, monkeypatch) -> tuple[str, int]:
    """Return the digest that a new process would get, and how many files it reads for it."""
    read = []
    monkeypatch.setattr(files, "sha256_of", lambda path: read.append(1) or sha256_of(path))
    memo = HashMemo(tmp_path / "memo.json")
    digest = memo.sha256_of(path)
    memo.save()
    return digest, len(read)


def test_a_file_is_read_once_until_it_changes(tmp_path, old_file, monkeypatch):
    first = sha256_of(old_file)
    assert read_through_memo(tmp_path, old_file, monkeypatch) == (first, 1)
    assert read_through_memo(tmp_path, old_file, monkeypatch) == (first, 0)
    kept = old_file.stat()
    old_file.write_text("FRAMES")
    os.utime(old_file, ns=(kept.st_atime_ns, kept.st_mtime_ns + 10**9))
    assert read_through_memo(tmp_path, old_file, monkeypatch) == (sha256_of(old_file), 1)


def test_another_file_of_the_same_size_and_time_is_read(tmp_path, old_file, monkeypatch):
    read_through_memo(tmp_path, old_file, monkeypatch)
    kept = old_file.stat()
    (tmp_path / "other").write_text("FRAMES")
    (tmp_path / "other").replace(old_file)
    os.utime(old_file, ns=(kept.st_atime_ns, kept.st_mtime_ns))
    assert read_through_memo(tmp_path, old_file, monkeypatch) == (sha256_of(old_file), 1)


def test_a_file_that_may_still_be_written_is_not_remembered(tmp_path, monkeypatch):
    path = tmp_path / "new.avi"
    path.write_text("frames")
    read_through_memo(tmp_path, path, monkeypatch)
    assert read_through_memo(tmp_path, path, monkeypatch)[1] == 1


@pytest.mark.parametrize("damage", ["", "[1]", "{", '{"video": 3}', '{"FILE": [1, 2, 3]}'])
def test_a_damaged_memo_is_as_good_as_none(tmp_path, old_file, monkeypatch, damage):
    (tmp_path / "memo.json").write_text(damage.replace("FILE", str(old_file)))
    assert read_through_memo(tmp_path, old_file, monkeypatch) == (sha256_of(old_file), 1)
