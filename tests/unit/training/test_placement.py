import dataclasses

import pytest

from rostfine.errors import ClusterError, InputError
from rostfine.params import TrainingParams
from rostfine.training.placement import Placement, place

WANTED = TrainingParams("auto", 1, None, "auto")


def placed(fits, *nodes, **changes):
    found = place(fits, nodes, dataclasses.replace(WANTED, **changes))
    return found.at_once, found.cpus_per_worker, found.use_gpu


@pytest.mark.parametrize(
    ("fits", "nodes", "wanted"),
    [
        (6, [{"CPU": 2.0}], (2, 1, False)),
        (1, [{"CPU": 2.0}], (1, 2, False)),
        (6, [{"CPU": 64.0, "GPU": 8.0}], (6, 10, True)),
        (6, [{"CPU": 16.0, "GPU": 1.0}], (1, 16, True)),
        (5, [{"CPU": 4.0}, {"CPU": 4.0}], (5, 1, False)),
        (2, [{"CPU": 4.0}, {"CPU": 8.0}], (2, 4, False)),
        (4, [{"CPU": 8.0, "GPU": 2.0}, {"CPU": 8.0}], (2, 4, True)),
    ],
)
def test_fits_share_what_the_nodes_have(fits, nodes, wanted):
    assert placed(fits, *nodes) == wanted


def test_no_more_fits_run_at_once_than_asked_for():
    assert placed(6, {"CPU": 8.0}, folds_at_once=2) == (2, 4, False)


def test_workers_of_a_fold_take_room_from_other_folds():
    wanted = dataclasses.replace(WANTED, workers_per_fold=2)
    assert place(5, [{"CPU": 16.0, "GPU": 8.0}], wanted) == Placement(4, 2, 2, use_gpu=True)
    assert place(5, [{"CPU": 2.0}], wanted) == Placement(1, 2, 1, use_gpu=False)


def test_gpus_stay_unused_where_the_cpu_is_asked_for():
    assert placed(2, {"CPU": 8.0, "GPU": 8.0}, device="cpu") == (2, 4, False)


def test_a_gpu_where_there_is_none_is_refused():
    with pytest.raises(InputError, match="training.device: wanted gpu, but Ray knows of none"):
        placed(2, {"CPU": 8.0}, device="gpu")


def test_more_workers_than_there_is_room_for_are_refused_for_now():
    with pytest.raises(ClusterError, match="wanted room for 4 workers, got CPUs for 2"):
        placed(2, {"CPU": 2.0}, workers_per_fold=4)
