"""The models of semen samples into the registry, and which of them is in use."""

from typing import Final

from rostfine.errors import InputError
from rostfine.files import read_json
from rostfine.registry import Offer, Offered, Score, offer
from rostfine.training.folds import PREDICTIONS_FILE
from rostfine.visem.frames import FOLDER, WHO
from rostfine.visem.params import Registered, VisemParams
from rostfine.visem.predictor import semen_form
from rostfine.visem.saved import load_regressor
from rostfine.visem.targets import TARGETS, WORDS, TargetName
from rostfine.visem.training import run_folder

METRICS: Final = FOLDER / "reports" / "metrics.json"
ERROR: Final = "participant_mae"
"""Of all three outputs, out of fold: by what two models of one target are compared."""
CARD: Final = """# {name}: {target} of a semen sample, from {input}

From a video of a whole field it predicts the percentages of {outputs}.

**Not a medical device.** For research and teaching: not for diagnosis or treatment.

- trained on: {trained_on}; participants out of fold: mean absolute error {mae:.2f} points
- 95 % interval {low:.2f} to {high:.2f}; always predicting the mean: {zero_r:.2f}
- other microscopes, chambers, frame rates and temperatures were not tested
- stacks: {positions} of {px} x {px} px, backbone {backbone}

`rostfine semen VIDEO --model models:/{name}@champion`
"""


def register_all(params: VisemParams) -> list[Offered]:
    """Register the chosen model of each target, standing in its workspace.

    It is in use from then on unless the one in use has a lower error out of fold.
    """
    return [
        _register(params, "motility", params.register.motility),
        _register(params, "morphology", params.register.morphology),
    ]


def _register(params: VisemParams, target: TargetName, wanted: Registered) -> Offered:
    mae, low, high = (_number(target, wanted.input, s) for s in ("value", "low", "high"))
    zero_r = _number(target, "ZeroR", "value")
    folder = run_folder(wanted.input, target)
    final = folder / "final"
    _, settings = load_regressor(final)
    text = CARD.format(
        name=wanted.name, target=target, input=wanted.input, trained_on=settings.trained_on,
        outputs=", ".join(WORDS[c] for c in TARGETS[target]), mae=mae, low=low, high=high,
        zero_r=zero_r, positions=settings.frames.positions, px=settings.frames.image_px,
        backbone=settings.regressor.backbone,
    )  # fmt: skip
    what = Offer(
        form=semen_form(settings),
        score=Score(ERROR, mae, "lower"),
        said=f"mae {mae:.2f} ({low:.2f} to {high:.2f})",
        metrics={ERROR: mae, f"zero_r_{ERROR}": zero_r},
        card=text,
        files=(folder / PREDICTIONS_FILE, WHO, FOLDER / "params.yaml"),
    )
    return offer(final, wanted.name, what)


def _number(target: TargetName, name: str, statistic: str) -> float:
    key = f"{target}.{name}.{ERROR}.{statistic}"
    numbers = read_json(METRICS)
    if key not in numbers:
        raise InputError(f"{METRICS}: wanted {key}, got none: {target} was not evaluated")
    return float(numbers[key])
