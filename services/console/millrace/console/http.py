"""One live page: HTML at first, then the same HTML anew as server-sent events."""

from collections.abc import AsyncIterator
from difflib import get_close_matches
from pathlib import Path

from fastapi import APIRouter
from fastapi.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from sse_starlette import EventSourceResponse, ServerSentEvent

from millrace.console import charts, flow
from millrace.console.domain import words
from millrace.console.owners import OwnerSilent
from millrace.console.watch import Watch

STATIC = Path(__file__).parent / "static"
KINDS = {"console.css": "text/css", "live.js": "text/javascript", "icon.svg": "image/svg+xml"}
HEADERS = {"Cache-Control": "no-cache", "Content-Security-Policy": "default-src 'self'; frame-ancestors 'none'"}
"""Nothing from outside, by the browser's own word."""
RETRY_MS = 1000


def environment() -> Environment:
    made = Environment(
        loader=PackageLoader("millrace.console"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals["chart"] = lambda *args, **kwargs: Markup(charts.lines(*args, **kwargs))
    made.globals["span"] = charts.span
    made.globals["picture"] = lambda *args, **kwargs: Markup(flow.picture(*args, **kwargs))
    made.filters |= {"clock": words.clock, "lasting": words.lasting, "figure": words.figure, "percent": words.percent}
    return made


def routes(watch: Watch) -> APIRouter:
    router = APIRouter()
    templates = environment()

    def html(name: str, status: int = 200, **told: object) -> HTMLResponse:
        return HTMLResponse(templates.get_template(name).render(**told), status, HEADERS)

    @router.get("/")
    async def home() -> Response:
        try:
            names = await watch.workspaces()
        except OwnerSilent as silent:
            return html("empty.html", title="registry does not answer", words=str(silent), names=[])
        if not names:
            return html("empty.html", title="no workspace yet", words="", names=[])
        return RedirectResponse(f"/w/{names[0]}")

    @router.get("/w/{workspace}")
    async def whole(workspace: str, cycle: str | None = None) -> Response:
        page = await watch.look(workspace, cycle)
        if page.known is False:
            near = get_close_matches(workspace, page.workspaces, n=1)
            hint = f"Did you mean {near[0]}?" if near else ""
            return html("empty.html", 404, title=f"no workspace {workspace!r}", words=hint, names=page.workspaces)
        return html("page.html", page=page, chosen=cycle)

    @router.get("/w/{workspace}/live")
    async def live(workspace: str, cycle: str | None = None) -> EventSourceResponse:
        async def events() -> AsyncIterator[ServerSentEvent]:
            async for page in watch.follow(workspace, cycle):
                body = templates.get_template("body.html").render(page=page, chosen=cycle)
                yield ServerSentEvent(data=body, event="page", retry=RETRY_MS)

        return EventSourceResponse(events())

    @router.get("/static/{name}")
    async def static(name: str) -> Response:
        if name not in KINDS:
            return PlainTextResponse("not found", 404)
        return Response(STATIC.joinpath(name).read_bytes(), media_type=KINDS[name], headers=HEADERS)

    return router
