from rostfine.training.board import Board


def test_every_fit_is_handed_out_once_and_then_none():
    board = Board(["fold_0", "fold_1"])
    assert [board.take(), board.take(), board.take()] == [0, 1, None]


def test_posts_are_read_once_in_their_order_and_failures_are_kept():
    board = Board(["fold_0", "fold_1"])
    board.post("training", 0, "")
    board.fail(1, "no memory")
    wanted = [("training", "fold_0", ""), ("failed", "fold_1", "no memory")]
    assert board.take_posts() == wanted
    assert board.take_posts() == []
    assert board.failures() == {1: "no memory"}
