"""The tables of the semen pipeline, as `docs/semen.md` tells them."""

from typing import Final

from rostfine.schemas import Table

MOTILITY_COLUMNS: Final = ("progressive_pct", "non_progressive_pct", "immotile_pct")
MORPHOLOGY_COLUMNS: Final = ("head_pct", "midpiece_pct", "tail_pct")
"""Of a semen sample. Motility sums to 100; defects may coincide."""

PARTICIPANTS: Final = Table(
    {
        "participant_id": "text",
        "video": "text",
        "fold": "integer",
        **dict.fromkeys(MOTILITY_COLUMNS + MORPHOLOGY_COLUMNS, "number"),
    },
    key=("participant_id",),
    optional=frozenset(MOTILITY_COLUMNS + MORPHOLOGY_COLUMNS),
)
SEMEN_PREDICTIONS: Final = {
    target: Table(
        {
            "participant_id": "text",
            "stack": "integer",
            "fold": "integer",
            **dict.fromkeys(columns, "number"),
        },
        key=("participant_id", "stack"),
    )
    for target, columns in (("motility", MOTILITY_COLUMNS), ("morphology", MORPHOLOGY_COLUMNS))
}
STACKS: Final = Table(
    {
        "participant_id": "text",
        "stack": "integer",
        "path": "text",
        "first_frame": "integer",
        "time_s": "number",
        "content_key": "text",
    },
    key=("participant_id", "stack"),
    optional=frozenset({"time_s"}),
)
