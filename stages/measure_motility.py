"""How each followed sperm moves: data/tracks.parquet -> data/motility.parquet."""

import logging
from pathlib import Path

from rostfine.clips.motility import tabulate_motility
from rostfine.clips.sources import find_sources
from rostfine.params import load_params
from rostfine.schemas import CLIPS, MOTILITY, TRACKS, read_table, write_table
from stages import run

DATA = Path("data")


def main() -> None:
    """Write data/motility.parquet."""
    params = load_params(Path("params.yaml"))
    clips = read_table(DATA / "clips.parquet", CLIPS)
    sources = find_sources(DATA, clips["video_id"])
    scales = {
        str(sample_id): sources[str(video_id)].um_per_px
        for sample_id, video_id in zip(clips["sample_id"], clips["video_id"], strict=True)
    }
    tracks = read_table(DATA / "tracks.parquet", TRACKS)
    table = tabulate_motility(tracks, scales, params.motility)
    write_table(DATA / "motility.parquet", table, MOTILITY)
    logging.getLogger(__name__).info(
        "measure_motility: %d tracks, %d with a WHO class", len(table), table["who_class"].count()
    )


if __name__ == "__main__":
    run(main)
