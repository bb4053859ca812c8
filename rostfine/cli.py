"""The command line: `rostfine init | simulate | track | votes | predict | promote | ...`."""

import dataclasses
import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from rostfine import cli_heads, cli_published, cli_registry, cli_visem, cli_votes
from rostfine.errors import InputError, RostfineError
from rostfine.memory import keep_freed_memory
from rostfine.params import load_params
from rostfine.progress import progress

# Rooms that cost seconds to import (torch, MLflow) are imported by the command that needs them.

if TYPE_CHECKING:
    from rostfine.params import Params
    from rostfine.tracking.tags import Tag as TaggedSperm
    from rostfine.training.cost import Cost

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)

Tag = Annotated[str | None, typer.Option("--tag", metavar="X,Y", help="Where the sperm's head is.")]
Frame = Annotated[int, typer.Option(min=0, help="The frame that the tag belongs to.")]


def main() -> None:
    """Run a command; a failure that rostfine knows ends in its own lines and exit code."""
    keep_freed_memory()
    try:
        app()
    except RostfineError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)


@app.command()
def init(
    folder: Path,
    preset: Annotated[
        str,
        typer.Option(
            help="Which params: paper; small, for two cores; smoke, small with studies in minutes."
        ),
    ] = "paper",
) -> None:
    """Make FOLDER a workspace: the pipeline, its params, and empty tables to fill."""
    from rostfine.workspace import init_workspace

    init_workspace(folder, preset)
    print(f"{folder} is a workspace. Put videos into data/raw, tags into data/tags.csv, votes into")
    print("data/votes (docs/data.md tells the columns), then run 'dvc repro' in it.")
    print("Semen samples go into visem/data (docs/semen.md), pictures of heads into")
    print("morphology/data (docs/heads.md).")


@app.command()
def simulate(
    folder: Path,
    patients: Annotated[int | None, typer.Option(min=1, help="Videos, a patient each.")] = None,
    seed: Annotated[int | None, typer.Option(help="Another seed, another study.")] = None,
    grades_from: Annotated[
        str | None, typer.Option(help="What experts look at: all, shape or motion.")
    ] = None,
    loading: Annotated[
        float | None, typer.Option(help="How much the traits of one sperm agree, 0 to 1.")
    ] = None,
) -> None:
    """Fill the workspace FOLDER with simulated videos, tags and votes of a small study."""
    from rostfine.simulate.study import StudySettings, simulate_study
    from rostfine.workspace import refuse_if_filled

    refuse_if_filled(folder)
    wanted: dict[str, Any] = {
        "patients": patients,
        "seed": seed,
        "grades_from": grades_from,
        "loading": loading,
    }
    said = {name: value for name, value in wanted.items() if value is not None}
    settings = dataclasses.replace(StudySettings(), **said)
    with progress("simulating videos", settings.patients) as advance:
        simulate_study(folder, settings, advance=advance)


@app.command()
def track(
    video: Path,
    out: Annotated[Path, typer.Option(help="Folder for clips, tables and pictures.")],
    tag: Tag = None,
    tags: Annotated[Path | None, typer.Option(help="A table of tags, instead of one.")] = None,
    frame: Annotated[
        int | None, typer.Option(min=0, help="The frame of --tag, instead of the first.")
    ] = None,
    frames: Annotated[
        int | None, typer.Option(help="How many to follow, instead of to the end.")
    ] = None,
    um_per_px: Annotated[float, typer.Option(help="For um/s and WHO classes.")] = math.nan,
    overlay: Annotated[
        bool, typer.Option(help="Also draw the tracks: a film and a sheet.")
    ] = False,
    params: Annotated[Path, typer.Option(help="Where tracking and clips are set.")] = Path(
        "params.yaml"
    ),
) -> None:
    """Follow tagged sperm of VIDEO to its end, and cut their clips into OUT."""
    from rostfine.clips.cut import Cutting
    from rostfine.clips.track import draw_tracks, tell_motility, track_video
    from rostfine.clips.update import stop_at_faults

    settings = load_params(params)
    if frames is not None and frames < settings.clips.frames:
        raise InputError(f"--frames: wanted {settings.clips.frames}, a clip, or more; got {frames}")
    if not (math.isnan(um_per_px) or 0 < um_per_px < math.inf):
        raise InputError(f"--um-per-px: wanted a length of more than 0, got {um_per_px:g}")
    most_frames = math.inf if frames is None else float(frames)
    wanted = _wanted_tags(video, tag, tags, frame)
    with progress(f"following sperm of {video.name}", len(wanted)) as advance:
        cutting = Cutting(settings.tracking, settings.clips, most_frames)
        update = track_video(video, wanted, out, cutting, um_per_px=um_per_px)
        advance(len(wanted))
    if not update.kept + update.cut + update.lost:
        raise InputError.of_faults(update.reasons)
    told = [
        out / "clips.parquet",
        out / "tracks.parquet",
        tell_motility(out, settings.motility, um_per_px=um_per_px),
    ]
    if overlay:
        told += draw_tracks(video, out, update, box_px=round(settings.tracking.max_head_px))
    print(f"{out}: {update}; see {', '.join(path.name for path in told)}")
    stop_at_faults(update, settings.tracking)


def _wanted_tags(
    video: Path, tag: str | None, tags: Path | None, frame: int | None
) -> "list[TaggedSperm]":
    from rostfine.tracking.tags import Tag as TaggedSperm
    from rostfine.tracking.tags import read_tags

    if (tag is None) == (tags is None):
        raise InputError("wanted either --tag X,Y or --tags TABLE")
    if tags is not None and frame is not None:
        raise InputError(f"--frame: wanted with --tag only, a table names its own; got {frame}")
    if tags is None:
        x_px, y_px = _point(tag or "")
        frame = frame or 0
        # A name for each place, so that a second sperm of a video does not replace the first.
        name = f"{video.stem}_{frame}_{x_px:g}_{y_px:g}"
        return [TaggedSperm(name, video.stem, frame, x_px, y_px)]
    wanted = [t for t in read_tags(tags) if t.video_id == video.stem]
    if not wanted:
        raise InputError(f"{tags}: no tag of video {video.stem!r}")
    return wanted


@app.command()
def cost(
    workspace: Annotated[Path, typer.Argument(help="With folds to train on.")] = Path(),
    experiment: Annotated[
        list[str] | None, typer.Option(help="Again for each; else those of cross_validate.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON list.")] = False,
) -> None:
    """Tell what the cross-validation of WORKSPACE will take, by a short trial on this machine."""
    from rostfine.parsing import plain
    from rostfine.training.cost import check_ready, estimate
    from rostfine.training.cross_validate import job_of, plan
    from rostfine.training.work import only_one

    params = load_params(workspace / "params.yaml")
    names = _wanted_experiments(experiment, params)
    check_ready(workspace)
    found = []
    # The trial wants the machine for itself, as the run will have it.
    with only_one(workspace, "rostfine cost"):
        for name in names:
            sys.stderr.write(f"{name}: a trial of a minute or so\n")
            todo = plan(workspace, params, name)
            found.append(estimate(job_of(workspace, params, name), todo))
            if not as_json:
                _print_cost(found[-1])
    if as_json:
        print(json.dumps([plain(cost) for cost in found], indent=2))
    elif len(found) > 1:
        print(f"one after another: {_duration(sum(cost.hours for cost in found))}")


def _wanted_experiments(names: list[str] | None, params: "Params") -> tuple[str, ...]:
    for name in names or ():
        if name not in params.experiments:
            known = ", ".join(params.experiments)
            raise InputError(f"--experiment: no experiment {name!r}; known: {known}")
    return tuple(names or params.cross_validate.experiments)


def _print_cost(cost: "Cost") -> None:
    from rich.console import Console
    from rich.table import Table

    share = cost.share
    clips = f"{share.train} train, {share.choose} choose the epoch, {share.held_out} held out"
    at_once = f"{cost.at_once}, of {cost.workers_per_fold} x {cost.threads} threads"
    table = Table(title=cost.experiment, show_header=False, title_justify="left")
    for what, value in {
        "fits": f"{cost.fits}",
        "clips of a fit": clips,
        "steps": f"{cost.steps} in all fits, in {cost.epochs} epochs of each",
        "work": f"{_flop(cost.flop)}; {_flop(cost.flop_forward)} a clip, forward",
        "fits at once": at_once,
        "GPUs found": f"{cost.gpus}",
        "a step": f"{cost.step_s:.3g} s",
        "memory of a worker": f"{cost.peak_bytes / 2**30:.1f} GiB",
        "all in all": _duration(cost.hours),
    }.items():
        table.add_row(what, value)
    Console().print(table)
    for note in cost.notes:
        print(f"{cost.experiment}: {note}")


def _flop(count: float) -> str:
    power = min(int(math.log10(max(count, 1)) // 3), 6)
    return f"{count / 1000**power:.3g} {('', 'k', 'M', 'G', 'T', 'P', 'E')[power]}FLOP"


def _duration(hours: float) -> str:
    return f"{hours:.1f} hours" if hours >= 1 else f"{hours * 60:.1f} minutes"


@app.command()
def predict(
    clip_or_video: Path,
    model: Annotated[str, typer.Option(help="As MLflow writes it.")] = "models:/rostfine@champion",
    tag: Tag = None,
    frame: Frame = 0,
    speed: Annotated[
        float | None, typer.Option(help="Of the sperm of a clip, for models that take it.")
    ] = None,
    um_per_px: Annotated[
        float, typer.Option(help="Of a video, for models that take speeds in um/s.")
    ] = math.nan,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """Predict the grade distribution of a clip (.npz), or of the tagged sperm of a video."""
    from rostfine import registry

    sys.stderr.write(f"looking up {model}\n")
    predictor = registry.load(model)
    if clip_or_video.suffix == ".npz":
        distribution = predictor.predict_clip(clip_or_video, speed)
    elif tag is not None:
        distribution = predictor.predict_video(
            clip_or_video, tag=_point(tag), frame=frame, um_per_px=um_per_px
        )
    else:
        raise InputError(f"{clip_or_video}: a video needs --tag X,Y, the sperm's place in --frame")
    if as_json:
        print(json.dumps(distribution))
    else:
        for grade, probability in distribution.items():
            print(f"{grade}  {probability:.4f}  {'█' * round(probability * 40)}")


@app.command()
def export(
    model: Annotated[str, typer.Argument(help="As for predict.")],
    out: Annotated[Path, typer.Argument(help="A new or empty folder.")],
    int8: Annotated[bool, typer.Option("--int8", help="8-bit integers; needs --clips.")] = False,
    clips: Annotated[Path | None, typer.Option(help="Clips to calibrate on.")] = None,
) -> None:
    """Write MODEL into OUT for OpenVINO, checked against the original on the way."""
    from rostfine import registry
    from rostfine.export import export_command

    predictor = registry.load(model)
    print(export_command(predictor.model, predictor.settings, out, int8=int8, clips=clips))


app.add_typer(cli_heads.app, name="heads")
app.add_typer(cli_visem.app, name="visem")
app.add_typer(cli_votes.app, name="votes")
app.command()(cli_visem.semen)
for command in (
    cli_registry.versions,
    cli_registry.promote,
    cli_registry.rollback,
    cli_registry.reproduce,
):
    app.command()(command)

# The published flags are written with underscores; both spellings will do.
UNDERSCORES = {"token_normalize_func": lambda flag: flag.replace("_", "-")}
app.command(context_settings=UNDERSCORES)(cli_published.train)
app.command("test", context_settings=UNDERSCORES)(cli_published.evaluate)


def _point(text: str) -> tuple[float, float]:
    try:
        x_px, y_px = (float(part) for part in text.split(","))
    except ValueError:
        raise InputError(f"--tag: wanted X,Y in pixels, got {text!r}") from None
    return x_px, y_px


if __name__ == "__main__":
    main()
