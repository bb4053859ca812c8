"""Where the workers of one experiment take their next fit, and post how they get on.

It is small on purpose: the process that holds it starts in a second because it needs no torch.
"""


class Board:
    """A list of fits, by number, and what was said of them."""

    def __init__(self, fits: int) -> None:
        self._todo = list(range(fits))
        self._posts: list[str] = []
        self._failures: list[str] = []

    def take(self) -> int | None:
        """Hand out the next fit; None when there are no more."""
        return self._todo.pop(0) if self._todo else None

    def post(self, news: str) -> None:
        """Say that an epoch is done."""
        self._posts.append(news)

    def fail(self, line: str) -> None:
        """Say that a fit failed, and why."""
        self._failures.append(line)

    def take_posts(self) -> list[str]:
        """Return what was posted since the last call."""
        posts, self._posts = self._posts, []
        return posts

    def failures(self) -> list[str]:
        """Return a line for each fit that failed."""
        return self._failures
