"""The worst tracks, lost and failed ones on one page, to look at: -> reports/tracks.html."""

import logging
from pathlib import Path

from rostfine.clips.store import read_clip
from rostfine.files import written_whole
from rostfine.params import load_params
from rostfine.report.tracks import TracksData, choose_worst, render_tracks
from rostfine.schemas import CLIPS, TRACKS, read_table
from stages import run

DATA, OUT = Path("data"), Path("reports/tracks.html")


def main() -> None:
    """Write reports/tracks.html."""
    params = load_params(Path("params.yaml"))
    clips = read_table(DATA / "clips.parquet", CLIPS)
    worst = choose_worst(clips, params.report.worst_tracks)
    html = render_tracks(
        TracksData(
            clips=clips,
            tracks=read_table(DATA / "tracks.parquet", TRACKS),
            worst={name: read_clip(DATA / "clips" / f"{name}.npz") for name in worst},
            box_px=round(params.tracking.max_head_px),
        )
    )
    with written_whole(OUT) as beside:
        beside.write_text(html)
    logging.getLogger(__name__).info("review_tracks: %s", OUT)


if __name__ == "__main__":
    run(main)
