"""The models: the only list of them, and how one is built from its params."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from torch import nn

from rostfine.errors import ParamsError
from rostfine.model_params import (
    ModelParams,
    ResNetParams,
    RoSTFineParams,
    TimeSformerParams,
    VGGParams,
    VideoNetParams,
    ViViTParams,
)
from rostfine.models.averaged import Averaged
from rostfine.models.outputs import ModelOutput
from rostfine.models.pytorchvideo_nets import build_video_net
from rostfine.models.resnet import build_resnet
from rostfine.models.rostfine import FEATURES, RoSTFine, attention_layers_of
from rostfine.models.timesformer import SIZES, Encoder, TimeSformer
from rostfine.models.vgg16 import build_vgg
from rostfine.models.vivit import SIZES as VIVIT_SIZES
from rostfine.models.vivit import TUBE, ViViTEncoder
from rostfine.params import ExperimentParams, InputParams
from rostfine.variants import PAPER, Variant, named_variant

__all__ = ["MODELS", "ModelOutput", "build_experiment", "build_model"]


def build_model(model: ModelParams, input: InputParams, variant: Variant = PAPER) -> nn.Module:
    """Build a model with fresh weights, drawn from torch's global generator.

    It maps Float[Tensor, "batch 3 frame row col"] (and Float[Tensor, " batch"], the speed, if
    `input` asks for it) to a ModelOutput. Raises ParamsError where the params do not fit each
    other: the key, what was wanted, what was found.
    """
    return MODELS[model.name](model, input, variant)


def build_experiment(experiment: ExperimentParams) -> nn.Module:
    """Build the model of an experiment with fresh weights, as `build_model` does.

    Also raises ParamsError if it is to checkpoint its activations and cannot.
    """
    model = build_model(experiment.model, experiment.input, named_variant(experiment.variant))
    if hasattr(model.encoder, "checkpoint_activations"):
        model.encoder.checkpoint_activations = experiment.fit.checkpoint_activations
    elif experiment.fit.checkpoint_activations:
        raise ParamsError(
            f"fit.checkpoint_activations: wanted false with {experiment.model.name}; "
            "only the transformers can"
        )
    return model


def _vgg16(model: VGGParams, input: InputParams, variant: Variant) -> nn.Module:
    return build_vgg(model, with_speed=input.speed is not None)


def _resnet(model: ResNetParams, input: InputParams, variant: Variant) -> nn.Module:
    return build_resnet(model, with_speed=input.speed is not None)


def _video_net(model: VideoNetParams, input: InputParams, variant: Variant) -> nn.Module:
    return build_video_net(model, variant, with_speed=input.speed is not None)


def _vivit(model: ViViTParams, input: InputParams, variant: Variant) -> nn.Module:
    size = VIVIT_SIZES[model.size]
    _check_image(model.size, size.space.patch_px, input)
    if input.frames % TUBE:
        raise ParamsError(f"input.frames: wanted a multiple of {TUBE}, got {input.frames}")
    encoder = ViViTEncoder(
        size,
        frames=input.frames,
        image_px=input.image_px,
        drop_path=model.drop_path,
        batch_dependent=variant.batch_dependent_vivit,
    )
    return Averaged(encoder, size.space.dim, with_speed=input.speed is not None)


def _timesformer(model: TimeSformerParams, input: InputParams, variant: Variant) -> nn.Module:
    return TimeSformer(_encoder(model, input), with_speed=input.speed is not None)


def _rostfine(model: RoSTFineParams, input: InputParams, variant: Variant) -> nn.Module:
    encoder = _encoder(model, input)
    size = encoder.size
    patches = (input.image_px // size.patch_px) ** 2
    layers = attention_layers_of(model, variant)
    _check_within("model.attention_layers", layers, size.depth, "layers")
    _check_within("model.top_k", model.top_k, patches, "patches of a frame")
    _check_within("model.branch_heads", model.branch_heads, size.dim, "features of a token")
    if size.dim % model.branch_heads:
        raise ParamsError(
            f"model.branch_heads: wanted a divisor of the {size.dim} features of {model.size}, "
            f"got {model.branch_heads}"
        )
    if not model.use_feat or len(set(model.use_feat)) < len(model.use_feat):
        raise ParamsError(
            f"model.use_feat: wanted some of {', '.join(FEATURES)}, each once, "
            f"got {list(model.use_feat)}"
        )
    return RoSTFine(encoder, model, variant, with_speed=input.speed is not None)


def _check_within(key: str, value: int, most: int, of_what: str) -> None:
    if not 1 <= value <= most:
        raise ParamsError(f"{key}: wanted 1 to {most}, the {of_what}, got {value}")


MODELS: Final[Mapping[str, Callable[[Any, InputParams, Variant], nn.Module]]] = {
    "vgg16": _vgg16,
    "resnet": _resnet,
    "r3d": _video_net,
    "r2plus1d": _video_net,
    "i3d": _video_net,
    "x3d": _video_net,
    "slowfast": _video_net,
    "vivit": _vivit,
    "timesformer": _timesformer,
    "rostfine": _rostfine,
}


def _encoder(model: TimeSformerParams | RoSTFineParams, input: InputParams) -> Encoder:
    size = SIZES[model.size]
    _check_image(model.size, size.patch_px, input)
    return Encoder(size, frames=input.frames, image_px=input.image_px, drop_path=model.drop_path)


def _check_image(size: str, patch_px: int, input: InputParams) -> None:
    if input.image_px < patch_px or input.image_px % patch_px:
        raise ParamsError(
            f"input.image_px: wanted a multiple of the patch of {size}, "
            f"{patch_px}, got {input.image_px}"
        )
