"""Stacks of frames out of videos: where from, what is in them, and what faults and kills do."""

import dataclasses
import multiprocessing
import shutil
import time
from pathlib import Path

import av
import cv2
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from rostfine.errors import InputError, VideoError
from rostfine.schemas import read_table, write_table
from rostfine.video.write import CODECS, write_video
from rostfine.visem.frames import FRAMES, TABLE, WHO, read_stacks, spread, stop_at_faults
from rostfine.visem.frames import update_frames as update_with
from rostfine.visem.params import STACK_FRAMES, FramesParams, load_visem_params
from rostfine.visem.tables import PARTICIPANTS, STACKS
from rostfine.visem.targets import ALL_TARGETS

ROOT = Path(__file__).parents[3]
SIZE_PX = 16
PARAMS = load_visem_params(ROOT / "visem" / "params.small.yaml")
FEW = FramesParams(positions=4, image_px=SIZE_PX, videos_at_once=1)


def update_frames(frames: FramesParams = FEW, **more):
    return update_with(dataclasses.replace(PARAMS, frames=frames), **more)


@given(frames=st.integers(0, 3000), positions=st.integers(1, 300))
def test_stacks_begin_evenly_spread_and_there_are_as_many_as_there_can_be(frames, positions):
    starts = spread(frames, positions)
    room = max(0, frames - STACK_FRAMES + 1)
    assert len(starts) == min(positions, room)
    if not len(starts):
        return
    steps = np.diff(starts)
    assert starts[0] == 0
    assert starts[-1] + STACK_FRAMES <= frames
    assert (steps >= 1).all()
    if len(steps):
        assert steps.max() - steps.min() <= 1
        # What is left behind the last stack is as long as a step, too.
        assert room - starts[-1] <= steps.max() + 1


def drawn(count: int, seed: int = 0) -> list[np.ndarray]:
    """Frames that all differ, smooth enough for any codec."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (count, 5, 6), dtype=np.uint8)
    return [cv2.resize(one, (64, 48), interpolation=cv2.INTER_CUBIC) for one in coarse]


def write(path: Path, count: int, *, seed: int = 0, codec: str = "mjpeg") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_video(path, drawn(count, seed), codec=CODECS[codec], frame_rate_hz=50.0)
    return path


def read_apart(path: Path) -> np.ndarray:
    """The frames of a video, made small, by PyAV and OpenCV alone."""
    with av.open(str(path)) as container:
        grey = [frame.to_ndarray()[: frame.height] for frame in container.decode(video=0)]
    return np.stack([cv2.resize(one, (SIZE_PX,) * 2, interpolation=cv2.INTER_AREA) for one in grey])


def assert_right(rows: pd.DataFrame, array: np.ndarray, frames: np.ndarray) -> None:
    assert array.dtype == np.uint8
    assert array.shape == (len(rows), STACK_FRAMES, SIZE_PX, SIZE_PX)
    for stack, first in zip(rows["stack"], rows["first_frame"], strict=True):
        wanted = frames[first : first + STACK_FRAMES].astype(int)
        assert np.abs(array[stack] - wanted).max() <= 1


# Far apart, overlapping, one beside the other, all that there are, and a single one.
@pytest.mark.parametrize(
    ("count", "positions"), [(90, 2), (60, 5), (54, 3), (30, 100), (18, 7), (40, 1)]
)
def test_an_array_holds_the_frames_that_its_rows_tell(tmp_path, count, positions):
    path = write(tmp_path / "a.avi", count)
    params = dataclasses.replace(FEW, positions=positions)
    rows = read_stacks(path, tmp_path / "a.npy", params)
    assert rows["first_frame"].tolist() == spread(count, positions).tolist()
    np.testing.assert_allclose(rows["time_s"], rows["first_frame"] / 50.0)
    assert_right(rows, np.load(tmp_path / "a.npy"), read_apart(path))


def test_an_mp4_is_read_too(tmp_path):
    path = write(tmp_path / "a.mp4", 50, codec="h264")
    rows = read_stacks(path, tmp_path / "a.npy", FEW)
    assert rows["first_frame"].tolist() == spread(50, 4).tolist()
    assert_right(rows, np.load(tmp_path / "a.npy"), read_apart(path))


def test_a_tiff_that_does_not_say_how_many_pages_it_has_is_read_too(tmp_path):
    pages = drawn(25)
    images = [Image.fromarray(page) for page in pages]
    images[0].save(tmp_path / "a.tif", save_all=True, append_images=images[1:])
    rows = read_stacks(tmp_path / "a.tif", tmp_path / "a.npy", FEW)
    assert rows["first_frame"].tolist() == spread(25, 4).tolist()
    # Such a file tells no time.
    assert rows["time_s"].isna().all()
    small = [cv2.resize(page, (SIZE_PX,) * 2, interpolation=cv2.INTER_AREA) for page in pages]
    assert_right(rows, np.load(tmp_path / "a.npy"), np.stack(small))


def promise(path: Path, count: int, promised: int) -> None:
    """Let the header of an AVI promise another number of frames."""
    content = bytearray(path.read_bytes())
    for chunk, offset in ((b"avih", 24), (b"strh", 40)):
        at = content.index(chunk) + offset
        assert int.from_bytes(content[at : at + 4], "little") == count
        content[at : at + 4] = promised.to_bytes(4, "little")
    path.write_bytes(content)


def test_a_header_that_promises_a_few_frames_too_many_gives_what_is_there(tmp_path):
    path = write(tmp_path / "a.avi", 100)
    promise(path, 100, 102)
    params = dataclasses.replace(FEW, positions=85)
    rows = read_stacks(path, tmp_path / "a.npy", params)
    # As many as a video of a hundred frames has room for.
    assert rows["first_frame"].tolist() == list(range(83))
    assert_right(rows, np.load(tmp_path / "a.npy"), read_apart(path))


def test_a_header_that_promises_many_frames_too_many_is_a_video_that_breaks_off(tmp_path):
    path = write(tmp_path / "a.avi", 60)
    promise(path, 60, 100)
    with pytest.raises(VideoError, match=r"a\.avi: breaks off: wanted 100 frames, got 60"):
        read_stacks(path, tmp_path / "a.npy", FEW)
    assert not list(tmp_path.glob("*.npy"))


def test_a_video_shorter_than_a_stack_is_told(tmp_path):
    path = write(tmp_path / "a.avi", 17)
    with pytest.raises(VideoError, match=r"a\.avi: wanted 18 frames or more, got 17"):
        read_stacks(path, tmp_path / "a.npy", FEW)


@pytest.fixture
def workspace(tmp_path, monkeypatch) -> Path:
    """Three participants with a video each; the process stands there."""
    monkeypatch.chdir(tmp_path)
    for number in (1, 2, 3):
        write(video(number), 40 + 10 * number, seed=number)
    tell([1, 2, 3])
    return tmp_path


def video(number: int) -> Path:
    return Path(PARAMS.data.folder, "videos", f"{number}_x y.avi")


def tell(numbers: list[int]) -> None:
    table = pd.DataFrame(
        {
            "participant_id": [str(number) for number in numbers],
            "video": [f"videos/{number}_x y.avi" for number in numbers],
            "fold": [number % 2 for number in numbers],
        }
    )
    write_table(WHO, table.assign(**dict.fromkeys(ALL_TARGETS, 10.0)), PARTICIPANTS)


def array_of(number: int) -> Path:
    return FRAMES / f"{number}.npy"


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def written_at() -> dict[str, int]:
    return {path.name: path.stat().st_ino for path in FRAMES.iterdir()}


def assert_whole(numbers: list[int]) -> None:
    table = read_table(TABLE, STACKS)
    assert sorted(set(table["participant_id"])) == [str(number) for number in numbers]
    assert sorted(path.name for path in FRAMES.iterdir()) == [f"{n}.npy" for n in numbers]
    for number in numbers:
        rows = table[table["participant_id"] == str(number)]
        assert set(rows["path"]) == {str(array_of(number))}
        assert_right(rows, np.load(array_of(number)), read_apart(video(number)))


def test_all_videos_are_read_and_told_of_one_by_one(workspace):
    told = []
    update = update_frames(advance=lambda steps=1, note="": told.append((steps, note)))
    assert (update.kept, update.read, update.faults) == (0, 3, ())
    assert told == [(0, ""), (1, "1"), (1, "2"), (1, "3")]
    assert str(update) == "0 videos kept, 3 read, 0 failed; 12 stacks"
    assert_whole([1, 2, 3])
    pd.testing.assert_frame_equal(update.stacks, read_table(TABLE, STACKS), check_like=True)


def test_a_second_run_reads_nothing(workspace):
    update_frames()
    before = written_at(), TABLE.read_bytes()
    again = update_frames()
    assert (again.kept, again.read) == (3, 0)
    assert (written_at(), TABLE.read_bytes()) == before


def test_one_video_of_two_participants_is_used_for_neither(workspace):
    shutil.copyfile(video(1), video(2))
    update = update_frames()
    assert update.faults == ("participants 1, 2: wanted a video each, got the same bytes",)
    assert set(update.stacks["participant_id"]) == {"3"}


def test_a_video_that_changed_or_lost_its_array_is_read_alone(workspace):
    update_frames()
    before = written_at()
    write(video(2), 60, seed=9)
    array_of(3).unlink()
    again = update_frames()
    assert (again.kept, again.read) == (1, 2)
    assert written_at()["1.npy"] == before["1.npy"]
    assert_whole([1, 2, 3])


def test_other_settings_read_all_anew(workspace):
    update_frames()
    again = update_frames(dataclasses.replace(FEW, positions=3))
    assert (again.kept, again.read, len(again.stacks)) == (0, 3, 9)
    assert_whole([1, 2, 3])


def test_the_array_of_a_participant_who_left_is_removed(workspace):
    update_frames()
    (FRAMES / ".2-abcdefgh.npy").write_bytes(b"left half-written by a killed run")
    tell([1, 3])
    update_frames()
    assert_whole([1, 3])


def test_a_damaged_table_costs_a_second_reading_and_no_more(workspace):
    update_frames()
    TABLE.write_bytes(b"hello")
    again = update_frames()
    assert (again.kept, again.read) == (0, 3)
    assert_whole([1, 2, 3])


@pytest.mark.parametrize("chunk", ["within", "before"])
def test_a_video_cut_off_in_the_middle_is_a_line_and_the_others_are_done(workspace, chunk):
    update_frames()
    content = video(2).read_bytes()
    # Within a frame, or where the next would begin: there the decoder has nothing to say.
    at = content.index(b"00dc", len(content) // 2)
    video(2).write_bytes(content[: at + (100 if chunk == "within" else 0)])
    told = []
    update = update_frames(advance=lambda steps=1, note="": told.append(steps))
    (line,) = update.faults
    assert line.startswith(f"participant 2: {video(2)}: ")
    assert ("breaks off: wanted 60 frames" if chunk == "before" else "frame") in line
    assert "\n" not in line
    assert sum(told) == 3
    assert_whole([1, 3])


def test_a_missing_video_is_a_line_and_stops_only_who_wants_to_be_stopped(workspace):
    video(1).unlink()
    told = []
    update = update_frames(advance=lambda steps=1, note="": told.append(steps))
    line = f"participant 1: {video(1)}: No such file or directory"
    assert update.faults == (line,)
    assert sum(told) == 3
    assert_whole([2, 3])
    stop_at_faults(update, dataclasses.replace(PARAMS, data=skipping("skip")))
    with pytest.raises(InputError) as caught:
        stop_at_faults(update, dataclasses.replace(PARAMS, data=skipping("stop")))
    assert caught.value.faults == [line]


def skipping(how):
    return dataclasses.replace(PARAMS.data, on_bad_input=how)


class StoppedError(Exception):
    """What the test raises where a process would have been killed."""


def test_before_an_array_is_replaced_no_row_tells_of_it(workspace):
    update_frames()
    write(video(2), 60, seed=9)

    def stop(steps=1, note=""):
        raise StoppedError

    with pytest.raises(StoppedError):
        update_frames(advance=stop)
    assert set(read_table(TABLE, STACKS)["participant_id"]) == {"1", "3"}


def test_a_run_killed_while_it_reads_ends_the_same_when_it_is_run_again(workspace):
    write(video(2), 500, seed=2)  # some work
    many = FramesParams(100, 256, 1)
    update_frames(many)
    whole = bytes_of(FRAMES), TABLE.read_bytes()
    shutil.rmtree(FRAMES)
    TABLE.unlink()
    run = multiprocessing.get_context("fork").Process(target=update_frames, args=(many,))
    run.start()
    try:
        wait_for_the_second(run)
    finally:
        run.kill()
        run.join()
    assert array_of(1).exists()
    assert not array_of(2).exists()
    assert set(read_table(TABLE, STACKS)["participant_id"]) == {"1"}
    first = array_of(1).stat().st_ino
    again = update_frames(many)
    assert (again.kept, again.read) == (1, 2)
    assert array_of(1).stat().st_ino == first
    assert (bytes_of(FRAMES), TABLE.read_bytes()) == whole


def wait_for_the_second(run: multiprocessing.process.BaseProcess) -> None:
    deadline = time.monotonic() + 60
    while not any(path.stat().st_size > 1e6 for path in FRAMES.glob(".2-*.npy")):
        assert time.monotonic() < deadline
        assert run.is_alive()
        time.sleep(0.002)
