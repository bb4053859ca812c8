"""How others name the weights of a TimeSformer, and what this package calls them."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Layout:
    """One way to name weights, known by how some name starts.

    `ours` says what a module or a lone weight is called here, with * for its number; whatever it
    does not list gets `prefix` before its name.
    """

    title: str
    starts: tuple[str, ...]
    ours: Mapping[str, str]
    prefix: str

    def rename(self, name: str) -> str:
        """Translate one name of a file."""
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


OURS: Final = Layout("rostfine", ("encoder.blocks.",), {}, "")
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

OFFICIAL: Final = Layout("official TimeSformer or timm", (), {"head": "head.linear"}, "encoder.")
"""Also an encoder of ours without a head, and image transformers, which have nothing of time."""

KNOWN_BY_A_NAME: Final = (OURS, PUBLISHED_ROSTFINE, HUGGING_FACE)


def layout_of(names: Iterable[str]) -> Layout:
    """Recognise the layout of a file by the names in it; the official one if by none."""
    known = tuple(names)
    for layout in KNOWN_BY_A_NAME:
        if any(name.startswith(layout.starts) for name in known):
            return layout
    return OFFICIAL
