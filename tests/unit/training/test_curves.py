import socket
import struct
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread
from tensorboardX.proto.event_pb2 import Event, SessionLog

from rostfine.training.curves import Curves, draw_distributions
from rostfine.training.epoch import Epoch, Terms


def make_epoch(number: int, total: float = 0.5, *, valid: bool = False) -> Epoch:
    branches, pairs = {"g": 0.1, "s": 0.2, "t": 0.3}, {"gs": 0.4, "gt": 0.5, "st": 0.6}
    terms = Terms(total, 0.15, 0.2, 0.5, branches, pairs)
    return Epoch(number, 1e-3, terms, terms if valid else None, best=0, seconds=1.0)


def read_events(folder: Path) -> Iterator[Event]:
    """Each record is its length, a checksum, the event, and a checksum; files go by their names."""
    for path in sorted(folder.iterdir()):
        content = path.read_bytes()
        while len(content) >= 12:
            (length,) = struct.unpack("<Q", content[:8])
            if len(content) < length + 16:
                break
            yield Event.FromString(content[12 : 12 + length])
            content = content[length + 16 :]


def read_as_tensorboard(folder: Path) -> dict[str, dict[int, float]]:
    """The value of each step by tag, as a reader has it that heeds the starts of sessions."""
    seen: dict[str, dict[int, float]] = {}
    for event in read_events(folder):
        if event.session_log.status == SessionLog.START:
            seen = {tag: {s: v for s, v in x.items() if s < event.step} for tag, x in seen.items()}
        for value in event.summary.value:
            steps = seen.setdefault(value.tag, {})
            assert event.step not in steps
            steps[event.step] = pytest.approx(value.simple_value)
    return seen


def test_the_branches_of_rostfine_have_their_published_names(tmp_path):
    curves = Curves(tmp_path / "fold_3", "3")
    curves.epoch(make_epoch(0, valid=True))
    curves.close()
    losses = {"loss+div": 0.5, "all": 0.15, "avg": 0.2, "vg": 0.1, "vs": 0.2, "vt": 0.3}
    likenesses = {"gs": 0.4, "gt": 0.5, "st": 0.6}
    wanted = {f"Loss3/train_{name}": {0: value} for name, value in losses.items()}
    wanted |= {f"Loss3/valid_{name}": {0: value} for name, value in losses.items()}
    wanted |= {
        f"Div3/{part}_{p}": {0: v} for part in ("train", "valid") for p, v in likenesses.items()
    }
    wanted["Loss3/val_loss+div"] = wanted.pop("Loss3/valid_loss+div")
    assert read_as_tensorboard(tmp_path / "fold_3") == wanted


def test_a_model_of_one_branch_has_the_names_of_the_published_baselines(tmp_path):
    terms = Terms(0.5, 0.5, 0.5, 0.0, {"g": 0.5}, {})
    curves = Curves(tmp_path, "final")
    curves.epoch(Epoch(0, 1e-3, terms, terms, best=0, seconds=1.0))
    curves.epoch(Epoch(1, 1e-3, terms, None, best=0, seconds=1.0))
    curves.close()
    seen = read_as_tensorboard(tmp_path)
    assert seen["Lossfinal/train"] == seen["Lossfinal/train_all"] == {0: 0.5, 1: 0.5}
    assert seen["Lossfinal/val"] == seen["Lossfinal/valid_all"] == {0: 0.5}
    assert len(seen) == 4


def test_a_fit_that_goes_on_from_epoch_2_shows_each_epoch_once(tmp_path):
    first = Curves(tmp_path, "0")
    for number in range(4):
        first.epoch(make_epoch(number, total=1.0))
    second = Curves(tmp_path, "0", goes_on_from=2)
    second.epoch(make_epoch(2, total=2.0))
    first.close()
    second.close()
    seen = read_as_tensorboard(tmp_path)
    assert seen["Loss0/train_loss+div"] == {0: 1.0, 1: 1.0, 2: 2.0}


def test_a_fit_goes_on_behind_the_files_of_a_machine_whose_clock_is_ahead(tmp_path):
    ahead = tmp_path / f"events.out.tfevents.{int(time.time()) + 3600}.zeta"
    ahead.write_bytes(b"")
    Curves(tmp_path, "0").close()
    newest = sorted(path.name for path in tmp_path.iterdir())[-1]
    assert newest != ahead.name
    assert newest.endswith(socket.gethostname())


def test_an_epoch_is_in_the_file_as_soon_as_it_is_told_of_even_if_the_fit_is_killed_then(tmp_path):
    curves = Curves(tmp_path, "0")
    for number in range(3):
        curves.epoch(make_epoch(number))
        assert max(read_as_tensorboard(tmp_path)["Loss0/train_all"]) == number
    curves.close()


def test_a_picture_is_read_back_as_it_was(tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    curves = Curves(tmp_path, "0")
    curves.image("distributions", picture, epoch=4)
    curves.close()
    *_, event = read_events(tmp_path)
    (value,) = event.summary.value
    assert (event.step, value.tag) == (4, "distributions")
    assert (value.image.height, value.image.width, value.image.colorspace) == (20, 30, 3)
    read = imread(BytesIO(value.image.encoded_image_string), format="png")
    assert np.array_equal((read[..., :3] * 255).round().astype(np.uint8), picture)


def test_curves_that_cannot_be_written_are_given_up_with_one_warning(tmp_path, caplog):
    (tmp_path / "fold_0").write_text("a file where the folder should be")
    curves = Curves(tmp_path / "fold_0", "0")
    curves.epoch(make_epoch(0))
    curves.close()
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "fold_0: no more curves of this fit" in caplog.text


def test_a_probability_twice_as_high_is_a_bar_twice_as_high():
    half, whole = np.eye(5)[[0, 1]] * 0.5, np.eye(5)[[0, 1]]
    grey, green = (0x87, 0x95, 0xA5), (0x12, 0x89, 0x7A)

    def count(picture, colour) -> int:
        bars = picture[:, : int(picture.shape[1] * 0.7)]  # without the legend
        return int(np.all(bars == colour, axis=-1).sum())

    said = draw_distributions(whole, half, ["V001_01", "V002_01"])
    assert count(said, grey) == pytest.approx(2 * count(said, green), rel=0.1)
    said = draw_distributions(half, whole, ["V001_01", "V002_01"])
    assert count(said, green) == pytest.approx(2 * count(said, grey), rel=0.1)


def test_of_seven_clips_six_are_drawn():
    distributions, ids = np.eye(5)[[0, 1, 2, 3, 4, 0, 1]], [f"V{clip:03d}_01" for clip in range(7)]
    drawn = draw_distributions(distributions, distributions, ids)
    assert drawn.shape == (190, 6 * 140 + 120, 3)
