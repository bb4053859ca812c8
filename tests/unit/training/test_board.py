from rostfine.training.board import Board


def test_each_fit_is_handed_out_once_and_in_order():
    board = Board(3)
    assert [board.take() for _ in range(4)] == [0, 1, 2, None]


def test_news_is_taken_once_and_failures_stay():
    board = Board(1)
    board.post("fold_0 epoch 1")
    board.fail("fold_0: no")
    assert board.take_posts() == ["fold_0 epoch 1"]
    assert board.take_posts() == []
    assert board.failures() == board.failures() == ["fold_0: no"]
