"""Looking a model up and using it."""

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np
import torch
from jaxtyping import Float, Float32, UInt8
from numpy import ndarray
from torch import nn

from rostfine.clips.store import read_frames
from rostfine.errors import ClipError, RegistryError
from rostfine.evaluation.predict import predict
from rostfine.models.inference import fold_time
from rostfine.registry.places import fetch_folder
from rostfine.registry.store import answering, find_store, open_client
from rostfine.registry.versions import Version, ask, ask_all, is_new
from rostfine.schemas import GRADES
from rostfine.training.saved import SETTINGS, ModelSettings, load_model

IN_USE: Final = "models:/rostfine@champion"
REFERENCE: Final = re.compile(r"(?:models:/)?(?P<name>[^@/']+)(?:@(?P<alias>.+)|/(?P<version>\d+))")


class Predictor:
    """A trained model, with the settings that lead from a video to what it sees."""

    def __init__(
        self, model: nn.Module, settings: ModelSettings, *, compiled: bool = False
    ) -> None:
        self.model, self.settings = fold_time(model), settings
        if compiled:
            self.model.compile()

    def predict_clips(
        self,
        frames: UInt8[ndarray, "clip frame row col chan"],
        speeds: Float[ndarray, " clip"] | None = None,
    ) -> Float32[ndarray, "clip grade"]:
        """Predict the grade distribution of each clip.

        A model whose `input.speed` is set also takes the speeds of the sperm, in that unit.

        Raises ClipError if clips are not as the model's own settings cut them, or speeds are
        wanted and not given.
        """
        clips = self.settings.clips
        wanted = (clips.frames, clips.size_px, clips.size_px, 3)
        if frames.shape[1:] != wanted:
            raise ClipError(
                f"clip: wanted {wanted} (frame, row, col, chan), got {frames.shape[1:]}"
            )
        # A copy, because torch warns of arrays that it may not write to.
        batch = torch.from_numpy(np.array(frames))
        wanted_input = self.settings.experiment.input
        if wanted_input.speed is None:
            return predict(self.model, batch, wanted_input)
        if speeds is None or not (np.isfinite(speeds) & (speeds >= 0)).all():
            raise ClipError(
                f"this model also takes the {wanted_input.speed} of each clip: a number from 0 on "
                "(--speed; of a video --um-per-px)"
            )
        given = torch.from_numpy(speeds.astype(np.float32))
        return predict(self.model, batch, wanted_input, speeds=given)

    def predict_clip(
        self, clip: Path | str | UInt8[ndarray, "frame row col chan"], speed: float | None = None
    ) -> dict[str, float]:
        """Predict the distribution of one clip, a file or its frames: grade to probability."""
        frames = clip if isinstance(clip, ndarray) else read_frames(Path(clip))
        speeds = None if speed is None else np.array([speed])
        shares = self.predict_clips(frames[None], speeds)[0].astype(np.float64)
        return dict(zip(GRADES, (shares / shares.sum()).tolist(), strict=True))

    def predict_video(
        self,
        path: Path | str,
        tag: tuple[float, float],
        frame: int = 0,
        *,
        um_per_px: float = math.nan,
    ) -> dict[str, float]:
        """Follow the sperm at `tag` (x, y in pixels) of `frame` and predict its distribution.

        Raises ClipError with the reason if the video or the tag is unusable, the sperm is lost, or
        the model takes speeds in micrometres and `um_per_px` is not given.
        """
        # Video and tracking are of no use to a clip, and cost time to import.
        from rostfine.clips.cut import cut_video
        from rostfine.clips.index import compute_speed_px_s
        from rostfine.tracking.tags import Tag

        path = Path(path)
        wanted = Tag(path.stem, path.stem, frame, *tag)
        settings = self.settings
        (cut,) = cut_video(path, [wanted], tracking=settings.tracking, clips=settings.clips)
        if cut.frames is None:
            where = "" if str(path) in cut.reason else f"{path}: "
            raise ClipError(f"{where}{cut.reason}")
        speed = compute_speed_px_s(cut)
        in_um = settings.experiment.input.speed == "speed_um_s"
        return self.predict_clip(cut.frames, speed * um_per_px if in_um else speed)


def load(
    reference: str = IN_USE, workspace: Path | None = None, *, compiled: bool = False
) -> Predictor:
    """Load a registered model: `models:/name@alias`, `models:/name/version`, or a folder.

    The registry is that of MLFLOW_TRACKING_URI, else that of the workspace around `workspace` or
    the current folder. A folder is one with weights.safetensors and settings.json, and needs no
    registry. `compiled` lets torch compile the model at its first prediction, which takes minutes
    at the paper's size and is kept in torch's own cache: for many predictions by one process.

    Raises RegistryError that lists what there is if there is no such model, alias or version.
    """
    with opened(reference, workspace) as folder:
        return load_folder(folder, compiled=compiled)


@contextmanager
def opened(reference: str, workspace: Path | None = None) -> Iterator[Path]:
    """Yield the folder of a registered model of any kind, found as `load` finds it."""
    if (Path(reference) / SETTINGS).is_file():
        yield Path(reference)
        return
    parts = REFERENCE.fullmatch(reference)
    if not parts:
        raise RegistryError(
            f"{reference!r}: wanted models:/name@alias, models:/name/version or a folder of a model"
        )
    store = find_store(workspace)
    if is_new(store):
        raise RegistryError(f"{reference}: nothing is registered yet in {store.uri}")
    with answering(store), TemporaryDirectory(prefix="rostfine-") as scratch:
        client = open_client(store)
        version = _find(client, reference, parts)
        place = client.get_model_version_download_uri(version.name, str(version.version))
        # What lies beside it, the example too, is not needed to predict.
        folder = fetch_folder(store, f"{place.rstrip('/')}/data", Path(scratch))
        yield _model_folder(folder)


def load_folder(folder: Path, *, compiled: bool = False) -> Predictor:
    """Load a saved model from a folder with weights.safetensors and settings.json."""
    return Predictor(*load_model(folder), compiled=compiled)


def _find(client: Any, reference: str, parts: re.Match[str]) -> Version:
    number = parts["version"]
    found = ask(client, parts["name"], parts["alias"] if number is None else int(number))
    if found:
        return found
    # What there is has only to be known to say that this is not among it.
    models = {model.name: model for model in client.search_registered_models(max_results=1000)}
    if parts["name"] not in models:
        known = ", ".join(sorted(models)) or "none"
        raise RegistryError(f"{reference}: no model {parts['name']!r}; known: {known}")
    aliases = (f"@{alias}" for alias in sorted(models[parts["name"]].aliases))
    numbers = sorted(version.version for version in ask_all(client, parts["name"]))
    missing = f"version {number}" if number else f"alias {parts['alias']!r}"
    raise RegistryError(
        f"{reference}: no {missing} of model {parts['name']!r}; known: "
        f"{', '.join([*aliases, *map(str, numbers)])}"
    )


def _model_folder(folder: Path) -> Path:
    found = sorted(folder.glob(f"*/{SETTINGS}"))
    if len(found) != 1:
        raise RegistryError(f"{folder}: wanted one */{SETTINGS}, got {len(found)}")
    return found[0].parent
