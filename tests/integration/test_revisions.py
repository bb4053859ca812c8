"""An older revision of a study gives back its clips, by the real DVC and Git."""

import re

import pytest

pytestmark = pytest.mark.slow

GIT = ("git", "-c", "user.name=lab", "-c", "user.email=lab@example.org")


def test_a_checkout_of_an_older_revision_gives_its_clips_and_leaves_nothing_to_do(new_workspace):
    study = new_workspace("revisions")
    study.run("rostfine", "simulate", ".", "--patients", "2")

    def content() -> dict[str, bytes]:
        paths = [
            *(study.folder / "data/clips").iterdir(),
            *(study.folder / "data").glob("*.parquet"),
        ]
        return {path.name: path.read_bytes() for path in paths}

    found = []
    for size_px in (40, 60):
        study.set_params(clips__size_px=size_px)
        study.run("dvc", "repro", "measure_motility", "review_tracks")
        study.run(*GIT, "add", "params.yaml", "dvc.yaml", "dvc.lock")
        study.run(*GIT, "commit", "--quiet", "-m", f"clips of {size_px} px")
        found.append(content())
    assert found[0].keys() == found[1].keys()
    assert found[0] != found[1]
    study.run(*GIT, "checkout", "--quiet", "HEAD~1")
    study.run("dvc", "checkout", "cut_clips", "measure_motility")
    assert content() == found[0]
    assert not re.search("Running stage", study.run("dvc", "repro", "measure_motility"))
    assert content() == found[0]
