from pathlib import Path

import numpy as np
import pytest

from rostfine.clips.dataset import load_bank
from rostfine.errors import ClipError


def store(folder: Path, sample_id: str, value: int, *, side_px: int = 6) -> None:
    frames = np.full((4, side_px, side_px, 3), value, dtype=np.uint8)
    np.savez(
        folder / f"{sample_id}.npz",
        frames=frames,
        centre_px=np.zeros((4, 2), np.float32),
        score=np.ones(4, np.float32),
    )


def test_three_clips_are_loaded_in_the_order_asked_for(tmp_path):
    for value, sample_id in enumerate(("a", "b", "c", "unasked")):
        store(tmp_path, sample_id, value)
    steps: list[int] = []
    bank = load_bank(
        tmp_path, ["c", "a", "b"], advance=lambda steps_done=1, note="": steps.append(steps_done)
    )
    assert bank.sample_ids == ("c", "a", "b")
    assert bank.frames.shape == (3, 4, 6, 6, 3)
    assert bank.frames[:, 0, 0, 0, 0].tolist() == [2, 0, 1]
    assert sum(steps) == 3


def test_every_missing_damaged_and_odd_clip_is_named_in_one_error(tmp_path):
    store(tmp_path, "good", 1)
    store(tmp_path, "larger", 1, side_px=8)
    (tmp_path / "damaged.npz").write_bytes(b"no clip")
    with pytest.raises(ClipError) as caught:
        load_bank(tmp_path, ["missing", "good", "damaged", "larger"])
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    for line, name in zip(lines, ("missing", "damaged", "larger"), strict=True):
        assert str(tmp_path / f"{name}.npz") in line
    assert "wanted frames of shape (4, 6, 6, 3), as in others, found (4, 8, 8, 3)" in lines[2]


def test_no_clips_at_all_is_an_error(tmp_path):
    with pytest.raises(ClipError, match="no clips to load"):
        load_bank(tmp_path, [])
