"""What waits for people is said on the page."""

from typing import Any

from millrace.console.domain.page import waits

HELD = {"version": "parcels-3", "hold": {"by": "ada", "reason": "not before the holidays"}}


def test_a_rollout_a_request_and_a_hold_each_say_what_goes_on() -> None:
    about: dict[str, Any] = {
        "rollout": {"version": "parcels-2", "awaiting": True},
        "request": {"version": "parcels-1", "by": "ben", "reason": "x"},
    }
    found = waits(about, [HELD, {"version": "parcels-2", "hold": None}, {"version": "parcels-1"}], "parcels")
    assert [command for _, command in found] == ["millrace approve", "millrace approve", "millrace release"]
    told = [what for what, _ in found]
    assert "has passed and waits" in told[0] and "ben asks for" in told[1]
    assert told[2].endswith("is held by ada (not before the holidays)")


def test_nothing_waits_where_nothing_does() -> None:
    assert waits(None, [], "parcels") == []
    assert waits({"rollout": {"version": "parcels-2", "awaiting": False}, "request": None}, [], "parcels") == []
