"""Videos and tags to clips: data/raw, data/tags.csv -> data/clips and the two tables of them."""

import logging
from pathlib import Path

from rostfine.clips.cut import Cutting
from rostfine.clips.kept import ClipFolder
from rostfine.clips.sources import find_sources
from rostfine.clips.update import stop_at_faults, update_clips
from rostfine.params import load_params
from rostfine.progress import progress
from rostfine.tracking.tags import read_tags
from stages import run

DATA = Path("data")


def main() -> None:
    """Cut the clips that are new or changed; what fails is in the table, and told at the end."""
    log = logging.getLogger(__name__)
    params = load_params(Path("params.yaml"))
    tags = read_tags(DATA / "tags.csv")
    sources = find_sources(DATA, (tag.video_id for tag in tags))
    with progress("cut_clips, videos", len(sources)) as advance:
        update = update_clips(
            ClipFolder(folder=DATA, root=Path()),
            tags,
            sources,
            Cutting(params.tracking, params.clips),
            advance=advance,
        )
    log.info("cut_clips: %s", update)
    stop_at_faults(update, params.tracking)
    for fault in update.faults:
        log.warning("%s", fault)


if __name__ == "__main__":
    run(main)
