"""What the pictures of each clip are like: data/clips -> data/images.parquet."""

from pathlib import Path

from rostfine.clips.images import tabulate_images
from rostfine.schemas import CLIPS, IMAGES, read_table, write_table
from stages import run

DATA = Path("data")


def main() -> None:
    """Write data/images.parquet."""
    table = tabulate_images(DATA / "clips", read_table(DATA / "clips.parquet", CLIPS))
    write_table(DATA / "images.parquet", table, IMAGES)


if __name__ == "__main__":
    run(main)
