"""Cutting the clips of many videos: each video is a job, and whoever does it writes its clips."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rostfine.clips.cut import Cutting, cut_video
from rostfine.clips.record import Cut, fail
from rostfine.clips.sources import Source
from rostfine.clips.store import write_clip
from rostfine.errors import ClusterError
from rostfine.tracking.parallel import work_through
from rostfine.tracking.tags import Tag


@dataclass(frozen=True)
class Job:
    """A video, and the tags of it whose clips are wanted."""

    video: Path
    tags: tuple[Tag, ...]


@dataclass(frozen=True)
class Jobs:
    """How clips are cut into `folder`; it travels to whoever does a job."""

    keys: Mapping[str, str]
    folder: Path
    cutting: Cutting

    def do_all(self, tags: Sequence[Tag], sources: Mapping[str, Source]) -> Iterator[list[Cut]]:
        """Yield what came of the tags of each video, without pictures, in the order they are done.

        Clips that are good are in `folder` by then. A bad video costs its own tags only.
        """
        jobs = []
        for video_id, wanted in _by_video(tags).items():
            source = sources[video_id]
            if source.path is None:
                yield [fail(tag, source.fault) for tag in wanted]
            else:
                jobs.append(Job(source.path, tuple(wanted)))
        at_once = self.cutting.tracking.videos_at_once
        for job, cuts in work_through(self.do, jobs, at_once=at_once):
            if isinstance(cuts, ClusterError):
                yield [fail(tag, f"{job.video}: {cuts}") for tag in job.tags]
            else:
                yield cuts

    def do(self, job: Job) -> list[Cut]:
        """Cut the clips of a video into files; what comes back is without pictures."""
        cuts = cut_video(
            job.video,
            job.tags,
            tracking=self.cutting.tracking,
            clips=self.cutting.clips,
            most_frames=self.cutting.most_frames,
        )
        return [self._written(cut) for cut in cuts]

    def _written(self, cut: Cut) -> Cut:
        sample_id = cut.tag.sample_id
        if cut.frames is not None:
            path = self.folder / f"{sample_id}.npz"
            try:
                write_clip(path, cut, self.keys[sample_id])
            except OSError as error:
                return fail(cut.tag, f"{path}: cannot be written: {error.strerror}")
        return replace(cut, frames=None)


def _by_video(tags: Sequence[Tag]) -> dict[str, list[Tag]]:
    by_video: dict[str, list[Tag]] = {}
    for tag in tags:
        by_video.setdefault(tag.video_id, []).append(tag)
    return by_video
