import json

from millrace.demo.expectations import Check, Intake
from millrace.demo.facts import Facts
from millrace.demo.steps import STEPS, Outcome
from millrace.demo.summary import ok, summary, versions

FOUND = Intake(published=1956, accepted=1920, kept=1800, exact=60, near=60, masked=48, rejected=36)


def played(*, kept: bool = True) -> list[Outcome]:
    return [
        Outcome(step.name, float(n), 1.0, {"n": n}, [Check("it happened", kept, "yes")]) for n, step in enumerate(STEPS)
    ]


def test_the_summary_has_the_keys_that_are_promised(facts: Facts) -> None:
    told = json.loads(json.dumps(summary(facts, played(), FOUND, up_s=21.0, rss_mb=2900.4, took_s=280.0)))
    assert told["ok"] is True
    assert told["total_s"] == 301.0
    assert set(told) >= {"ok", "steps", "versions", "counts", "detection", "regained", "stack"}
    assert all(set(step) == {"name", "at_s", "took_s", "evidence"} for step in told["steps"])
    assert all(set(one) >= {"id", "method", "stage", "scores"} for one in told["versions"])
    assert set(told["counts"]) == {
        "published",
        "kept",
        "duplicated",
        "rejected",
        "masked",
        "predictions",
        "feedback",
        "failed_requests",
    }
    assert told["counts"]["duplicated"] == 120
    assert told["detection"] == {"requests": 151}
    assert set(told["regained"]) == {"before", "worst", "after"}
    assert told["stack"] == {"up_s": 21.0, "rss_mb": 2900}


def test_a_story_that_broke_off_is_not_ok_and_still_has_a_summary() -> None:
    told = summary(Facts(), played()[:2], None, up_s=1.0, rss_mb=1.0, took_s=1.0)
    assert told["ok"] is False
    assert told["detection"] == {"requests": None}
    assert told["regained"] == {"before": None, "worst": None, "after": None}
    json.dumps(told)


def test_one_broken_promise_is_enough() -> None:
    assert ok(played())
    assert not ok([*played()[:-1], *played(kept=False)[-1:]])
    assert not ok([])


def test_versions_stand_where_they_ended(facts: Facts) -> None:
    stages = {one["id"]: one["stage"] for one in versions(facts)}
    assert stages == {"w-1": "production", "w-2": "production", "w-3": "rejected", "w-4": "rolled-back"}
    assert versions(facts)[0]["scores"]["golden.macro_f1"] == 0.9
