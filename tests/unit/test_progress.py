from rostfine.progress import progress


def test_outside_of_a_terminal_the_last_step_ends_in_one_plain_line(capsys):
    with progress("cutting", 3) as advance:
        advance(note="a")
        advance(2, "b")
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "cutting: 0/3"
    assert len(lines) == 2
    assert lines[1].startswith("cutting: 3/3, ")
    assert lines[1].endswith("s, b")


def test_a_line_in_between_tells_how_long_is_left(capsys, monkeypatch):
    clock = iter([0.0, 100.0, 110.0])
    monkeypatch.setattr("rostfine.progress.time.monotonic", lambda: next(clock))
    with progress("cutting", 4) as advance:
        advance()
        advance()
    lines = capsys.readouterr().err.splitlines()
    assert lines[1:] == ["cutting: 1/4", "cutting: 2/4, 20 s left"]
