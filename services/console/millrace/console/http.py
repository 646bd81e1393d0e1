"""One live page: HTML at first, then the same HTML anew as server-sent events."""

from collections.abc import AsyncIterator
from pathlib import Path

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from sse_starlette import EventSourceResponse, ServerSentEvent

from millrace.console import charts, flow
from millrace.console.domain import Page
from millrace.console.watch import Watch

STATIC = Path(__file__).parent / "static"
KINDS = {"console.css": "text/css", "live.js": "text/javascript"}


def environment() -> Environment:
    made = Environment(
        loader=PackageLoader("millrace.console"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["chart"] = lambda *args, **kwargs: Markup(charts.lines(*args, **kwargs))
    made.globals["picture"] = lambda *args: Markup(flow.picture(*args))
    return made


def routes(watch: Watch) -> APIRouter:
    router = APIRouter()
    templates = environment()

    @router.get("/")
    async def home() -> Response:
        names = await watch.workspaces()
        if not names:
            return HTMLResponse(templates.get_template("empty.html").render())
        return RedirectResponse(f"/w/{names[0]}")

    @router.get("/w/{workspace}")
    async def whole(workspace: str) -> HTMLResponse:
        page = await watch.look(workspace)
        body = templates.get_template("page.html").render(page=page)
        return HTMLResponse(body, 200 if page.known else 404)

    @router.get("/w/{workspace}/live")
    async def live(workspace: str, request: Request) -> EventSourceResponse:
        async def events() -> AsyncIterator[ServerSentEvent]:
            async for page in watch.follow(workspace):
                yield ServerSentEvent(data=part(page), event="page")

        return EventSourceResponse(events())

    @router.get("/static/{name}")
    async def static(name: str) -> Response:
        if name not in KINDS:
            return PlainTextResponse("not found", 404)
        return Response(STATIC.joinpath(name).read_bytes(), media_type=KINDS[name])

    def part(page: Page) -> str:
        return templates.get_template("body.html").render(page=page)

    return router
