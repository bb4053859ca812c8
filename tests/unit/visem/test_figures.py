import io
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.image import imread

from rostfine.errors import InputError
from rostfine.visem.compare import compare
from rostfine.visem.figures import (
    FeatureExample,
    draw_agreement,
    draw_bland_altman,
    draw_errors,
    draw_feature_images,
    read_examples,
)
from rostfine.visem.metrics import PARTICIPANT
from tests.unit.visem.test_compare import PARAMS, make_workspace


@pytest.fixture(scope="module")
def comparison(tmp_path_factory: pytest.TempPathFactory):
    return compare(make_workspace(tmp_path_factory.mktemp("semen")), PARAMS)


def make_example() -> FeatureExample:
    frames = np.random.default_rng(0).integers(0, 256, (9, 16, 16), dtype=np.uint8)
    feature = np.zeros((3, 16, 16), np.float32)
    return FeatureExample("I3", frames, feature, (frames / 255).astype(np.float32))


def test_agreement_shows_three_outputs_and_says_their_errors(comparison):
    figure = draw_agreement(comparison, "motility", "I4")
    mae = comparison.metric("motility", "I4", (PARTICIPANT, "mae", "immotile_pct")).mean
    assert figure.says.endswith(f"immotile {mae:.1f}.")
    assert all(f">{word}<" in figure.svg for word in ("progressive", "non-progressive", "immotile"))


def test_bland_altman_writes_bias_and_limits_into_the_picture(comparison):
    figure = draw_bland_altman(comparison, "morphology", "I1")
    for metric in ("bias", "agreement_low", "agreement_high"):
        found = comparison.metric("morphology", "I1", (PARTICIPANT, metric, "tail_pct"))
        assert f">{found.mean:+.1f}<" in figure.svg


def test_errors_have_a_line_for_each_input_also_for_those_that_were_not_predicted(comparison):
    figure = draw_errors(comparison)
    assert all(figure.svg.count(f">{name}<") == 2 for name in ("I1", "I2", "I3", "I4", "ZeroR"))
    assert all(figure.svg.count(f">{name}<") == 1 for name in ("by stack", "paper"))


def test_feature_images_have_a_row_for_each_input_and_stand_an_empty_feature(comparison):
    one = make_example()
    short = {"frames": one.frames[:1], "reconstruction": one.reconstruction[:1]}
    still = replace(one, input_name="I1", **short)
    first, both = (
        imread(io.BytesIO(draw_feature_images(examples)), format="png")
        for examples in ({"I3": one}, {"I1": still, "I3": one})
    )
    assert both.shape[1] == first.shape[1]
    assert both.shape[0] > 1.7 * first.shape[0]


def test_examples_are_read_where_they_are_and_a_damaged_one_is_named(tmp_path):
    one = make_example()
    folder = tmp_path / "visem/runs/autoencoder_I3"
    folder.mkdir(parents=True)
    arrays = {"frames": one.frames, "feature": one.feature, "reconstruction": one.reconstruction}
    np.savez(folder / "examples.npz", **arrays)
    found = read_examples(tmp_path)
    assert list(found) == ["I3"]
    np.testing.assert_array_equal(found["I3"].frames, one.frames)
    np.savez(folder / "examples.npz", frames=one.frames)
    with pytest.raises(InputError, match=r"autoencoder_I3/examples.npz: wanted arrays frames"):
        read_examples(tmp_path)
