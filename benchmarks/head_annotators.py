"""How well heads of real pictures are outlined, beside how well two annotators agree.

    python benchmarks/head_annotators.py FIRST SECOND [--epochs 8] [--image-px 512]

FIRST and SECOND are folders of labelme files of the same pictures by two annotators; a head is an
acrosome and a nucleus of one group. The network is trained from fresh weights on all but the last
two pictures of FIRST and tested on these; SECOND is held against FIRST on the same two.
"""

import argparse
import dataclasses
import time
from pathlib import Path

import cv2
import torch

from rostfine.morphology.average_precision import average_precision
from rostfine.morphology.dataset import read_dataset
from rostfine.morphology.detect import detect_all
from rostfine.morphology.draw import annotate
from rostfine.morphology.heads import Picture
from rostfine.morphology.params import ClassParams, DataParams, load_morphology_params
from rostfine.morphology.pool import as_samples, fill_up, fitted_anchors
from rostfine.morphology.recipe import Heads
from rostfine.morphology.stored import read_image
from rostfine.params import FitParams
from rostfine.training.epoch import Epoch
from rostfine.training.loop import fit

SMALL = Path(__file__).parents[1] / "morphology" / "params.small.yaml"
CLASSES = {"head": ClassParams(("Acrosome", "Nucleus"), "head")}
IGNORED = ("Vacuole", "Midpiece", "Tail")
TESTED = 2
POOL = 30
BATCH = 2


def read(folder: Path, data: DataParams) -> list[Picture]:
    """Read the pictures of an annotator, by name."""
    pictures = read_dataset(folder, data).pictures
    named = [dataclasses.replace(one, picture_id=Path(one.picture_id).name) for one in pictures]
    return sorted(named, key=lambda one: one.picture_id)


def told(found: list[Picture], truth: list[Picture]) -> str:
    """Say how well the masks of heads are found."""
    means = average_precision(truth, found, CLASSES, "masks").means()
    return ", ".join(f"mask {name.upper()} {value:.3f}" for name, value in means.items())


def tell(epoch: Epoch) -> None:
    """Say how training gets on."""
    print(f"epoch {epoch.epoch}: loss {epoch.train.total:.3f}", flush=True)


def main(first: Path, second: Path, epochs: int, image_px: int, out: Path | None) -> None:
    """Train, test, and print both agreements; with `out` the two pictures are drawn there."""
    params = load_morphology_params(SMALL)
    # Who trains and who is tested is decided here.
    split = dataclasses.replace(params.data.split, method="random")
    data = dataclasses.replace(params.data, classes=CLASSES, ignored=IGNORED, split=split)
    pictures, others = read(first, data), read(second, data)
    train, test = pictures[:-TESTED], pictures[-TESTED:]
    small = params.experiments["small"]
    changed: FitParams = dataclasses.replace(
        small.fit, epochs=epochs, batch=BATCH, choose_epoch="last"
    )
    model = dataclasses.replace(small.model, image_px=image_px)
    experiment = dataclasses.replace(small, model=model, fit=changed)
    recipe = Heads(experiment, data, fitted_anchors(train, image_px))
    pool = fill_up(train, CLASSES, POOL, seed=0)
    began = time.perf_counter()
    done = fit(
        as_samples(pool, CLASSES),
        recipe,
        on_epoch=tell,
    )
    feed = recipe.feed(as_samples(test, CLASSES), torch.device("cpu"))
    found = detect_all(done.model, feed, test, batch=1)
    took_s = time.perf_counter() - began
    heads = [sum(len(one.instances) for one in some) for some in (train, test)]
    print(f"trained on {heads[0]} heads of {len(train)} pictures in {took_s:.0f} s")
    print(f"tested on {heads[1]} heads of {len(test)} pictures of the first annotator")
    print(f"network            {told(found, test)}")
    print(f"second annotator   {told(others[-TESTED:], test)}")
    for one, truth in zip(found, test, strict=True) if out else ():
        sure = [head for head in one.instances if head.score >= experiment.model.score]
        drawn = annotate(read_image(truth), sure, {"head": "head"})
        cv2.imwrite(str(out / f"{one.picture_id}.png"), drawn[:, :, ::-1])


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("first", type=Path)
    asked.add_argument("second", type=Path)
    asked.add_argument("--epochs", type=int, default=8)
    asked.add_argument("--image-px", type=int, default=512)
    asked.add_argument("--out", type=Path)
    args = asked.parse_args()
    main(args.first, args.second, args.epochs, args.image_px, args.out)
