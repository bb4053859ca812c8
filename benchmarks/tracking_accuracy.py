"""How well sperm are followed: a fixed template, one renewed in every frame, and the project's way.

    python benchmarks/tracking_accuracy.py [--real ../shared/data] [--videos 8]

Real sperm are followed from their first annotated frame to the last (MIaMIA-SVDS, boxes by people),
simulated ones from a click that is a pixel off. The two simple ways are as often described: a
template of 29 px, matched by normalised correlation within 14 px of the last place. All settings
are those of params.yaml, for every video.
"""

import argparse
import dataclasses
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from rostfine.clips.cut import cut_video
from rostfine.params import ClipParams, load_params
from rostfine.simulate.plan import StudySettings
from rostfine.simulate.study import simulate_study
from rostfine.tracking.tags import Tag, read_tags
from rostfine.video.reader import open_video

ROOT = Path(__file__).parents[1]
PARAMS = load_params(ROOT / "params.yaml")
TEMPLATE_PX, REACH_PX = 29, 14
MOVING_PX = 25
REAL_PX, SIMULATED_PX = 10.0, 3.0
STUDIES = {
    "simulated, 16 frames": StudySettings(frames=16),
    "simulated, 16 frames, crowded": StudySettings(frames=16, others_per_video=60, seed=2),
    "simulated, 60 frames": StudySettings(
        frames=60, clip_frames=60, sperm_per_video=4, others_per_video=12, seed=3
    ),
}


def by_template(path: Path, tags: Sequence[Tag], frames: int, *, renewed: bool) -> pd.DataFrame:
    """Follow by one template, whose place moves to the best match."""
    half = TEMPLATE_PX // 2
    at = {tag.sample_id: (tag.x_px, tag.y_px) for tag in tags}
    templates: dict[str, np.ndarray] = {}
    rows = []
    with open_video(path) as video:
        for frame in video.frames():
            if frame.index == frames:
                break
            wide = cv2.copyMakeBorder(
                frame.luma, *[half + REACH_PX + 1] * 4, borderType=cv2.BORDER_REFLECT_101
            )
            for name, (x_px, y_px) in at.items():
                # In the padded picture; places are of whole pixels.
                col, row = (round(v) + half + REACH_PX + 1 for v in (x_px, y_px))
                reach = 0 if name not in templates else REACH_PX
                near = wide[
                    row - half - reach : row + half + reach + 1,
                    col - half - reach : col + half + reach + 1,
                ]
                if name not in templates:
                    templates[name] = near.copy()
                else:
                    match = cv2.matchTemplate(near, templates[name], cv2.TM_CCOEFF_NORMED)
                    down, across = np.unravel_index(int(match.argmax()), match.shape)
                    x_px = float(np.clip(round(x_px) + across - reach, 0, frame.luma.shape[1] - 1))
                    y_px = float(np.clip(round(y_px) + down - reach, 0, frame.luma.shape[0] - 1))
                    at[name] = (x_px, y_px)
                    if renewed:
                        templates[name] = near[
                            down : down + TEMPLATE_PX, across : across + TEMPLATE_PX
                        ].copy()
                rows.append((name, frame.index, *at[name]))
    return pd.DataFrame(rows, columns=["sample_id", "frame", "x_px", "y_px"])


def by_project(path: Path, tags: Sequence[Tag], frames: int) -> pd.DataFrame:
    """Follow as the pipeline does."""
    cuts = cut_video(
        path,
        tags,
        tracking=PARAMS.tracking,
        clips=ClipParams(frames=1, size_px=PARAMS.clips.size_px),
        most_frames=float(frames),
    )
    return pd.DataFrame(
        [
            (cut.tag.sample_id, cut.tag.frame + number, *map(float, place))
            for cut in cuts
            for number, place in enumerate(cut.centre_px)
        ],
        columns=["sample_id", "frame", "x_px", "y_px"],
    )


WAYS = {
    "fixed template": lambda *given: by_template(*given, renewed=False),
    "template of the last frame": lambda *given: by_template(*given, renewed=True),
    "rostfine": by_project,
}

Case = tuple[Path, list[Tag], pd.DataFrame]


def real_cases(data: Path) -> Iterator[Case]:
    """Yield videos with the tags of their first frame and the annotated places."""
    for path in sorted((data / "tracking").glob("*_tracks.csv")):
        boxes = pd.read_csv(path)
        boxes = boxes[boxes["full_length"] == 1].rename(columns={"cx": "x_px", "cy": "y_px"})
        boxes["sample_id"] = boxes["track"].astype(str)
        video = path.with_name(path.name.removesuffix("_tracks.csv") + ".mp4")
        first = boxes[boxes["frame"] == 0]
        tags = [Tag(r.sample_id, video.stem, 0, r.x_px, r.y_px) for r in first.itertuples()]
        yield video, tags, boxes[["sample_id", "frame", "x_px", "y_px"]]


def simulated_cases(folder: Path, settings: StudySettings) -> Iterator[Case]:
    """Simulate a study, and yield its videos with tags and true places."""
    simulate_study(folder, settings)
    tags = read_tags(folder / "data/tags.csv")
    truth = pd.read_parquet(folder / "truth/tracks.parquet").dropna(subset="sample_id")
    for path in sorted((folder / "data/raw").iterdir()):
        yield (
            path,
            [tag for tag in tags if tag.video_id == path.stem],
            truth[truth["video_id"] == path.stem][["sample_id", "frame", "x_px", "y_px"]],
        )


def errors_of(cases: Sequence[Case]) -> pd.DataFrame:
    """How far off each way is, for every sperm and frame; infinitely far where it was given up."""
    found = []
    for number, (path, tags, truth) in enumerate(cases):
        first = {tag.sample_id: tag.frame for tag in tags}
        truth = truth[truth["frame"] >= truth["sample_id"].map(first)].sort_values("frame")
        places = truth.groupby("sample_id")[["x_px", "y_px"]]
        travel_px = (places.last() - places.first()).pow(2).sum(axis=1).pow(0.5)
        for way, follow in WAYS.items():
            tracks = follow(path, tags, int(truth["frame"].max()) + 1)
            both = truth.merge(tracks, on=["sample_id", "frame"], how="left", suffixes=("", "_f"))
            off_px = np.hypot(both["x_px"] - both["x_px_f"], both["y_px"] - both["y_px_f"])
            found.append(
                both.assign(
                    way=way,
                    sperm=f"{number}/" + both["sample_id"].astype(str),
                    moves=both["sample_id"].map(travel_px) > MOVING_PX,
                    off_px=off_px.fillna(np.inf),
                )
            )
    return pd.concat(found, ignore_index=True)


def tell(title: str, errors: pd.DataFrame, near_px: float) -> None:
    """Print a row for each way, of those that move and of the others."""
    for moves, group in errors.groupby("moves", sort=False):
        kind = f"{title}, {'moving' if moves else 'near-static'}"
        for way, found in group.groupby("way", sort=False):
            last = found.groupby("sperm")["off_px"].last()
            print(
                f"| {kind} | {len(last)} | {way} | {(found['off_px'] <= near_px).mean():.1%} "
                f"| {(last <= near_px).mean():.1%} | {found['off_px'].median():.2f} |"
            )


def main() -> None:
    """Follow everything in every way."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--real", type=Path, default=ROOT.parent / "shared" / "data")
    asked.add_argument("--videos", type=int, default=8, help="of each simulated study")
    given = asked.parse_args()
    print("| sperm | number | way | frames near | kept to the end | median px |")
    print("|---|---|---|---|---|---|")
    if given.real.is_dir():
        tell(f"real, {REAL_PX:.0f} px", errors_of(list(real_cases(given.real))), REAL_PX)
    else:
        print(f"no real recordings at {given.real}")
    for title, settings in STUDIES.items():
        with tempfile.TemporaryDirectory() as folder:
            settings = dataclasses.replace(settings, patients=given.videos)
            cases = list(simulated_cases(Path(folder), settings))
            tell(f"{title}, {SIMULATED_PX:.0f} px", errors_of(cases), SIMULATED_PX)


if __name__ == "__main__":
    main()
