"""A Job of Kubernetes for each claim of a run, on a volume that its pod and this service both mount at WORK_DIR.

Nothing but plain HTTP: Jobs are made, looked at and deleted, pods are looked at.
"""

import asyncio
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from millrace.chassis import Unavailable
from millrace.learn import bases
from millrace.training.executors.written import LINES, Written, begin
from millrace.training.settings import Settings
from millrace.training.worker import STDERR, Hear, Limits, Line, RunFailed, RunKilled, result

RUN = "millrace.dev/run"
LOOK = 2.0
"""Seconds between two looks at a Job."""
SLACK = 120.0
"""Seconds that Kubernetes gets to end a Job whose time is over."""
KEPT = 600
"""Seconds after which Kubernetes itself deletes a Job that ended, should nobody be left who does."""
REFUSED = frozenset({400, 413, 422})
"""Answers that another try would not change."""


class Kubernetes:
    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._account = settings.kubernetes_account
        self._http: httpx.AsyncClient | None = None
        self._namespace = ""

    async def start(self) -> None:
        """Raises Unavailable where this is no pod with an account."""
        try:
            self._namespace = (self._account / "namespace").read_text("utf-8").strip()
            self._token()
        except OSError as error:
            raise Unavailable(f"Kubernetes: no service account at {self._account}: {error.strerror}") from error
        authority = self._account / "ca.crt"
        self._http = httpx.AsyncClient(
            base_url=self._settings.kubernetes_url, verify=str(authority) if authority.exists() else True, timeout=30
        )

    async def stop(self) -> None:
        if self._http is not None:
            await self._http.aclose()
            self._http = None

    async def train(self, request: Line, folder: Path, hear: Hear, limits: Limits) -> Line:
        """A wait for a node counts as the run's own time."""
        path = folder / "request.json"
        path.write_text(json.dumps(request, sort_keys=True), encoding="utf-8")
        job = manifest(request, folder, limits, self._settings)
        name = str(job["metadata"]["name"])
        begin(folder)
        await self._end_others(folder.parent.name, name)
        written = Written(folder)
        ended: asyncio.Future[int] | None = None
        try:
            await self._make(job)
            ended = asyncio.ensure_future(self._ended(name, limits))
            async with asyncio.timeout(limits.seconds + SLACK):
                code = await written.follow(ended, hear)
        except TimeoutError:
            raise RunFailed(f"it did not end within {limits.seconds:g} s, and Kubernetes did not end it") from None
        finally:
            if ended is not None and not ended.done():
                ended.cancel()
            await asyncio.shield(self._delete(name))
        return result(written.last, code, folder)

    async def _make(self, job: Mapping[str, Any]) -> None:
        """Raises RunFailed where the cluster would never take it. One that is there already is this claim's own."""
        answer = await self._call("POST", "jobs", json=dict(job))
        if answer.status_code in REFUSED:
            raise RunFailed(f"Kubernetes does not take the Job: {_said(answer)}")
        if answer.status_code != 409:
            _expect(answer)

    async def _ended(self, name: str, limits: Limits) -> int:
        """How the process of a Job ended; below 0 by a signal. Raises RunFailed, RunKilled."""
        while True:
            try:
                answer = await self._call("GET", f"jobs/{name}")
            except Unavailable:
                await asyncio.sleep(LOOK)  # the run goes on without us
                continue
            if answer.status_code == 404:
                raise RunKilled(f"Kubernetes: the Job {name} was deleted")
            if answer.status_code < 300 and (end := ended(answer.json())) is not None:
                kind, reason = end
                if reason == "DeadlineExceeded":
                    raise RunFailed(f"it did not end within {limits.seconds:g} s")
                return 0 if kind == "Complete" else await self._exit(name, reason)
            await asyncio.sleep(LOOK)

    async def _exit(self, name: str, reason: str) -> int:
        """Of the pod that failed. Raises RunFailed, RunKilled."""
        answer = _expect(await self._call("GET", "pods", group="api/v1", params={"labelSelector": f"job-name={name}"}))
        for pod in answer.json()["items"]:
            for status in pod.get("status", {}).get("containerStatuses", []):
                if told := status.get("state", {}).get("terminated"):
                    if told.get("reason") == "OOMKilled":
                        raise RunFailed("OutOfMemory: Kubernetes ended it, since memory had run out")
                    code = int(told["exitCode"])
                    return 128 - code if code > 128 else code
        raise RunKilled(f"Kubernetes: the pod of {name} is gone ({reason or 'no reason given'})")

    async def _end_others(self, run: str, own: str) -> None:
        """Jobs of earlier claims, whose service died: what they make is nobody's."""
        answer = _expect(await self._call("GET", "jobs", params={"labelSelector": f"{RUN}={label(run)}"}))
        for job in answer.json()["items"]:
            if job["metadata"]["name"] != own:
                await self._delete(job["metadata"]["name"])

    async def _delete(self, name: str) -> None:
        """With its pod; where it can't be now, its deadline ends it."""
        try:
            await self._call("DELETE", f"jobs/{name}", params={"propagationPolicy": "Background"})
        except Unavailable:
            return

    async def _call(self, method: str, what: str, *, group: str = "apis/batch/v1", **more: Any) -> httpx.Response:
        """Raises Unavailable."""
        assert self._http is not None
        headers = {"Authorization": f"Bearer {self._token()}"}  # it is renewed in place
        try:
            answer = await self._http.request(
                method, f"/{group}/namespaces/{self._namespace}/{what}", headers=headers, **more
            )
        except httpx.HTTPError as error:
            raise Unavailable(f"Kubernetes: {type(error).__name__} for {method} {what}") from error
        if answer.status_code >= 500 or answer.status_code in (401, 403, 429):
            raise Unavailable(f"Kubernetes: {_said(answer)}")
        return answer

    def _token(self) -> str:
        return (self._account / "token").read_text("utf-8").strip()


def manifest(request: Line, folder: Path, limits: Limits, settings: Settings) -> dict[str, Any]:
    """The Job of one claim of a run. Raises RunFailed where a GPU is asked for that the settings don't name."""
    run, token = folder.parent.name, folder.name
    work = str(settings.work_dir)
    told = ["0", str(limits.nice), str(request["threads"]), str(limits.memory_mb), str(folder / "request.json")]
    seen = {"TMPDIR": "/tmp", "XDG_CACHE_HOME": str(bases.cache_folder().parent.parent)}  # bases that we brought
    labels = {
        "app.kubernetes.io/name": "training-run",
        "app.kubernetes.io/part-of": "millrace",
        RUN: label(run),
    }
    container = {
        "name": "run",
        "image": settings.kubernetes_image,
        "command": ["python", "-m", "millrace.training.child"],
        "args": [*told, str(folder / LINES), str(folder / STDERR)],
        "env": [{"name": name, "value": value} for name, value in seen.items()],
        "resources": _resources(request, limits, settings.kubernetes_gpu),
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}, {"name": "work", "mountPath": work}],
    }
    pod = {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": 10001,
            "runAsGroup": 10001,
            "fsGroup": 10001,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [container],
        "volumes": [
            {"name": "tmp", "emptyDir": {"sizeLimit": "1Gi"}},
            {"name": "work", "persistentVolumeClaim": {"claimName": settings.kubernetes_claim}},
        ],
    }
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": f"{label(f'run-{run}')}-{token}", "labels": labels},
        "spec": {
            "backoffLimit": 0,  # a claim has one pod: another goes on from the checkpoint in S3
            "activeDeadlineSeconds": int(limits.seconds),
            "ttlSecondsAfterFinished": KEPT,
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


def _resources(request: Line, limits: Limits, gpu: str) -> dict[str, Any]:
    device = str(request.get("device", "cpu"))
    if device == "gpu" and not gpu:
        raise RunFailed(
            "DeviceMissing: device gpu: TRAINING_KUBERNETES_GPU names no resource; gpu-if-there would go on without one"
        )
    asked: dict[str, str] = {"cpu": str(request["threads"])}
    most: dict[str, str] = {}
    if limits.memory_mb:
        asked["memory"] = most["memory"] = f"{limits.memory_mb}Mi"
    if device != "cpu" and gpu:
        most[gpu] = "1"
    return {"requests": asked, "limits": most}


def label(text: str) -> str:
    """As names and values of labels may be: a run is a UUID, which is one already."""
    return "".join(letter if letter.isalnum() or letter == "-" else "-" for letter in text.lower())[:50].strip("-")


def ended(job: Mapping[str, Any]) -> tuple[str, str] | None:
    """`Complete` or `Failed`, and the reason; None while it goes on."""
    for condition in job.get("status", {}).get("conditions") or ():
        if condition["type"] in ("Complete", "Failed") and condition["status"] == "True":
            return str(condition["type"]), str(condition.get("reason", ""))
    return None


def _expect(answer: httpx.Response) -> httpx.Response:
    if answer.status_code >= 300:
        raise Unavailable(f"Kubernetes: {_said(answer)}")
    return answer


def _said(answer: httpx.Response) -> str:
    try:
        message = str(answer.json().get("message", ""))
    except (ValueError, AttributeError):
        message = answer.text[:200]
    return f"{answer.status_code} for {answer.request.method} {answer.request.url.path}: {message}"
