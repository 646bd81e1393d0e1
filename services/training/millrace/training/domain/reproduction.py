"""What may make a run come out otherwise when it is made again."""

from collections.abc import Iterator, Mapping
from typing import Any

Json = Mapping[str, Any]


def request(asked: Json, was: Json) -> dict[str, Any]:
    """A run's request with what it came to in the end: as many steps, under the same rates, whatever they take."""
    training = was["training"]
    return {
        **{key: value for key, value in asked.items() if key not in ("checkpoint", "checkpoint_seconds")},
        "budget_seconds": None,
        "seed": training["seed"],
        "threads": int(was["environment"]["threads"]),
        "settings": asked["settings"] or training["settings"],
        "steps": training["steps"],
        "planned_steps": training["planned_steps"],
    }


def differences(was: Json, now: Json, manifest: Json) -> list[str]:
    """`was` and `now` are what version.json tells of both."""
    return [*_data(was, now, manifest), *_base(was, now), *_environment(was["environment"], now["environment"])]


def _data(was: Json, now: Json, manifest: Json) -> Iterator[str]:
    erased = (manifest.get("redacted") or {}).get("rows")
    if erased:
        yield f"rows: {erased:,} of the dataset were erased since"
    before, after = was["training"]["rows"], now["training"]["rows"]
    if before != after:
        yield f"rows: trained on {before:,} then, {after:,} now"
    then, today = (version.get("labels") or [] for version in (was, now))  # what answers in words has none
    if then != today:
        yield f"labels: {', '.join(then)} then, {', '.join(today)} now"


def _base(was: Json, now: Json) -> Iterator[str]:
    """Models of features stand on none."""
    if was.get("base") and was["base"]["digest"] != now["base"]["digest"]:
        yield f"base: {was['base']['name']} was {was['base']['digest']} then, {now['base']['digest']} now"


def _environment(was: Json, now: Json) -> Iterator[str]:
    for name in sorted({*was, *now}):
        if str(was.get(name)) != str(now.get(name)) and name in was:
            yield f"{name}: {was[name]} then, {now.get(name, 'none')} now"
    if str(was.get("device", "cpu")) != "cpu":
        yield f"device: on {was['device']}, whose sums are not the same twice"
