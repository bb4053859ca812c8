"""Where the workers of one experiment take their next fit, and post how they get on.

It is small on purpose: the process that holds it starts in a second because it needs no torch.
"""

from collections.abc import Sequence
from typing import Any

Post = tuple[str, str, Any]
"""What is said ("epoch" or a status), of which fit, and the epoch or a note."""


class Board:
    """A list of fits, by their places in it, and what was said of them."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = list(names)
        self._todo = list(range(len(names)))
        self._posts: list[Post] = []
        self._failures: dict[int, str] = {}

    def take(self) -> int | None:
        """Hand out the next fit; None when there are no more."""
        return self._todo.pop(0) if self._todo else None

    def post(self, what: str, number: int, said: Any) -> None:
        """Say something of a fit."""
        self._posts.append((what, self._names[number], said))

    def fail(self, number: int, line: str) -> None:
        """Say that a fit failed, and why."""
        # The first to say so knows why; the rest of its team only that it is gone.
        if number not in self._failures:
            self._failures[number] = line
            self.post("failed", number, line)

    def take_posts(self) -> list[Post]:
        """Return what was posted since the last call."""
        posts, self._posts = self._posts, []
        return posts

    def failures(self) -> dict[int, str]:
        """Return a line for each fit that failed."""
        return self._failures
