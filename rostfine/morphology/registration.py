"""The model of heads into the registry, and whether it is in use from then on."""

from typing import Final

from rostfine.errors import InputError
from rostfine.files import read_json
from rostfine.morphology.fitting import THE_FIT
from rostfine.morphology.params import FOLDER, PARAMS, MorphologyParams
from rostfine.morphology.predictor import head_form
from rostfine.morphology.saved import load_heads
from rostfine.morphology.tables import PICTURES_FILE, RUNS
from rostfine.registry import Offer, Offered, Score, offer
from rostfine.training.folds import PREDICTIONS_FILE

METRICS: Final = FOLDER / "reports" / "metrics.json"
SCORES: Final = ("mask_ap", "box_ap")
"""By what two versions are compared: the first that is known. Boxes alone have no masks."""
CARD: Final = """# {name}: sperm heads in stained pictures

It finds heads, outlines them, and calls each one of: {classes}.

**Not a medical device.** For research and teaching: not for diagnosis or treatment.

- trained on: {trained_on}; epoch chosen by: {epoch_by}
- pictures that were never trained on: {numbers}
- other stains, microscopes and magnifications were not tested
- network: {backbone}, pictures of {px} px

`rostfine heads PICTURES --model models:/{name}@champion --out DIR`
"""


def register_heads(params: MorphologyParams) -> Offered:
    """Register the chosen experiment's model, standing in its workspace.

    It is in use from then on unless the one in use has the better average precision on pictures
    that it was not trained on. Raises InputError if the experiment was not evaluated.
    """
    wanted = params.register
    folder = RUNS / wanted.experiment
    final = folder / THE_FIT.folder
    _, settings = load_heads(final)
    known = _numbers(wanted.experiment)
    name = next((one for one in SCORES if one in known), None)
    if name is None:
        raise InputError(
            f"{METRICS}: wanted {wanted.experiment}.test.{SCORES[0]}, got none; "
            "run morphology_evaluate first"
        )
    told = (*SCORES, "mask_ap50", "balanced_accuracy", "sensitivity", "specificity")
    numbers = ", ".join(f"{one} {known[one]:.3f}" for one in told if one in known)
    what = Offer(
        form=head_form(),
        score=Score(name, known[name], "higher", useless=0.0),
        said=f"{name} {known[name]:.3f}",
        metrics={one: value for one, value in known.items() if "." not in one},
        card=CARD.format(
            name=wanted.name, classes=", ".join(settings.classes), numbers=numbers,
            trained_on=settings.trained_on, epoch_by=settings.epoch_by,
            backbone=settings.experiment.model.backbone, px=settings.experiment.model.image_px,
        ),
        files=(final / PREDICTIONS_FILE, PICTURES_FILE, PARAMS),
    )  # fmt: skip
    return offer(final, wanted.name, what)


def _numbers(experiment: str) -> dict[str, float]:
    """Return the numbers of the test pictures."""
    prefix = f"{experiment}.test."
    try:
        said = read_json(METRICS)
    except (OSError, ValueError) as error:
        raise InputError(f"{METRICS}: {error}; run morphology_evaluate first") from error
    return {
        key.removeprefix(prefix): float(value)
        for key, value in said.items()
        if key.startswith(prefix)
    }
