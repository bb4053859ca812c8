"""Where the published code does otherwise than its paper: one named switch for each.

All off is the paper's method, all on is the published behaviour, fault for fault, so that both can
run side by side. `docs/variants.md` says what each one changes.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final, Literal

Switch = Literal[
    "token_order",
    "last_layer_only",
    "bare_branches",
    "flat_positions",
    "js_precedence",
    "shifted_labels",
    "selects_on_test_fold",
    "ranks_ascending",
    "raw_attention_maps",
    "double_softmax",
    "batch_dependent_vivit",
]
VariantName = Literal["paper", "published"] | tuple[Switch, ...]
"""What `params.yaml` may say: one of the two, or the switches that are on."""


@dataclass(frozen=True)
class Variant:
    """Which of the published deviations are on."""

    token_order: bool = False  # the selection reads patch-major tokens as if frame-major
    last_layer_only: bool = False  # attention of one layer selects, not of the last two (eq. 4)
    bare_branches: bool = False  # no residuals, one norm for all MHSA, one MLP at the very end
    flat_positions: bool = False  # positions are resized along the flattened patch axis
    js_precedence: bool = False  # KL(p, m) + KL(q, m) / 2: the first term is not halved
    shifted_labels: bool = False  # 0.001 is added to every training label
    selects_on_test_fold: bool = False  # the epoch with the best loss on the held-out fold is kept
    ranks_ascending: bool = False  # the "1st" grade of balanced accuracy is the least selected
    raw_attention_maps: bool = False  # pictures of the last attention instead of its rollout
    double_softmax: bool = False  # the heads of R(2+1)D and X3D already hold a softmax
    batch_dependent_vivit: bool = False  # class tokens are those of the first rows of the batch


PUBLISHED_KL_SHIFT: Final = 1e-5
"""What the published JS adds to the numerator of each logarithm (`js_precedence`)."""

PUBLISHED_LABEL_SHIFT: Final = 1e-3
"""What the published trainer adds to every entry of a label (`shifted_labels`)."""

PAPER: Final = Variant()
PUBLISHED: Final = Variant(**{field.name: True for field in fields(Variant)})


def named_variant(name: str | Sequence[str]) -> Variant:
    """Return the variant that `params.yaml` names, or lists by its switches."""
    if isinstance(name, str):
        return {"paper": PAPER, "published": PUBLISHED}[name]
    return Variant(**dict.fromkeys(name, True))
