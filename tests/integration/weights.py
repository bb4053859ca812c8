"""Files of weights in the layout of the published TimeSformer, of a size that takes no time."""

import re
from pathlib import Path

import torch
import yaml

from rostfine.model_params import TimeSformerParams
from rostfine.models import build_model
from rostfine.params import InputParams
from rostfine.workspace import CHECKOUT

# Of other frames and another side than studies have, as the published ones are.
INPUT = InputParams(frames=8, image_px=56, speed=None)
CLASSES = 400


def write_tiny_weights(folder: Path) -> None:
    """Write into `folder` each file that the study of pretraining names, of a tiny model."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate(sorted(_named())):
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model = build_model(TimeSformerParams("timesformer", "tiny", 0.0, None), INPUT)
            weights = {_theirs(key): weight for key, weight in model.state_dict().items()}
            head = {"head.weight": torch.randn(CLASSES, 64), "head.bias": torch.zeros(CLASSES)}
        whole = {f"model.{key}": weight for key, weight in (weights | head).items()}
        torch.save({"epoch": 15, "model_state": whole}, folder / name)


def _named() -> set[str]:
    params = yaml.safe_load((CHECKOUT / "studies" / "pretraining" / "params.yaml").read_text())
    paths = [one.get("model", {}).get("pretrained") for one in params["experiments"].values()]
    return {Path(path).name for path in paths if path is not None}


def _theirs(name: str) -> str:
    return re.sub(r"^encoder\.", "", name).replace("head.linear.", "head.")
