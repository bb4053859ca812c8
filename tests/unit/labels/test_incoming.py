import contextlib
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from rostfine.errors import TEMPORARY, FetchError, VoteError
from rostfine.labels.batches import collect_batches
from rostfine.labels.incoming import Limits, bring_in

BATCH = b"sample_id,expert_id,grade,voted_at\ns1,e1,A,2026-01-01\n"


class Desk(BaseHTTPRequestHandler):
    """Hands out a batch, or one of the ways in which a server fails to."""

    def do_GET(self):
        name = self.path.partition("?")[0].rpartition("/")[2]
        status = {"busy.csv": 503, "gone.csv": 410, "later.csv": 429}.get(name, 200)
        self.send_response(status)
        self.send_header("Content-Length", str(len(BATCH) + (name == "short.csv")))
        self.end_headers()
        if name == "trickle.csv":
            with contextlib.suppress(OSError):
                for byte in BATCH:
                    self.wfile.write(bytes([byte]))
                    time.sleep(0.05)
        else:
            self.wfile.write(BATCH)

    def log_message(self, *_):
        pass


@pytest.fixture
def desk(monkeypatch):
    monkeypatch.setenv("no_proxy", "*")
    server = ThreadingHTTPServer(("127.0.0.1", 0), Desk)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_batch_comes_from_a_url_once_and_is_collected(lab, desk):
    source = f"{desk}/june%20votes.csv?token=secret"
    path = bring_in(lab.workspace, source)
    assert path.parent == lab.votes
    assert path.name.startswith("june_votes-")
    assert path.read_bytes() == BATCH
    stat = path.stat()
    assert bring_in(lab.workspace, source) == path
    assert path.stat() == stat
    done = collect_batches(lab.workspace, settled_s=30.0, whole=[path.name])
    assert [batch.name for batch in done.accepted] == [path.name]


@pytest.mark.parametrize("form", ["{}", "file://{}"])
def test_a_batch_comes_from_a_path(lab, tmp_path, form):
    given = tmp_path / "mine.csv"
    given.write_bytes(BATCH)
    path = bring_in(lab.workspace, form.format(given))
    assert path.read_bytes() == given.read_bytes() == BATCH
    assert [file.name for file in lab.votes.iterdir()] == [path.name]


def test_a_path_counts_from_the_workspace_and_what_lies_among_the_votes_stays(lab):
    path = lab.drop("a.csv", "s1,e1,A")
    assert bring_in(lab.workspace, "data/votes/a.csv") == path
    assert list(lab.votes.iterdir()) == [path]


@pytest.mark.parametrize(
    ("source", "kind", "message"),
    [
        ("{desk}/gone.csv", VoteError, "/gone.csv: wanted a batch of votes, got HTTP 410"),
        ("{desk}/busy.csv", FetchError, "got HTTP 503"),
        ("{desk}/later.csv", FetchError, "got HTTP 429"),
        ("{desk}/short.csv", FetchError, "wanted 55 bytes, got 54"),
        ("{desk}/votes.xlsx", VoteError, "wanted a batch of votes named .csv or .parquet"),
        ("http://127.0.0.1:9/v.csv?key=secret", FetchError, "http://127.0.0.1:9/v.csv: wanted a b"),
        ("http://me:secret@127.0.0.1:9/v.csv", VoteError, "http://127.0.0.1:9/v.csv: wanted a URL"),
        ("http://127.0.0.1/a b.csv", VoteError, "wanted a URL"),
        ("ftp://127.0.0.1/v.csv", VoteError, "wanted a path, or a URL of http, https or file"),
        ("absent.csv", VoteError, "absent.csv: no such file; wanted a batch of votes"),
    ],
)
def test_what_does_not_come_is_told_in_a_line_without_secrets(lab, desk, source, kind, message):
    with pytest.raises(kind) as caught:
        bring_in(lab.workspace, source.format(desk=desk))
    assert message in str(caught.value)
    assert "secret" not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert (caught.value.exit_code == TEMPORARY) == (kind is FetchError)
    assert list(lab.votes.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "limits", "kind"),
    [
        ("trickle.csv", Limits(seconds=0.3), FetchError),
        ("large.csv", Limits(n_bytes=10), VoteError),
    ],
)
def test_a_source_that_takes_too_much_is_given_up(lab, desk, name, limits, kind):
    begin_s = time.monotonic()
    with pytest.raises(kind, match=name):
        bring_in(lab.workspace, f"{desk}/{name}", limits=limits)
    assert time.monotonic() - begin_s < 2
    assert list(lab.votes.iterdir()) == []
