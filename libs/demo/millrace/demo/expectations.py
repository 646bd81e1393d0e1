"""What the story promises of each step: pure functions over facts."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from millrace.demo.facts import WINDOW, Call, Facts, accuracy, sliding
from millrace.demo.mess import Expected
from millrace.events import (
    DatasetReleased,
    DriftDetected,
    ModelEvaluated,
    ModelRegistered,
    ModelStaged,
    ModelTrained,
    RetrainingRequested,
    RolloutJudged,
    RouteApplied,
)

METHODS = frozenset({"linear-probe", "full"})
SUITES = frozenset({"fresh", "golden", "typos"})
STABLE = 600
FELL_BY = 0.10
BACK_WITHIN = 0.05


@dataclass(frozen=True, slots=True)
class Check:
    """One promise: `seen` says what was found, whether it was kept or not."""

    promise: str
    kept: bool
    seen: str


@dataclass(frozen=True, slots=True)
class Intake:
    """Counts of documents once all that was published had gone through."""

    published: int
    accepted: int
    kept: int
    exact: int
    near: int
    masked: int
    rejected: int

    @property
    def duplicated(self) -> int:
        return self.exact + self.near

    @classmethod
    def of(cls, facts: Facts) -> "Intake":
        counts = facts.counts
        return cls(
            published=facts.published,
            accepted=counts["accepted"],
            kept=counts["kept"],
            exact=counts["duplicated exact"],
            near=counts["duplicated near"],
            masked=counts["masked"],
            rejected=counts["rejected"],
        )

    @property
    def whole(self) -> bool:
        """Whether everything published has been judged, and everything accepted kept or matched."""
        return self.accepted + self.rejected >= self.published and self.kept + self.exact + self.near >= self.accepted


def clean_intake(found: Intake, expected: Expected, *, exactly: bool) -> list[Check]:
    """`exactly` where nothing but the mixture is a repeat, personal data or junk; else the counts are lower bounds."""

    def check(what: str, seen: int, wanted: int) -> Check:
        kept = seen == wanted if exactly else seen >= wanted
        return Check(f"{'' if exactly else 'at least '}{wanted} {what}", kept, str(seen))

    checks = [
        check("exact repeats found", found.exact, expected.exact),
        check("near repeats found", found.near, expected.near),
        check("texts with personal data masked", found.masked, expected.masked),
        check("junk rejected", found.rejected, expected.rejected),
    ]
    if exactly:
        checks.append(check("kept", found.kept, expected.kept))
    accounted = found.kept + found.duplicated + found.rejected
    whole = accounted == found.published == expected.published
    return [*checks, Check(f"all {expected.published} accounted for", whole, f"{accounted} of {found.published}")]


def first_version(facts: Facts, cycle: UUID | None) -> list[Check]:
    trained = next(iter(facts.cycle(ModelTrained, cycle)), None)
    judged = next(iter(facts.cycle(ModelEvaluated, cycle)), None)
    end = facts.end(cycle)
    methods = {run.method for run in trained.runs if not run.failed} if trained else set()
    suites = set(judged.scores) if judged else set()
    return [
        Check("a probe and a fine-tuning trained side by side", methods >= METHODS, _list(methods)),
        Check("judged on fresh, golden and typos", suites >= SUITES, _list(suites)),
        Check("the gate passed", bool(judged and judged.verdict == "pass"), judged.verdict if judged else "not judged"),
        Check("registered", bool(facts.cycle(ModelRegistered, cycle)), _versions(facts, cycle)),
        Check("in production, and served", _promoted(end) and applied(facts, cycle), _ending(end)),
    ]


def applied(facts: Facts, cycle: UUID | None) -> bool:
    """Whether every replica answers by the route that closed the cycle."""
    end = facts.end(cycle)
    return end is not None and bool(
        facts.of(RouteApplied, lambda event: event.ok and event.revision >= end.route.revision)
    )


def stable(facts: Facts) -> list[Check]:
    """Before the shift."""
    before = [call for call in facts.calls if call.version and (facts.shift is None or call.at < facts.shift)]
    alarms = facts.of(DriftDetected, lambda event: facts.shift is None or event.occurred_at < facts.shift)
    right = before_shift(facts)
    return [
        Check(f"{STABLE} answers before the shift", len(before) >= STABLE, str(len(before))),
        Check("no false alarm", not alarms, f"{len(alarms)} alarms"),
        Check("answers are mostly right", right is not None and right >= 0.8, _share(right)),
    ]


def shift_noticed(facts: Facts) -> list[Check]:
    alarm = first_alarm(facts)
    evidence = bool(alarm and alarm.since_change > 0 and alarm.before != alarm.after)
    cycles = drift_cycles(facts)
    return [
        Check("drift detected", alarm is not None, _alarm(alarm)),
        Check(
            "the alarm carries evidence",
            evidence,
            f"{alarm.before:.2f} before, {alarm.after:.2f} after" if alarm else "no alarm",
        ),
        Check("it opened a cycle", bool(cycles), f"{len(cycles)} cycles"),
    ]


def recovered(facts: Facts, cycle: UUID | None) -> list[Check]:
    """From the alarm to the better version, with nobody's help."""
    end = facts.end(cycle)
    cut = next(iter(facts.cycle(DatasetReleased, cycle)), None)
    steps = _steps(facts.cycle(RolloutJudged, cycle), "promote")
    before, worst, after = quality(facts)
    cycles = {event.cycle_id for event in drift_cycles(facts)}
    people = facts.cycle(ModelStaged, cycle)
    unattended = bool(people) and all(staged.by == "evidence" for staged in people)
    return [
        Check("one drift, one cycle", cycles == {cycle}, f"{len(cycles)} cycles"),
        Check("a dataset was cut", cut is not None, f"{sum(cut.rows.values())} rows" if cut else "none"),
        Check(
            "shadow, then canaries of 20 % and 50 %",
            steps == ["shadow", "canary 0.2", "canary 0.5"],
            ", ".join(steps) or "none",
        ),
        Check("promoted by evidence", _promoted(end) and unattended, _ending(end)),
        Check(
            f"accuracy fell by {FELL_BY:.2f} or more",
            _both(before, worst) and before - worst >= FELL_BY,  # type: ignore[operator]
            f"{_share(before)} to {_share(worst)}",
        ),
        Check(
            f"and came back within {BACK_WITHIN:.2f}",
            _both(before, after) and before - after <= BACK_WITHIN,  # type: ignore[operator]
            f"{_share(before)} before, {_share(after)} after",
        ),
    ]


def bad_source_stopped(facts: Facts, cycle: UUID | None, retired: Sequence[str]) -> list[Check]:
    end = facts.end(cycle)
    judged = next(iter(facts.cycle(ModelEvaluated, cycle)), None)
    failed = [c for c in judged.conditions if c.verdict != "pass"] if judged else []
    golden = [c for c in failed if c.condition.startswith("golden.") and c.verdict == "fail"]
    return [
        Check("a candidate was trained on it", bool(facts.cycle(ModelTrained, cycle)), _versions(facts, cycle)),
        Check("the golden suite stopped it", bool(golden), "; ".join(_condition(c) for c in failed) or "nothing did"),
        Check("it never served", bool(end and end.stage == "rejected"), _ending(end)),
        Check("the source is retired", bool(retired), ", ".join(retired) or "no"),
    ]


SLOW = ("latency.", "error_rate ")
"""What slowness breaks: a canary that takes longer than it is given has failed, too."""


def harm_rolled_back(facts: Facts, cycle: UUID | None) -> list[Check]:
    end = facts.end(cycle)
    judged = next(iter(facts.cycle(ModelEvaluated, cycle)), None)
    rollout = facts.cycle(RolloutJudged, cycle)
    back = next((one for one in rollout if one.verdict == "roll-back"), None)
    return [
        Check("as right: it passed the gate", bool(judged and judged.verdict == "pass"), _verdict(judged)),
        Check(
            "its canary saw the harm",
            bool(back and back.step == "canary" and back.because.startswith(SLOW)),
            back.because if back else "; ".join(one.because for one in rollout) or "not judged",
        ),
        Check("rolled back", bool(end and end.stage == "rolled-back"), _ending(end)),
    ]


def nothing_failed(facts: Facts) -> list[Check]:
    """Over every switch of the story; what was told of it, too, stands on all that happened."""
    untaken, unread = facts.untaken.total(), facts.unread.total()
    return [
        Check(
            "not one request failed",
            bool(facts.calls) and not facts.failed,
            f"{facts.failed} of {len(facts.calls)}{_most(facts.failures)}",
        ),
        Check("all feedback was taken", bool(facts.given) and not untaken, f"{untaken} not{_most(facts.untaken)}"),
        Check("every event could be read", bool(facts.seen) and not unread, f"{unread} not{_most(facts.unread)}"),
    ]


def drift_cycles(facts: Facts) -> list[RetrainingRequested]:
    return facts.of(RetrainingRequested, lambda event: event.because == "drift")


def first_alarm(facts: Facts) -> DriftDetected | None:
    return facts.first(DriftDetected, lambda event: facts.shift is not None and event.occurred_at >= facts.shift)


def detection(facts: Facts) -> int | None:
    """Requests from the shift to the alarm; None without one."""
    alarm = first_alarm(facts)
    if alarm is None or facts.shift is None:
        return None
    return sum(1 for call in facts.calls if facts.shift <= call.at <= alarm.occurred_at)


def before_shift(facts: Facts) -> float | None:
    """The accuracy over the last labels before the shift."""
    calls = facts.labelled(lambda call: facts.shift is None or call.at < facts.shift)
    return accuracy(calls[-WINDOW:]) if len(calls) >= WINDOW else None


def quality(facts: Facts) -> tuple[float | None, float | None, float | None]:
    """The accuracy over 200 live labels each: last before the shift, worst after it, first of the version that came."""
    shift = facts.shift
    if shift is None:
        return before_shift(facts), None, None
    switched = regained_at(facts)
    fallen = [call for call in facts.labelled() if call.at >= shift]
    worst = min(sliding(fallen), default=None)
    regained = [call for call in fallen if switched and call.version == switched]
    settled = [call for call in regained if call.arm == "production"][:WINDOW]
    return before_shift(facts), worst, accuracy(settled) if len(settled) >= WINDOW else None


def regained_at(facts: Facts) -> str | None:
    """The version that the first cycle after the shift brought into production."""
    shift = facts.shift
    staged = facts.of(ModelStaged, lambda event: event.stage == "production" and event.version is not None)
    return next((event.version for event in staged if shift and event.occurred_at >= shift), None)


def settled(facts: Facts) -> list[Call]:
    """Labelled calls that the regained version answered in production."""
    version = regained_at(facts)
    return facts.labelled(lambda call: version is not None and call.version == version and call.arm == "production")


def _both(*values: float | None) -> bool:
    return all(value is not None for value in values)


def _promoted(end: ModelStaged | None) -> bool:
    return bool(end and end.stage == "production")


def _ending(end: ModelStaged | None) -> str:
    return f"{end.version or 'no version'} {end.stage}: {end.reason}" if end else "the cycle did not end"


def _steps(judged: Iterable[RolloutJudged], verdict: str) -> list[str]:
    return [one.step if one.share is None else f"{one.step} {one.share:g}" for one in judged if one.verdict == verdict]


def _versions(facts: Facts, cycle: UUID | None) -> str:
    return ", ".join(event.version for event in facts.cycle(ModelRegistered, cycle)) or "none"


def _alarm(alarm: DriftDetected | None) -> str:
    return f"{alarm.monitor} by {alarm.detector} after {alarm.since_change} predictions" if alarm else "no alarm"


def _verdict(judged: ModelEvaluated | None) -> str:
    if judged is None:
        return "not judged"
    wanting = [_condition(c) for c in judged.conditions if c.verdict != "pass"]
    return f"{judged.verdict} {'; '.join(wanting)}".strip()


def _condition(condition: object) -> str:
    text, left, right = (getattr(condition, name) for name in ("condition", "left", "right"))
    figures = f" ({left:.3f} against {right:.3f})" if left is not None and right is not None else ""
    return f"{text}{figures} {getattr(condition, 'verdict', '')}"


def _most(reasons: Counter[str]) -> str:
    """The most frequent reason, if there is any."""
    return "".join(f", e.g. {reason}" for reason, _ in reasons.most_common(1))


def _share(value: float | None) -> str:
    return "unknown" if value is None else f"{value:.1%}"


def _list(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
