"""A model that has learnt to grade looks at the sperm: measured where the truth is known."""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from rostfine.evaluation.predict import predict
from rostfine.explain.look import look_at
from rostfine.explain.mass import mass_ratio
from rostfine.labels.aggregate import aggregate_votes
from rostfine.metrics import METRICS
from rostfine.models import build_experiment
from rostfine.models.timesformer import SIZES
from rostfine.params import LabelParams, load_params
from rostfine.schemas import GRADE_COLUMNS
from rostfine.simulate.experts import cast_votes, draw_experts
from rostfine.simulate.field import draw_field
from rostfine.simulate.plan import StudySettings, plan_video
from rostfine.simulate.scene import draw_frames
from rostfine.simulate.sperm import quality
from rostfine.training.data import Samples
from rostfine.training.grades import Grades
from rostfine.training.loop import fit
from rostfine.video.crop import cut_square

PRESET = load_params(Path(__file__).parents[3] / "params.small.yaml")
EXPERIMENT = PRESET.experiments["rostfine"]
FRAMES = EXPERIMENT.input.frames
SEEN, UNSEEN = 200, range(200, 240)
MISSED_PX, LEVELS = 1.0, 10
STUDY = StudySettings(
    sperm_per_video=1,
    others_per_video=1,
    # Only what the model is given of a clip: the same second, in fewer frames.
    frames=FRAMES,
    clip_frames=FRAMES,
    frame_rate_hz=15 * FRAMES / PRESET.clips.frames,
    width_px=320,
    height_px=320,
)


@dataclass(frozen=True)
class Simulated:
    """A clip: its frames, where its sperm is drawn in them, and how good that is."""

    frames: np.ndarray
    mask: np.ndarray
    quality: float


def simulate_clip(index: int, *, off_px: float = 0.0) -> Simulated:
    """Cut a clip along the true track, about as far off as a tracker is, or `off_px` more."""
    swimmers = plan_video(STUDY, index).swimmers
    rng = np.random.default_rng(index)
    field = draw_field(width_px=320, height_px=320, frames=FRAMES, rng=rng)
    seen, without_target = (
        list(draw_frames(who, field, um_per_px=STUDY.um_per_px)) for who in (swimmers, swimmers[1:])
    )
    drawn = [
        255 * (cv2.absdiff(a, b) > LEVELS).astype(np.uint8)
        for a, b in zip(seen, without_target, strict=True)
    ]
    path = swimmers[0].path
    centres = np.stack([path.x_px + off_px, path.y_px], axis=1)
    centres += rng.normal(0, MISSED_PX, (FRAMES, 2))
    return Simulated(
        frames=np.repeat(cut_along(seen, centres)[..., None], 3, axis=3),
        mask=cut_along(drawn, centres) > 127,
        quality=quality(swimmers[0].traits),
    )


def cut_along(pictures: list[np.ndarray], centres: np.ndarray) -> np.ndarray:
    size_px = PRESET.clips.size_px
    places = zip(pictures, centres.tolist(), strict=True)
    return np.stack([cut_square(picture, x, y, cells=size_px) for picture, (x, y) in places])


def to_samples(clips: list[Simulated]) -> Samples:
    """Let experts grade the clips."""
    rng = np.random.default_rng(0)
    qualities = {f"S{number:03d}": clip.quality for number, clip in enumerate(clips)}
    votes = cast_votes(qualities, draw_experts(20, rng), rng)
    labels = aggregate_votes(votes, list(qualities), LabelParams(1, "stop")).set_index("sample_id")
    shares = labels.loc[list(qualities), list(GRADE_COLUMNS)].to_numpy(np.float32, copy=True)
    frames = torch.from_numpy(np.stack([clip.frames for clip in clips]))
    return Samples(frames, torch.from_numpy(shares))


def ratio_of(model: nn.Module, clips: list[Simulated]) -> float:
    looks = [look_at(clip.frames, model, EXPERIMENT) for clip in clips]
    pairs = zip(looks, clips, strict=True)
    return float(np.mean([mass_ratio(look.heat, clip.mask) for look, clip in pairs]))


@pytest.fixture(scope="module")
def seen() -> Samples:
    return to_samples([simulate_clip(index) for index in range(SEEN)])


@pytest.fixture(scope="module")
def trained(seen: Samples) -> nn.Module:
    return fit(seen, Grades(EXPERIMENT), on_epoch=lambda _: None).model


@pytest.mark.slow
def test_attention_is_over_3_times_as_dense_on_sperm_that_the_model_never_saw(trained):
    assert ratio_of(trained, [simulate_clip(index) for index in UNSEEN]) > 3


@pytest.mark.slow
def test_attention_follows_a_sperm_that_is_not_in_the_middle(trained):
    patch_px = PRESET.clips.size_px * SIZES["tiny"].patch_px / EXPERIMENT.input.image_px
    moved = [simulate_clip(index, off_px=patch_px) for index in UNSEEN]
    assert ratio_of(trained, moved) > 2


@pytest.mark.slow
def test_the_model_whose_attention_is_measured_has_learnt_to_grade(seen, trained):
    unseen = to_samples([simulate_clip(index) for index in UNSEEN])
    found = predict(trained, unseen.frames, EXPERIMENT.input)
    wanted, mean = unseen.labels.numpy(), seen.labels.mean(dim=0).expand_as(unseen.labels).numpy()
    emd = METRICS["emd"]
    assert emd(found, wanted).mean() < 0.7 * emd(mean, wanted).mean()


def test_attention_of_a_fresh_model_is_everywhere_alike():
    torch.manual_seed(0)
    clips = [simulate_clip(index) for index in UNSEEN[:4]]
    assert ratio_of(build_experiment(EXPERIMENT), clips) == pytest.approx(1, abs=0.2)
