"""HTTP: a FastAPI app with health, metrics, dead letters and jobs; errors in one form."""

from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast

import structlog
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from opentelemetry import trace
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic_core import ErrorDetails
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from millrace.chassis import dead_letters, telemetry
from millrace.chassis.errors import Busy, Conflict, NotFound, NotSignedIn, Unavailable, Unprocessable
from millrace.chassis.signing import By, noted
from millrace.workspace.expected import expected

if TYPE_CHECKING:
    from millrace.chassis.service import Service

log = structlog.get_logger()

SIMPLE = (str, int, float, bool, list, dict, type(None))
QUIET = frozenset({"/healthz", "/readyz", "/metrics"})


class TooLarge(HTTPException):
    """The body is longer than `http_max_body`. An HTTPException, since FastAPI makes a 400 of any other in a body."""

    def __init__(self, most: int) -> None:
        super().__init__(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"the body is longer than {most} bytes")


class Limits:
    """Refuses a body over its limit as it arrives, and opens the request's span."""

    def __init__(self, app: ASGIApp, *, most: int, tracer: Callable[[], trace.Tracer | None]) -> None:
        self._app = app
        self._most = most
        self._tracer = tracer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in QUIET:
            await self._app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        if int(headers.get(b"content-length", b"0") or 0) > self._most:
            await _refused(TooLarge(self._most))(scope, receive, send)
            return
        read = 0

        async def bounded() -> Message:
            nonlocal read
            message = await receive()
            read += len(message.get("body", b""))
            if read > self._most:
                raise TooLarge(self._most)
            return message

        tracer = self._tracer() or trace.NoOpTracer()
        given = headers.get(b"traceparent", b"").decode("latin-1") or None
        with telemetry.span(tracer, scope["method"], given) as span:
            await self._app(scope, bounded, send)
            if route := scope.get("route"):
                span.update_name(f"{scope['method']} {route.path}")  # not what a caller wrote in its place


def build(service: "Service") -> FastAPI:
    """The service's app: its own routes and everyone's."""
    app = FastAPI(title=f"millrace {service.name}", docs_url=None, redoc_url=None, openapi_url="/openapi.json")
    app.add_middleware(Limits, most=service.settings.http_max_body, tracer=lambda: service.db.tracer)
    for router in service.http:
        app.include_router(router)
    app.include_router(_operations(service))
    app.add_exception_handler(Unprocessable, _shown(422))
    app.add_exception_handler(NotFound, _shown(404))
    app.add_exception_handler(Conflict, _shown(409))
    app.add_exception_handler(NotSignedIn, _shown(401))
    app.add_exception_handler(Unavailable, _shown(503))
    app.add_exception_handler(Busy, _shown(429))
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _refusal)
    return app


def _body(code: str, message: str, **facts: Any) -> dict[str, Any]:
    return {"error": {"code": code, "message": message, **facts}}


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name).lstrip("_")


def _shown(status: int) -> Callable[[Request, Exception], Awaitable[Response]]:
    async def handler(request: Request, error: Exception) -> Response:
        facts = {name: value for name, value in vars(error).items() if isinstance(value, SIMPLE)}
        body = {"error": {**facts, "code": _snake(type(error).__name__), "message": str(error)}}
        headers = {"Retry-After": f"{getattr(error, 'retry_after', 1.0):g}"} if status in {429, 503} else None
        if status == 503:
            log.warning("refused", path=request.url.path, because=str(error))
        return JSONResponse(body, status, headers)

    return handler


async def _refusal(request: Request, error: Exception) -> Response:
    """What the framework refuses by itself: no such route, another method, a body that can't be read."""
    assert isinstance(error, HTTPException)
    return _refused(error)


def _refused(error: HTTPException) -> Response:
    phrase = HTTPStatus(error.status_code).phrase.lower().replace(" ", "_")
    code = _snake(type(error).__name__) if isinstance(error, TooLarge) else phrase
    return JSONResponse(_body(code, error.detail), error.status_code, error.headers)


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    problems = [_problem(one) for one in error.errors()]
    first = problems[0]
    return JSONResponse(_body("invalid", f"{first['field']}: {first['expected']}", problems=problems), 422)


def _problem(error: dict[str, Any]) -> dict[str, str]:
    if error["type"] == "json_invalid":
        at, because = error["loc"][-1], error["ctx"]["error"]
        return {"field": "body", "expected": f"JSON: {because} at character {at}"}
    return {"field": ".".join(map(str, error["loc"][1:])) or "body", "expected": expected(cast(ErrorDetails, error))}


def _operations(service: "Service") -> APIRouter:
    router = APIRouter()

    @router.get("/healthz")
    async def alive() -> Response:
        problems = service.ill()
        return JSONResponse({"service": service.name, "problems": problems}, 503 if problems else 200)

    @router.get("/readyz")
    async def ready() -> Response:
        missing = await service.missing()
        return JSONResponse({"service": service.name, "waiting_for": missing}, 503 if missing else 200)

    @router.get("/metrics")
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    @router.get("/v1/dead-letters")
    async def letters(handler: str | None = None, limit: int = 100) -> list[dead_letters.DeadLetter]:
        async with service.db.reading() as tx:
            return await dead_letters.newest(tx, handler=handler, limit=min(limit, 1000))

    @router.get("/v1/dead-letters/{letter}")
    async def letter(letter: int) -> dead_letters.DeadLetter:
        async with service.db.reading() as tx:
            return await dead_letters.show(tx, letter, dead_letters.Seal(service.settings.secret))

    @router.post("/v1/dead-letters/{letter}/replay")
    async def replay(letter: int, by: By) -> dict[str, int]:
        async with service.db.reading() as tx:
            found = await dead_letters.show(tx, letter, dead_letters.Seal(service.settings.secret))
        await service.intake(found.handler).replay(letter)
        noted("dead letter replayed", by, letter=letter, handler=found.handler)
        return {"replayed": letter}

    @router.get("/v1/jobs")
    async def jobs(state: str | None = None, limit: int = 100) -> list[dict[str, Any]]:
        async with service.db.reading() as tx:
            rows = await tx.fetch(
                """SELECT id, kind, key, workspace, state, attempts, run_at, claimed_at, finished_at, error FROM jobs
                   WHERE $1::text IS NULL OR state = $1 ORDER BY coalesce(claimed_at, run_at) DESC LIMIT $2""",
                state,
                min(limit, 1000),
            )
        return [dict(row) for row in rows]

    return router
