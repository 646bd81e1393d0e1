"""The answers that an evaluation needs: from earlier evaluations where they are known, else scored now."""

import asyncio
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from millrace.chassis import Blobs, Job
from millrace.evaluation.blobs import Rows, alike, dataset, extend, fetch, perturbed, read, wordless
from millrace.evaluation.domain.answers import Answers, Texts, wins
from millrace.evaluation.domain.figures import Key, estimate
from millrace.evaluation.domain.outcomes import ASKED, Unit, as_answers
from millrace.evaluation.engine import Engine, Model, NotScorable, Suite
from millrace.evaluation.making import alone, judged_by_outcomes, make
from millrace.evaluation.making import wanted as wanted_suites
from millrace.evaluation.store import arrivals, evaluations
from millrace.evaluation.store.evaluations import Scored
from millrace.events import Deployment, EvaluationRequested
from millrace.workspace import Workspace
from millrace.workspace.conditions import Condition, Metric

BEST = "golden.macro_f1"


@dataclass
class Snapshot:
    """What an evaluation is judged on, and where it came from."""

    suites: list[Rows]
    answers: dict[Key, Answers] = field(default_factory=dict)
    labels: dict[str, list[str]] = field(default_factory=dict)
    scored: list[Scored] = field(default_factory=list)
    best: str | None = None
    alike: dict[str, dict[str, Texts]] = field(default_factory=dict)
    """What each suite's rows are sliced by, in the order of the candidate's answers."""
    units: dict[Key, list[Unit]] = field(default_factory=dict)
    """Of suites that are judged by what became of their units; their answers are of units too."""
    sizes: dict[Key, dict[str, int]] = field(default_factory=dict)
    weighed: dict[str, dict[str, int]] = field(default_factory=dict)
    """Sizes that were not known before, by the digest of a version's bytes."""
    owner: str = ""

    @property
    def outcomes(self) -> frozenset[str]:
        return frozenset(rows.suite for rows in self.suites if judged_by_outcomes(rows))

    def hear(self, who: str, rows: Rows, answers: Answers) -> None:
        if judged_by_outcomes(rows) and rows.about is not None:
            self.units[who, rows.suite] = list(ASKED[rows.kind](answers, rows.about.limits))
            answers = as_answers(self.units[who, rows.suite])
        self.answers[who, rows.suite] = answers

    def compare(self) -> None:
        """What answers in words are worth beside production's."""
        for (who, suite), answers in list(self.answers.items()):
            other = self.answers.get(("production", suite))
            if who == "candidate" and answers.words and other is not None:
                self.answers[who, suite] = wins(answers, other)


async def score(
    job: Job, request: EvaluationRequested, spec: Workspace, *, blobs: Blobs, engine: Engine, folder: Path
) -> Snapshot:
    """The answers of candidate and production, and of the holder of the best score where those are known.

    Raises Unprocessable for what can't be scored, ScoringDied, Unavailable.
    """
    deployments = {"candidate": request.candidate} | ({"production": request.production} if request.production else {})
    suites = await _suites(job, request, spec, deployments, blobs, folder)
    asked = needed(spec.gate, suites, spec.meaning.paired)
    snapshot = Snapshot([rows for rows in suites if rows.suite in asked["candidate"]], owner=spec.owner)
    snapshot.labels = {who: deployment.labels for who, deployment in deployments.items()}
    async with job.transaction() as tx:
        digests = [rows.scored_by(deployment) for rows in suites for deployment in deployments.values()]
        known = await evaluations.scored(tx, request.workspace, digests)
    missing = {
        who: [rows for rows in suites if rows.suite in asked[who] and rows.scored_by(deployment) not in known]
        for who, deployment in deployments.items()
    }
    for models, wanted in _alike(missing):
        await _run({who: deployments[who] for who in models}, wanted, blobs=blobs, engine=engine, folder=folder)
    for who, deployment in deployments.items():
        for rows in snapshot.suites:
            path = folder / "scores" / who / f"{rows.suite}.parquet"
            if rows in missing[who]:
                found = await _keep(request.workspace, deployment, rows, path, job, blobs)
            elif rows.scored_by(deployment) in known:
                found = known[rows.scored_by(deployment)]
                await blobs.get_file(found.blob, path)
            else:
                continue
            snapshot.scored.append(found)
            snapshot.hear(who, rows, await asyncio.to_thread(read, path, numeric=not deployment.labels))
    snapshot.compare()
    await _weigh(job, request, spec, deployments, snapshot, blobs=blobs, engine=engine, folder=folder)
    await _add_best(job, request, snapshot, blobs, folder)
    paths = await fetch(blobs, snapshot.suites, folder)
    for rows in snapshot.suites:
        if rows.suite in snapshot.outcomes:
            continue
        ids = snapshot.answers["candidate", rows.suite].ids.tolist()
        words = spec.target is None
        snapshot.alike[rows.suite] = await asyncio.to_thread(alike, paths[rows.blob], ids, texts_are_words=words)
    return snapshot


def needed(gate: Iterable[Condition], suites: Sequence[Rows], paired: Collection[str] = ()) -> dict[str, set[str]]:
    """The suites that each must answer: the candidate all that are kept and those misspelt ones that a condition
    names, production those in which it is compared, in metrics that are `paired` always."""
    conditions = list(gate)
    named = {condition.left.suite for condition in conditions}
    named |= {condition.right.of.suite for condition in conditions if isinstance(condition.right.of, Metric)}
    compared = {one.left.suite for one in conditions if one.baseline == "production" or one.left.name in paired}
    return {
        "candidate": {rows.suite for rows in suites if rows.perturb is None or rows.suite in named},
        "production": {rows.suite for rows in suites if rows.suite in compared},
    }


def _alike(missing: Mapping[str, list[Rows]]) -> list[tuple[list[str], list[Rows]]]:
    """Those who miss the same suites answer them in one process."""
    groups: dict[tuple[str, ...], tuple[list[str], list[Rows]]] = {}
    for who, wanted in missing.items():
        if wanted:
            groups.setdefault(tuple(rows.suite for rows in wanted), ([], wanted))[0].append(who)
    return list(groups.values())


async def _suites(
    job: Job,
    request: EvaluationRequested,
    spec: Workspace,
    deployments: Mapping[str, Deployment],
    blobs: Blobs,
    folder: Path,
) -> list[Rows]:
    """Moments are judged as they were cut: what came after the last of them is of the next version."""
    cut = await dataset(blobs, request.manifest)
    if spec.target is not None:
        return cut.suites
    barred = {name for name, source in spec.sources.items() if "evaluate" not in (source.purposes or ("evaluate",))}
    counts = None if spec.meaning.answers else cut.labels
    async with job.transaction() as tx:
        later = await arrivals.since(
            tx, request.workspace, cut.created_at, barred=barred.union(spec.data.retired), labels=counts
        )
        every = await wanted_suites(tx, request.workspace, spec)
    held = perturbed(await extend(blobs, cut, later, folder))
    known = sorted(set.intersection(*(set(deployment.labels) for deployment in deployments.values())))
    return [*held, *await make(every, held, cut.training, known, blobs, folder)]


async def _run(
    models: Mapping[str, Deployment], wanted: Sequence[Rows], *, blobs: Blobs, engine: Engine, folder: Path
) -> None:
    paths = await fetch(blobs, wanted, folder)
    for who, deployment in models.items():
        await blobs.download(deployment.artifact, folder / "models" / who)
    digests = await engine.score(
        {who: Model(folder / "models" / who, deployment.parameters) for who, deployment in models.items()},
        [Suite(rows.suite, paths[rows.blob], rows.perturb, alone(rows)) for rows in wanted],
        folder / "scores",
    )
    for who, deployment in models.items():
        _same(deployment, digests[who])


async def _weigh(
    job: Job,
    request: EvaluationRequested,
    spec: Workspace,
    deployments: Mapping[str, Deployment],
    snapshot: Snapshot,
    *,
    blobs: Blobs,
    engine: Engine,
    folder: Path,
) -> None:
    """How much candidate and production are, where a suite asks for it."""
    names = [name for name, suite in spec.suites.items() if suite.kind == "size"]
    if not names:
        return
    async with job.transaction() as tx:
        known = await evaluations.sizes(tx, request.workspace, [one.digest for one in deployments.values()])
    unknown = {who: deployment for who, deployment in deployments.items() if deployment.digest not in known}
    if unknown:
        models = {who: Model(folder / "models" / who, one.parameters) for who, one in unknown.items()}
        for who, deployment in unknown.items():
            if not models[who].path.exists():
                await blobs.download(deployment.artifact, models[who].path)
        for who, size in (await engine.weigh(models, folder / "sizes")).items():
            _same(unknown[who], size.digest)
            known[size.digest] = {"bytes": size.bytes, "memory": size.memory}
    for who, deployment in deployments.items():
        snapshot.sizes |= {(who, name): known[deployment.digest] for name in names}
    snapshot.weighed = {deployment.digest: known[deployment.digest] for deployment in unknown.values()}


def _same(deployment: Deployment, digest: str) -> None:
    """Raises NotScorable."""
    if digest != deployment.digest:
        raise NotScorable(f"{deployment.version}: the artifact's digest is {digest}, not {deployment.digest}")


async def _keep(workspace: str, deployment: Deployment, rows: Rows, path: Path, job: Job, blobs: Blobs) -> Scored:
    digest = rows.scored_by(deployment)
    blob = f"{workspace}/answers/{digest}-{job.key}-{job.token}.parquet"
    await blobs.put_file(blob, await asyncio.to_thread(wordless, path))
    figures = estimate(await asyncio.to_thread(read, path, numeric=not deployment.labels))
    return Scored(
        digest=digest,
        version=deployment.version,
        suite=rows.suite,
        suite_digest=rows.digest,
        macro_f1=figures.get("macro_f1"),
        accuracy=figures.get("accuracy"),
        labels=deployment.labels,
        blob=blob,
    )


async def _add_best(job: Job, request: EvaluationRequested, snapshot: Snapshot, blobs: Blobs, folder: Path) -> None:
    """The answers of the version that holds the best golden score, for the comparison in pairs."""
    golden = next((rows for rows in snapshot.suites if rows.suite == "golden"), None)
    if golden is None or BEST not in request.best:
        return
    async with job.transaction() as tx:
        held = await evaluations.holder(tx, request.workspace, golden.suite, golden.digest, request.best[BEST])
    if held is None:
        return
    path = folder / "best.parquet"
    await blobs.get_file(held.blob, path)
    snapshot.answers["best", golden.suite] = await asyncio.to_thread(read, path)
    snapshot.labels["best"] = held.labels
    snapshot.best = held.version
