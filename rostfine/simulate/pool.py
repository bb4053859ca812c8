"""Work that is shared out to processes."""

import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed

import cv2


def in_processes(
    work: Callable[[int], str], indices: range, processes: int | None
) -> Iterator[str]:
    """Yield what `work` says of each index as it is done; None: one process for each core."""
    workers = min(processes or os.cpu_count() or 1, len(indices))
    if workers == 1:
        yield from map(work, indices)
        return
    # Fresh processes: a forked one would inherit the locks of OpenCV's and FFmpeg's threads.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, cv2.setNumThreads, (1,)) as pool:
        jobs = [pool.submit(work, index) for index in indices]
        try:
            yield from (job.result() for job in as_completed(jobs))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
