import os
from pathlib import Path

import pytest

HEADER = "sample_id,expert_id,grade,voted_at\n"


class Lab:
    """A workspace with tagged samples s1 to s3, and what a lab does with votes in it."""

    def __init__(self, workspace: Path) -> None:
        self.workspace = workspace
        self.votes = workspace / "data" / "votes"
        self.votes.mkdir(parents=True)
        tags = "".join(f"s{n},v1,0,{n},5\n" for n in (1, 2, 3))
        (workspace / "data" / "tags.csv").write_text(f"sample_id,video_id,frame,x_px,y_px\n{tags}")

    @property
    def ledger(self) -> Path:
        return self.workspace / "data" / "votes" / ".batches.csv"

    @property
    def rejected(self) -> Path:
        return self.votes / "rejected"

    def drop(self, name: str, *rows: str, age_s: float = 100.0) -> Path:
        """Write a file of votes that was changed `age_s` ago; a row is like 's1,e1,A'."""
        path = self.votes / name
        dated = [row if row.count(",") > 2 else f"{row},2026-01-01" for row in rows]
        path.write_text(HEADER + "".join(f"{row}\n" for row in dated))
        self.age(path, age_s)
        return path

    def append(self, name: str, text: str) -> None:
        path = self.votes / name
        with path.open("a") as file:
            file.write(text)
        self.age(path, 100.0)

    @staticmethod
    def age(path: Path, age_s: float) -> None:
        changed_s = path.stat().st_mtime - age_s
        os.utime(path, (changed_s, changed_s))

    def everything(self) -> dict[str, str]:
        """Return the bytes of every file of votes and of the ledger, but for the time in it."""
        paths = (p for p in self.workspace.rglob("*") if p.is_file() and p.name != ".batches.lock")
        return {
            str(p.relative_to(self.workspace)): p.read_bytes().hex()
            if p != self.ledger
            else "".join(line.rpartition(",")[0] for line in p.read_text().splitlines())
            for p in sorted(paths)
        }


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path / "lab")
