"""What a decision says, and that it comes back from its file as it was."""

import json
from dataclasses import replace

from rostfine.gate.decision import PASSED, REFUSED, Check, Decision

GOOD = Check("beats ZeroR", True, -0.1, 0.0, "emd minus ZeroR's -0.2")
BAD = Check("drift of labels", False, 0.9, 0.3, "EMD of the mean label is 0.900")
DECISION = Decision(
    name="rostfine",
    challenger=3,
    champion=2,
    decided_at="2026-05-01T09:30:00+00:00",
    approval="auto",
    clips=40,
    patients=20,
    checks=(GOOD,),
    metrics={"challenger": {"emd": 0.1}},
)


def test_one_failed_check_refuses_and_is_said() -> None:
    refused = replace(DECISION, checks=(GOOD, BAD))
    assert (DECISION.verdict, refused.verdict) == (PASSED, REFUSED)
    assert str(refused) == (
        "rostfine: version 3 against version 2: refused: EMD of the mean label is 0.900"
    )
    assert not refused.promotes


def test_where_a_person_is_asked_passing_does_not_promote() -> None:
    asked = replace(DECISION, approval="manual")
    assert (DECISION.promotes, asked.promotes) == (True, False)
    assert asked.verdict == PASSED


def test_a_decision_comes_back_from_its_file() -> None:
    first = replace(DECISION, champion=None, checks=(GOOD, BAD))
    written = json.loads(json.dumps(first.to_json()))
    assert written["verdict"] == REFUSED
    assert Decision.from_json(written) == first
    assert "against no champion" in str(first)
