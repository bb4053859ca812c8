import hashlib

import numpy as np
import pytest

from rostfine.clips.store import Clip, read_clip, write_clip
from rostfine.errors import ClipError


@pytest.fixture
def clip() -> Clip:
    frames = np.random.default_rng(1).integers(0, 256, (4, 20, 20, 3), dtype=np.uint8)
    centre_px = np.arange(8, dtype=np.float32).reshape(4, 2)
    return Clip(frames=frames, centre_px=centre_px, score=np.linspace(1, 0, 4, dtype=np.float32))


def test_a_clip_comes_back_as_it_was_written(tmp_path, clip):
    write_clip(tmp_path / "a.npz", clip)
    found = read_clip(tmp_path / "a.npz")
    assert (found.frames == clip.frames).all()
    assert (found.centre_px == clip.centre_px).all()
    assert (found.score == clip.score).all()


def test_the_same_clip_gives_the_same_bytes(tmp_path, clip):
    for name in ("a.npz", "b.npz"):
        write_clip(tmp_path / name, clip)
    one, other = (hashlib.sha256((tmp_path / n).read_bytes()).digest() for n in ("a.npz", "b.npz"))
    assert one == other


def test_a_missing_clip_is_named(tmp_path):
    with pytest.raises(ClipError, match=r"a\.npz: no such clip"):
        read_clip(tmp_path / "a.npz")


@pytest.mark.parametrize("keep", [0, 10, 500, -30])
def test_a_damaged_clip_is_named(tmp_path, clip, keep):
    path = tmp_path / "a.npz"
    write_clip(path, clip)
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(ClipError, match=r"a\.npz: not a readable clip"):
        read_clip(path)


def test_flipped_bytes_are_noticed(tmp_path, clip):
    path = tmp_path / "a.npz"
    write_clip(path, clip)
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
            {"score": np.zeros(3, np.float32)},
            r"wanted score as float32 \(4,\), found float32 \(3,\)",
        ),
        ({"centre_px": np.zeros((4, 2))}, "wanted centre_px as float32"),
        ({"score": np.array([None] * 4)}, "not a readable clip"),
    ],
)
def test_anything_else_than_a_clip_is_refused(tmp_path, clip, changed, words):
    path = tmp_path / "a.npz"
    content = {"frames": clip.frames, "centre_px": clip.centre_px, "score": clip.score, **changed}
    np.savez(path, **content)
    with pytest.raises(ClipError, match=words):
        read_clip(path)
