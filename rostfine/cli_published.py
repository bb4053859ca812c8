"""`rostfine train | test`: the published command lines, flag by flag.

They run in a workspace, whose tables take the place of the published pickles.
"""

from contextlib import AbstractContextManager, chdir
from pathlib import Path
from typing import Annotated, Literal

import typer

from rostfine.errors import InputError
from rostfine.progress import progress
from rostfine.workspace import is_workspace

OURS = "Of this project"
INSTEAD = {
    "--grade-path": "the soft labels are data/labels.parquet of the workspace",
    "--video-path": "the clips are data/clips of the workspace",
    "--traj-path": "the tracks are data/tracks.parquet of the workspace",
    "--tensorboard-dir": "curves are in the folder tensorboard of the workspace",
    "--js": "it had no effect; --loss js trains by it",
}
"""Flags that have nothing left to say, and why."""

DataDir = Annotated[Path, typer.Option(help="The workspace; else the folder this runs in.")]
Device = Annotated[Literal["auto", "cuda", "gpu", "cpu"], typer.Option(help="cuda is gpu.")]
Elsewhere = Annotated[str | None, typer.Option(help="Refused: see the README.", hidden=True)]


def train(
    data_dir: DataDir = Path(),
    output_dir: Annotated[Path, typer.Option(help="Gets <model>/<time>.")] = Path("output"),
    device: Device = "auto",
    seed: int = 234,
    num_frame: Annotated[int, typer.Option(help="8 for TimeSformer, 32 for SlowFast.")] = 16,
    video_size: int = 224,
    model_name: Annotated[
        str,
        typer.Option(help="timesformer, rostfine, slowfast, r3d, x3d, r21d, i3d, vivit or vgg."),
    ] = "timesformer",
    size: Annotated[
        Literal["published", "tiny"],
        typer.Option(help="tiny: for two cores.", rich_help_panel=OURS),
    ] = "published",
    variant: Annotated[
        Literal["paper", "published"], typer.Option(help="Whose method.", rich_help_panel=OURS)
    ] = "paper",
    pretrained: Annotated[bool, typer.Option(help="Start from a file of weights.")] = True,
    pretrained_timesformer: Path = Path("download_model/TimeSformer_divST_8x32_224_K400.pyth"),
    pretrained_vivit: Path = Path("download_model/vivit_model.pth"),
    pretrained_dir: Annotated[
        Path, typer.Option(help="Folder of the files of the convolutional networks.")
    ] = Path("download_model"),
    kfold: Annotated[int | None, typer.Option(help="As many as the workspace has.")] = None,
    batch_size: int = 16,
    epochs: int = 200,
    loss: Annotated[str, typer.Option(help="mse, js; and emd, ce.")] = "mse",
    optim: Annotated[str, typer.Option(help="SGD or Adam.")] = "SGD",
    lr: float = 0.005,
    momentum: float = 0.9,
    weight_decay: float = 0.0005,
    use_div: Annotated[str, typer.Option(help="Pairs that the diversity loss keeps apart.")] = (
        "gs+gt+st"
    ),
    use_feat: Annotated[str, typer.Option(help="Features that predict.")] = "vg+vs+vt",
    alpha: Annotated[float, typer.Option(help="Weight of the diversity loss.")] = 1.0,
    num_heads: int = 8,
    num_blk: int = 2,
    topk: Annotated[int, typer.Option(help="Patches chosen in each frame.")] = 3,
    top_attn: Annotated[
        int | None, typer.Option(help="First layer whose attention chooses; else by the variant.")
    ] = None,
    grade_path: Elsewhere = None,
    video_path: Elsewhere = None,
    traj_path: Elsewhere = None,
    tensorboard_dir: Elsewhere = None,
    js: Elsewhere = None,
) -> None:
    """Cross-validate a model by the flags of the published train.py."""
    from rostfine.published.flags import Flags, to_experiment
    from rostfine.published.training import train as train_experiment

    _refuse_elsewhere(grade_path, video_path, traj_path, tensorboard_dir, js)
    flags = Flags(
        model_name=model_name,
        size=size,
        variant=variant,
        num_frame=num_frame,
        video_size=video_size,
        pretrained=pretrained,
        pretrained_timesformer=pretrained_timesformer,
        pretrained_vivit=pretrained_vivit,
        pretrained_dir=pretrained_dir,
        batch_size=batch_size,
        epochs=epochs,
        loss=loss,
        optim=optim,
        lr=lr,
        momentum=momentum,
        weight_decay=weight_decay,
        seed=seed,
        use_div=use_div,
        use_feat=use_feat,
        alpha=alpha,
        num_heads=num_heads,
        num_blk=num_blk,
        topk=topk,
        top_attn=top_attn,
    )
    experiment = to_experiment(flags)
    out = output_dir.resolve()
    with _standing_in(data_dir):
        device_kind = "gpu" if device == "cuda" else device
        run = train_experiment(experiment, model_name, out, device=device_kind, folds=kfold)
    print(f"{run}: weights, history and predictions of each fold, and metrics.json")
    print(f"rostfine test --load-dir {run}")


def evaluate(
    load_dir: Annotated[Path, typer.Option(help="A run of rostfine train, or runs/<experiment>.")],
    use_metrics: Annotated[str, typer.Option(help="mse, js, balanced_acc, hi, emd.")] = (
        "mse+js+balanced_acc"
    ),
    data_dir: DataDir = Path(),
    model_name: Annotated[str | None, typer.Option(help="Refused if the run has another.")] = None,
    use_feat: Annotated[str | None, typer.Option(help="Refused if the run has others.")] = None,
    batch_size: int = 64,
    plot_w: Annotated[float, typer.Option(help="Width of a picture, in inches.")] = 16.0,
    plot_h: Annotated[float, typer.Option(help="Height of a picture, in inches.")] = 5.0,
) -> None:
    """Predict the folds of a run again by its saved models, and print metrics."""
    from rich.console import Console
    from rich.table import Table

    from rostfine.published.flags import FEATURES, METRICS, split
    from rostfine.published.testing import check_run, predict_run, write_tested

    metrics = split("--use-metrics", use_metrics, METRICS)
    feats = None if use_feat is None else [f[1] for f in split("--use-feat", use_feat, FEATURES)]
    load_dir = load_dir.resolve()
    settings = check_run(load_dir, model_name=model_name, use_feat=feats)
    with _standing_in(data_dir):
        tested = predict_run(load_dir, settings, metrics, batch=batch_size)
        count = len(tested.truth.sample_ids)
        with progress("pictures", count) as advance:
            write_tested(tested, load_dir / "test", size_in=(plot_w, plot_h), advance=advance)
    heading, *rows = tested.texts()
    table = Table(*heading, title=f"{settings.experiment.model.name}, {count} clips")
    for row in rows:
        table.add_row(*row)
    Console().print(table)
    print(f"{load_dir / 'test'}: metrics.json, and a picture of each clip in samples")


def _standing_in(workspace: Path) -> AbstractContextManager[None]:
    if not is_workspace(workspace):
        raise InputError(f"--data-dir: wanted a workspace ('rostfine init'), got {workspace}")
    return chdir(workspace)


def _refuse_elsewhere(*given: str | None) -> None:
    for (flag, why), value in zip(INSTEAD.items(), given, strict=True):
        if value is not None:
            raise InputError(f"{flag}: {why}; got {value}")
