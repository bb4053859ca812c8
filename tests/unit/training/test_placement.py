import pytest

from rostfine.training.ray_train import Placement, place


@pytest.mark.parametrize(
    ("fits", "nodes", "most", "wanted"),
    [
        (6, [{"CPU": 2.0}], None, Placement(2, 1, use_gpu=False)),
        (1, [{"CPU": 2.0}], None, Placement(1, 2, use_gpu=False)),
        (5, [{"CPU": 64.0, "GPU": 8.0}], None, Placement(5, 12, use_gpu=True)),
        (5, [{"CPU": 64.0, "GPU": 2.0}], None, Placement(2, 32, use_gpu=True)),
        (5, [{"CPU": 16.0}], 1, Placement(1, 16, use_gpu=False)),
        (1, [{"CPU": 2.0}, {"CPU": 2.0}], None, Placement(1, 2, use_gpu=False)),
        (5, [{"CPU": 7.0}, {"CPU": 3.0}], None, Placement(5, 1, use_gpu=False)),
        (4, [{"CPU": 8.0, "GPU": 2.0}, {"CPU": 64.0}], None, Placement(2, 4, use_gpu=True)),
        (5, [{}], None, Placement(1, 1, use_gpu=False)),
    ],
)
def test_fits_share_out_what_each_node_has(fits, nodes, most, wanted):
    assert place(fits, nodes, most) == wanted
