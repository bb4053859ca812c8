import hashlib

import numpy as np
import pytest

from rostfine.clips.record import Cut
from rostfine.clips.store import read_clip, read_frames, read_record, write_clip
from rostfine.errors import ClipError
from rostfine.tracking.tags import Tag


@pytest.fixture
def cut() -> Cut:
    """A clip of 4 frames along a track of 5."""
    frames = np.random.default_rng(1).integers(0, 256, (4, 20, 20, 3), dtype=np.uint8)
    return Cut(
        tag=Tag("s", "v", 0, 0.0, 1.0),
        status="ok",
        reason="",
        frame_rate_hz=25.0,
        frames=frames,
        inside_px=np.array([[0, 0, 20, 20]] * 3 + [[5, 0, 20, 18]], np.int32),
        centre_px=np.arange(10, dtype=np.float32).reshape(5, 2),
        time_s=np.arange(5) / 25,
        score=np.linspace(1, 0, 5, dtype=np.float32),
        is_seen=np.array([True, True, False, True, True]),
    )


def test_a_clip_comes_back_as_it_was_written(tmp_path, cut):
    write_clip(tmp_path / "a.npz", cut, "some key")
    found = read_clip(tmp_path / "a.npz")
    assert (found.frames == cut.frames).all()
    for name in ("centre_px", "time_s", "score", "is_seen", "frame_rate_hz"):
        assert np.array_equal(getattr(found.record, name), getattr(cut, name)), name
    assert found.record.content_key == "some key"


def test_pictures_and_record_can_be_read_apart(tmp_path, cut):
    write_clip(tmp_path / "a.npz", cut, "some key")
    assert (read_frames(tmp_path / "a.npz") == cut.frames).all()
    record, inside_px = read_record(tmp_path / "a.npz")
    assert (record.content_key, record.score.tolist()) == ("some key", cut.score.tolist())
    assert (inside_px == cut.inside_px).all()


def test_pictures_alone_are_no_clip_but_can_be_predicted(tmp_path, cut):
    np.savez(tmp_path / "a.npz", frames=cut.frames)
    assert (read_frames(tmp_path / "a.npz") == cut.frames).all()
    with pytest.raises(ClipError, match="not a readable clip"):
        read_clip(tmp_path / "a.npz")


def test_the_mask_tells_the_video_from_its_reflection(tmp_path, cut):
    write_clip(tmp_path / "a.npz", cut, "")
    mask = read_clip(tmp_path / "a.npz").mask
    assert mask[:3].all()
    wanted = np.zeros((20, 20), bool)
    wanted[:18, 5:] = True
    assert (mask[3] == wanted).all()


def test_the_same_clip_gives_the_same_bytes(tmp_path, cut):
    for name in ("a.npz", "b.npz"):
        write_clip(tmp_path / name, cut, "some key")
    one, other = (hashlib.sha256((tmp_path / n).read_bytes()).digest() for n in ("a.npz", "b.npz"))
    assert one == other


def test_a_missing_clip_is_named(tmp_path):
    with pytest.raises(ClipError, match=r"a\.npz: no such clip"):
        read_clip(tmp_path / "a.npz")


@pytest.mark.parametrize("keep", [0, 10, 500, -30])
def test_a_damaged_clip_is_named(tmp_path, cut, keep):
    path = tmp_path / "a.npz"
    write_clip(path, cut, "")
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ClipError, match=r"a\.npz: not a readable clip"):
        read_clip(path)


def test_flipped_bytes_are_noticed(tmp_path, cut):
    path = tmp_path / "a.npz"
    write_clip(path, cut, "")
    content = bytearray(path.read_bytes())
    content[1000] ^= 255
    path.write_bytes(content)
    with pytest.raises(ClipError, match=r"a\.npz: not a readable clip"):
        read_clip(path)


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"frames": np.zeros((4, 20, 20), np.uint8)}, "wanted frames as uint8"),
        ({"frames": np.zeros((4, 20, 20, 3), np.float32)}, "wanted frames as uint8"),
        (
            {"is_seen": np.zeros(3, bool)},
            r"wanted is_seen as bool \(5,\), found bool \(3,\)",
        ),
        ({"centre_px": np.zeros((4, 2))}, "wanted centre_px as float32"),
        ({"inside_px": np.zeros((5, 4), np.int32)}, r"wanted inside_px as int32 \(4, 4\)"),
        ({"score": np.array([None] * 4)}, "not a readable clip"),
    ],
)
def test_anything_else_than_a_clip_is_refused(tmp_path, cut, changed, words):
    path = tmp_path / "a.npz"
    write_clip(path, cut, "")
    with np.load(path) as held:
        content = {**held, **changed}
    np.savez(path, **content)
    with pytest.raises(ClipError, match=words):
        read_clip(path)
