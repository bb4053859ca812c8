"""What a model sees of the stacks of a workspace, from memory and from disk alike."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from rostfine.errors import ClipError
from rostfine.schemas import no_rows, read_table, write_table
from rostfine.visem.frames import FRAMES, TABLE, WHO
from rostfine.visem.params import INPUTS, STACK_FRAMES, StackInput
from rostfine.visem.stacks import (
    StackFiles,
    labelled,
    load_stacks,
    mean_intensity,
    table_of,
    take,
    to_stack,
)
from rostfine.visem.tables import PARTICIPANTS, SEMEN_PREDICTIONS, STACKS
from rostfine.visem.targets import ALL_TARGETS, TARGETS

POSITIONS, SIDE_PX = 5, 8
PERCENT = {"1": 10.0, "2": 20.0, "10": 30.0}
FOLDS = {"1": 0, "2": 1, "10": 0}


@pytest.fixture
def arrays(tmp_path, monkeypatch) -> dict[str, np.ndarray]:
    """A workspace of three participants, the second of them without motility."""
    monkeypatch.chdir(tmp_path)
    rng = np.random.default_rng(0)
    made = {}
    for one in PERCENT:
        shape = (POSITIONS, STACK_FRAMES, SIDE_PX, SIDE_PX)
        made[one] = rng.integers(0, 256, shape, dtype=np.uint8)
        FRAMES.mkdir(parents=True, exist_ok=True)
        np.save(FRAMES / f"{one}.npy", made[one])
    who = pd.DataFrame({"participant_id": list(PERCENT), "fold": list(FOLDS.values())})
    for place, name in enumerate(ALL_TARGETS):
        who[name] = [share + place for share in PERCENT.values()]
    who.loc[1, list(TARGETS["motility"])] = np.nan
    write_table(WHO, who.assign(video="x.avi"), PARTICIPANTS)
    rows = [
        {
            "participant_id": one,
            "stack": stack,
            "path": str(FRAMES / f"{one}.npy"),
            "first_frame": stack,
            "time_s": float(stack),
            "content_key": one,
        }
        for one in PERCENT
        for stack in range(POSITIONS)
    ]
    write_table(TABLE, pd.DataFrame(rows), STACKS)
    return made


def load(given: StackInput = INPUTS["I4"], *, room_bytes: float = np.inf):
    return load_stacks(given, room_bytes=room_bytes)


def seen(data, rows: list[int], given: StackInput) -> torch.Tensor:
    frames = data.samples.frames
    which = torch.tensor(rows)
    return to_stack(frames[which] if torch.is_tensor(frames) else frames.read(which), given)


@pytest.mark.parametrize(
    ("name", "which"),
    [("I1", [0]), ("I2", [0] * 9), ("I3", range(9)), ("I4", range(18))],
)
@pytest.mark.parametrize("room_bytes", [np.inf, 0.0])
def test_a_model_sees_the_frames_of_its_input_in_order_from_0_to_1(arrays, name, which, room_bytes):
    data = load(INPUTS[name], room_bytes=room_bytes)
    assert isinstance(data.samples.frames, StackFiles) == (room_bytes == 0.0)
    order = [f"{one}:{stack}" for one in data.participants[::POSITIONS] for stack in range(5)]
    assert list(data.samples.names) == order
    rows = [7, 0, 14, 7]
    got = seen(data, rows, INPUTS[name])
    wanted = np.stack(
        [arrays[data.participants[row]][data.stacks[row], list(which)] for row in rows]
    )
    assert got.shape == (4, 1, len(which), SIDE_PX, SIDE_PX)
    assert got.dtype == torch.float32
    np.testing.assert_allclose(got[:, 0].numpy(), wanted / 255, atol=1e-6)


def test_of_what_is_repeated_one_frame_is_kept(arrays):
    assert load(INPUTS["I2"]).samples.frames.shape == (15, 1, SIDE_PX, SIDE_PX, 1)
    assert load(INPUTS["I3"]).samples.frames.shape == (15, 9, SIDE_PX, SIDE_PX, 1)


def test_stacks_are_kept_in_memory_if_they_take_less_than_their_share_of_the_room(arrays):
    nbytes = 15 * 18 * SIDE_PX**2
    # Two fifths of what is free.
    assert torch.is_tensor(load(room_bytes=nbytes / 0.4 + 1).samples.frames)
    assert isinstance(load(room_bytes=nbytes / 0.4 - 1).samples.frames, StackFiles)


def test_each_stack_has_the_fold_and_all_percentages_of_its_participant(arrays):
    data = load()
    assert data.folds.tolist() == [FOLDS[one] for one in data.participants]
    wanted = [[PERCENT[one] + place for place in range(6)] for one in data.participants]
    labels = data.samples.labels.numpy()
    known = ~np.isnan(labels)
    np.testing.assert_allclose(labels[known], np.array(wanted)[known])
    missing = np.array(data.participants) == "2"
    np.testing.assert_array_equal(known[:, :3].all(axis=1), ~missing)
    assert known[:, 3:].all()


@pytest.mark.parametrize("room_bytes", [np.inf, 0.0])
def test_who_lacks_a_target_is_left_out_for_that_target_alone(arrays, room_bytes):
    data = load(room_bytes=room_bytes)
    motility = labelled(data, TARGETS["motility"])
    assert set(motility.participants) == {"1", "10"}
    assert motility.samples.labels.shape == (10, 3)
    for row in (0, 9):
        one = motility.participants[row]
        assert motility.samples.labels[row].tolist() == [PERCENT[one] + k for k in range(3)]
        assert motility.samples.names[row] == f"{one}:{motility.stacks[row]}"
        wanted = arrays[one][motility.stacks[row]] / 255
        got = seen(motility, [row], INPUTS["I4"])[0, 0]
        np.testing.assert_allclose(got.numpy(), wanted, atol=1e-6)
    morphology = labelled(data, TARGETS["morphology"])
    assert len(morphology.participants) == 15
    assert morphology.samples.labels[0].tolist() == [
        PERCENT[data.participants[0]] + k + 3 for k in range(3)
    ]


def test_some_of_the_stacks_are_taken_with_all_that_belongs_to_them(arrays):
    data = load(room_bytes=0.0)
    rows = [1, 8, 14]
    some = take(data, np.isin(np.arange(15), rows))
    assert list(some.participants) == [data.participants[row] for row in rows]
    assert some.stacks.tolist() == data.stacks[rows].tolist()
    assert some.folds.tolist() == data.folds[rows].tolist()
    assert list(some.samples.names) == [data.samples.names[row] for row in rows]
    whole, taken = seen(data, rows, INPUTS["I4"]), seen(some, [0, 1, 2], INPUTS["I4"])
    assert torch.equal(whole, taken)


def test_the_mean_intensity_is_that_of_all_pixels(arrays):
    wanted = np.mean([arrays[one].mean() for one in arrays]) / 255
    assert mean_intensity(load().samples) == pytest.approx(wanted, abs=1e-6)
    assert mean_intensity(load(room_bytes=0.0).samples) == pytest.approx(wanted, abs=1e-6)


def test_participants_who_are_gone_are_left_out_and_none_at_all_is_told(arrays):
    who = read_table(WHO, PARTICIPANTS)
    write_table(WHO, who[who["participant_id"] != "1"], PARTICIPANTS)
    assert set(load().participants) == {"2", "10"}
    write_table(TABLE, no_rows(STACKS), STACKS)
    with pytest.raises(ClipError, match=r"frames\.parquet: wanted stacks .* got none"):
        load()


def test_an_array_that_was_written_anew_is_read_anew(arrays):
    path = FRAMES / "1.npy"
    data = load(room_bytes=0.0)
    row = data.participants.index("1")
    seen(data, [row], INPUTS["I4"])
    beside = path.with_name("new.npy")
    np.save(beside, 255 - arrays["1"])
    beside.replace(path)
    got = seen(data, [row], INPUTS["I4"])[0, 0].numpy()
    np.testing.assert_allclose(got, (255 - arrays["1"][0]) / 255, atol=1e-6)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-10])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def garble(path: Path) -> None:
    path.write_bytes(b"hello" * 100)


def shorten(path: Path) -> None:
    np.save(path, np.load(path)[:2])


def widen(path: Path) -> None:
    np.save(path, np.load(path).astype(np.float32))


@pytest.mark.parametrize("harm", [cut, empty, garble, shorten, widen, Path.unlink])
@pytest.mark.parametrize("room_bytes", [np.inf, 0.0])
def test_a_damaged_array_is_one_line(arrays, harm, room_bytes):
    harm(FRAMES / "10.npy")
    with pytest.raises(ClipError, match=r"frames/10\.npy: not an array of stacks: ") as caught:
        seen(load(room_bytes=room_bytes), list(range(15)), INPUTS["I4"])
    assert len(caught.value.faults) == 1


def test_predictions_are_told_by_participant_stack_and_fold(arrays, tmp_path):
    data = labelled(load(), TARGETS["motility"])
    predicted = np.arange(30, dtype=np.float32).reshape(10, 3)
    table = table_of(data, predicted, TARGETS["motility"])
    assert table["participant_id"].tolist() == list(data.participants)
    assert table["stack"].tolist() == data.stacks.tolist()
    assert table["fold"].tolist() == data.folds.tolist()
    np.testing.assert_array_equal(table[list(TARGETS["motility"])], predicted)
    write_table(tmp_path / "p.parquet", table, SEMEN_PREDICTIONS["motility"])
