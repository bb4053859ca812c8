"""The flags of the published parser, which `train.py` and `test.py` share, and their defaults."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import typer

from rostfine.errors import InputError

FEATURES: Final = ("vg", "vs", "vt")
PAIRS: Final = ("gs", "gt", "st")
METRICS: Final = ("mse", "js", "emd", "hi", "balanced_acc")

of_both = partial(typer.Option, rich_help_panel="Where, on what")
of_model = partial(
    typer.Option, rich_help_panel="What is trained; 'rostfine test' refuses others than the run's"
)
of_ours = partial(typer.Option, rich_help_panel="Of this project, otherwise like those above")
of_test = partial(
    typer.Option, rich_help_panel="Of 'rostfine test'; 'rostfine train' does not use them"
)
replaced = partial(typer.Option, hidden=True)


@dataclass(frozen=True)
class Flags:
    """Every flag of both commands; some are of use to one of them only."""

    data_dir: Annotated[Path, of_both(help="The workspace; else the folder this runs in.")] = Path()
    output_dir: Annotated[
        Path | None,
        of_both(help="train: gets <model>/<time>; else output. test: results; else LOAD_DIR/test."),
    ] = None
    device: Annotated[
        Literal["auto", "cuda", "gpu", "cpu"], of_both(help="cuda is gpu; auto: one if it is there")
    ] = "auto"
    kfold: Annotated[int | None, of_both(help="As many as the workspace has.")] = None
    batch_size: Annotated[int, of_both(min=1, help="Clips of a step, or predicted at once.")] = 16

    model_name: Annotated[
        str, of_model(help="timesformer, rostfine, slowfast, r3d, x3d, r21d, i3d, vivit or vgg.")
    ] = "timesformer"
    num_frame: Annotated[int, of_model(help="8 for TimeSformer, 32 for SlowFast.")] = 16
    video_size: Annotated[int, of_model(help="Of the shorter side, in pixels.")] = 224
    pretrained: Annotated[
        str, of_model(help="True or False: start from a file of weights.", metavar="BOOL")
    ] = "True"
    no_pretrained: Annotated[
        bool, of_model("--no-pretrained", help="As --pretrained False, and stronger.")
    ] = False
    pretrained_timesformer: Annotated[Path, of_model(help="A file; of rostfine, too.")] = Path(
        "download_model/TimeSformer_divST_8x32_224_K400.pyth"
    )
    pretrained_vivit: Annotated[Path, of_model(help="A file.")] = Path(
        "download_model/vivit_model.pth"
    )
    pretrained_dir: Annotated[
        Path, of_model(help="Folder of the files of the convolutional networks.")
    ] = Path("download_model")
    epochs: Annotated[int, of_model()] = 200
    loss: Annotated[str, of_model(help="mse, js; and emd, ce.")] = "mse"
    optim: Annotated[str, of_model(help="SGD or Adam.")] = "SGD"
    lr: Annotated[float, of_model(help="Step size.")] = 0.005
    momentum: Annotated[float, of_model(help="Of SGD.")] = 0.9
    weight_decay: Annotated[float, of_model()] = 0.0005
    seed: Annotated[int, of_model()] = 234
    use_div: Annotated[
        str | None,
        of_model(help="Pairs that the diversity loss keeps apart; else gs+gt+st, of --use-feat."),
    ] = None
    use_feat: Annotated[str, of_model(help="Features that predict.")] = "vg+vs+vt"
    alpha: Annotated[float, of_model(help="Weight of the diversity loss.")] = 1.0
    num_heads: Annotated[int, of_model(help="Of the branches' attention.")] = 8
    num_blk: Annotated[int, of_model(help="Attention blocks of a branch.")] = 2
    topk: Annotated[int, of_model(help="Patches chosen in each frame.")] = 3
    top_attn: Annotated[
        int | None, of_model(help="First layer whose attention chooses; else by the variant.")
    ] = None

    variant: Annotated[Literal["paper", "published"], of_ours(help="Whose method.")] = "paper"
    size: Annotated[Literal["published", "tiny"], of_ours(help="tiny: for two cores.")] = (
        "published"
    )

    load_dir: Annotated[
        Path | None, of_test(help="A run of rostfine train, or runs/<experiment>.")
    ] = None
    use_metrics: Annotated[str, of_test(help="mse, js, balanced_acc; and hi, emd.")] = (
        "mse+js+balanced_acc"
    )
    plot_w: Annotated[float, of_test(min=1, help="Width of a picture, in inches.")] = 16.0
    plot_h: Annotated[float, of_test(min=1, help="Height of a picture, in inches.")] = 5.0

    grade_path: Annotated[str | None, replaced()] = None
    video_path: Annotated[str | None, replaced()] = None
    traj_path: Annotated[str | None, replaced()] = None
    tensorboard_dir: Annotated[str | None, replaced()] = None
    js: Annotated[str | None, replaced()] = None

    def is_pretrained(self) -> bool:
        """Tell whether weights are wanted. Raises InputError for what is neither yes nor no."""
        said = self.pretrained.lower()
        if said not in TRUTHS:
            raise InputError(f"--pretrained: wanted True or False, got {self.pretrained!r}")
        return TRUTHS[said] and not self.no_pretrained


TRUTHS: Final = dict.fromkeys(("true", "yes", "t", "y", "on", "1"), True) | dict.fromkeys(
    ("false", "no", "f", "n", "off", "0"), False
)

INSTEAD: Final = {
    "grade_path": "the soft labels are data/labels.parquet of the workspace",
    "video_path": "the clips are data/clips of the workspace",
    "traj_path": "the tracks are data/tracks.parquet of the workspace",
    "tensorboard_dir": "curves are in the folder tensorboard of the workspace",
    "js": "it had no effect; --loss js trains by it",
}
"""Flags that have nothing left to say, and why."""


def refuse_replaced(flags: Flags) -> None:
    """Raise InputError for a flag that something else has taken the place of."""
    for name, why in INSTEAD.items():
        value = getattr(flags, name)
        if value is not None:
            raise InputError(f"{spelt(name)}: {why}; got {value}")


def spelt(name: str) -> str:
    """Return a flag as it is written: `--num-frame` for `num_frame`."""
    return "--" + name.replace("_", "-")


def split(flag: str, text: str, known: tuple[str, ...]) -> list[str]:
    """Split "a+b", each one of `known` and once. Raises InputError for what is not."""
    parts = [part for part in text.split("+") if part]
    for part in parts:
        refuse_unknown(flag, part, known)
    if len(set(parts)) < len(parts):
        raise InputError(f"{flag}: wanted each once, got {text!r}")
    return parts


def refuse_unknown(flag: str, given: str, known: Any) -> None:
    """Raise InputError if what a flag says is not among what is `known`."""
    if given not in known:
        raise InputError(f"{flag}: wanted {' or '.join(known)}, got {given!r}")
