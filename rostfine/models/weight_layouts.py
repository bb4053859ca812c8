"""How others name the weights of their networks, and what this package calls them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Layout:
    """One way to name weights, known by how some name starts.

    `ours` says what a module or a lone weight is called here, with * for its number; whatever it
    does not list gets `prefix` before its name. Before all that, `parts` of names are replaced, one
    after the other.
    """

    title: str
    starts: tuple[str, ...]
    ours: Mapping[str, str]
    prefix: str
    parts: tuple[tuple[str, str], ...] = ()

    def rename(self, name: str) -> str:
        """Translate one name of a file."""
        for theirs, part in self.parts:
            name = name.replace(theirs, part)
        kind = re.sub(r"\.\d+\.", ".*.", name, count=1)
        module, _, leaf = kind.rpartition(".")
        if kind in self.ours:
            renamed = self.ours[kind]
        elif module in self.ours:
            renamed = f"{self.ours[module]}.{leaf}"
        else:
            return self.prefix + name
        number = re.search(r"\.(\d+)\.", name)
        return renamed.replace("*", number[1]) if number else renamed


OURS: Final = Layout(
    "rostfine",
    tuple(f"encoder.{part}." for part in ("blocks", "space", "features", "layer1")),
    {},
    "",
)
"""A whole model of ours."""

_BRANCH: Final = {
    "head_{}": "heads.{}.linear",
    "norm_{}1": "fg{}.norm1",
    "mhsa_{}.*.qkv": "fg{}.mhsa.*.qkv",
    "mhsa_{}.*.proj": "fg{}.mhsa.*.proj",
    "norm_{}2": "fg{}.norm2",
    "mlp_{}.fc1": "fg{}.mlp.fc1",
    "mlp_{}.fc2": "fg{}.mlp.fc2",
}

PUBLISHED_ROSTFINE: Final = Layout(
    "published RoSTFine",
    ("mhsa_s.", "mhsa_t."),
    {theirs.format(name): ours.format(name) for name in "st" for theirs, ours in _BRANCH.items()}
    # Its backbone keeps a head that was never trained: no model of ours has it.
    | {"head_g": "heads.g.linear", "head": "unused.head"},
    "encoder.",
)

_HUGGING_FACE: Final = {
    "embeddings.cls_token": "encoder.cls_token",
    "embeddings.position_embeddings": "encoder.pos_embed",
    "embeddings.time_embeddings": "encoder.time_embed",
    "embeddings.patch_embeddings.projection": "encoder.patch_embed.proj",
    "encoder.layer.*.temporal_layernorm": "encoder.blocks.*.temporal_norm1",
    "encoder.layer.*.temporal_attention.attention.qkv": "encoder.blocks.*.temporal_attn.qkv",
    "encoder.layer.*.temporal_attention.output.dense": "encoder.blocks.*.temporal_attn.proj",
    "encoder.layer.*.temporal_dense": "encoder.blocks.*.temporal_fc",
    "encoder.layer.*.layernorm_before": "encoder.blocks.*.norm1",
    "encoder.layer.*.attention.attention.qkv": "encoder.blocks.*.attn.qkv",
    "encoder.layer.*.attention.output.dense": "encoder.blocks.*.attn.proj",
    "encoder.layer.*.layernorm_after": "encoder.blocks.*.norm2",
    "encoder.layer.*.intermediate.dense": "encoder.blocks.*.mlp.fc1",
    "encoder.layer.*.output.dense": "encoder.blocks.*.mlp.fc2",
    "layernorm": "encoder.norm",
}

HUGGING_FACE: Final = Layout(
    "Hugging Face TimeSformer",
    ("timesformer.", "embeddings."),
    # With a classifier the backbone's names have a prefix, without one they have none.
    _HUGGING_FACE
    | {f"timesformer.{theirs}": ours for theirs, ours in _HUGGING_FACE.items()}
    | {"classifier": "head.linear"},
    "",
)

PYTORCHVIDEO: Final = Layout(
    "pytorchvideo",
    ("blocks.0.conv.", "blocks.0.multipathway_blocks."),
    {"blocks.*.proj": "head.linear"},
    "encoder.",
)

TORCHVISION: Final = Layout(
    "torchvision", ("features.0.", "layer1.0."), {"fc": "head.linear"}, "encoder."
)
"""VGG and ResNet. The three last layers of VGG have no counterpart."""

VIVIT: Final = Layout(
    "VideoTransformer-pytorch ViViT",
    ("transformer_layers.1.layers.",),
    {"cls_head": "head.linear", "cls_head.cls_head": "head.linear"},
    "encoder.",
    parts=(
        ("transformer_layers.0.layers.", "space."),
        ("transformer_layers.1.layers.", "time."),
        (".attentions.0.norm.", ".norm1."),
        (".attentions.0.attn.in_proj_", ".attn.qkv."),
        (".attentions.0.attn.out_proj.", ".attn.proj."),
        (".attentions.0.attn.", ".attn."),
        (".ffns.0.norm.", ".norm2."),
        (".ffns.0.layers.0.0.", ".mlp.fc1."),
        (".ffns.0.layers.1.", ".mlp.fc2."),
        ("patch_embed.projection.", "patch_embed.proj."),
    ),
)
"""The factorised encoder on which the RoSTFine paper's ViViT stands."""

OFFICIAL: Final = Layout("official TimeSformer or timm", (), {"head": "head.linear"}, "encoder.")
"""Also an encoder of ours without a head, and image transformers, which have nothing of time."""

KNOWN_BY_A_NAME: Final = (OURS, PUBLISHED_ROSTFINE, HUGGING_FACE, PYTORCHVIDEO, TORCHVISION, VIVIT)


def layout_of(names: Iterable[str]) -> Layout:
    """Recognise the layout of a file by the names in it; the official one if by none."""
    known = tuple(names)
    for layout in KNOWN_BY_A_NAME:
        if any(name.startswith(layout.starts) for name in known):
            return layout
    return OFFICIAL
