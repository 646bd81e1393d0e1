"""The page over real HTTP, with owners that live, change, fall silent and die."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from console_served import Served
from harness import eventually
from owners_played import Town

HERE = "/w/parcel-support"


async def get(console: Served, path: str) -> httpx.Response:
    async with httpx.AsyncClient(base_url=console.url, timeout=10) as client:
        return await client.get(path)


@asynccontextmanager
async def pages(console: Served, path: str) -> AsyncIterator[AsyncIterator[str]]:
    """The page's bodies as they are sent."""
    async with (
        httpx.AsyncClient(base_url=console.url, timeout=10) as client,
        client.stream("GET", path) as response,
    ):
        assert response.headers["content-type"].startswith("text/event-stream")
        yield bodies(response)


async def bodies(response: httpx.Response) -> AsyncIterator[str]:
    gathered: list[str] = []
    async for line in response.aiter_lines():
        if line.startswith("data:"):
            gathered.append(line.removeprefix("data:"))
        elif not line and gathered:
            yield "\n".join(gathered)
            gathered = []


async def until(bodies: AsyncIterator[str], words: str) -> str:
    async with asyncio.timeout(10):
        async for body in bodies:
            if words in body:
                return body
    raise AssertionError(f"{words!r} was never shown")


async def test_home_leads_to_the_first_workspace(console: Served) -> None:
    response = await get(console, "/")
    assert (response.status_code, response.headers["location"]) == (307, HERE)


async def test_the_page_shows_flow_story_quality_and_versions(console: Served) -> None:
    response = await get(console, HERE)
    assert response.status_code == 200
    for words in ("The world changed", "v2 in canary", "labelled", "by the last 100 labels", "linear-probe", "drift"):
        assert words in response.text, words


async def test_nothing_of_the_page_comes_from_outside(console: Served) -> None:
    response = await get(console, HERE)
    assert "default-src 'self'" in response.headers["content-security-policy"]
    assert "://" not in response.text.replace("http://www.w3.org/2000/svg", "")
    for name in ("console.css", "live.js", "icon.svg"):
        assert (await get(console, f"/static/{name}")).status_code == 200
    assert (await get(console, "/static/settings.py")).status_code == 404


async def test_an_unknown_workspace_is_not_found_and_the_nearest_is_named(console: Served) -> None:
    response = await get(console, "/w/parcel-suport")
    assert response.status_code == 404
    assert "Did you mean parcel-support?" in response.text


async def test_a_workspaces_name_is_data_and_never_markup_or_a_path(console: Served, town: Town) -> None:
    response = await get(console, "/w/%3Cscript%3Ealert(1)%3C%2Fscript%3E")
    assert response.status_code == 404
    response = await get(console, "/w/%3Cscript%3Ealert(1)?cycle=%22%3E%3Cscript%3E")
    assert response.status_code == 404
    assert "<script>alert" not in response.text
    assert not any("<" in target for target in town["registry"].asked)


async def test_without_a_workspace_the_page_says_how_to_make_one(console: Served, town: Town) -> None:
    town["registry"].answers = {"/v1/workspaces": [], "/metrics": ""}
    response = await get(console, "/")
    assert response.status_code == 200
    assert "millrace apply" in response.text


async def test_events_follow_what_the_owners_say(console: Served, town: Town) -> None:
    async with pages(console, f"{HERE}/live") as bodies:
        first = await until(bodies, "v2 in canary")
        assert "Promoted" not in first
        town.turn_to("end")
        await until(bodies, "v2 live")


async def test_an_owners_death_is_shown_and_ends_no_stream(console: Served, town: Town) -> None:
    async with pages(console, f"{HERE}/live") as bodies:
        await until(bodies, "v2 in canary")
        town["evaluation"].die()
        without = await until(bodies, "evaluation does not answer")
        assert "v2 in canary" in without, "what it said last stays"
        town["evaluation"].start()
        async with asyncio.timeout(10):
            async for body in bodies:
                if "does not answer" not in body:
                    break


async def test_with_registry_gone_a_known_workspace_is_still_shown_and_an_unknown_one_is_not_denied(
    console: Served, town: Town
) -> None:
    assert (await get(console, HERE)).status_code == 200
    town["registry"].die()
    response = await get(console, HERE)
    assert response.status_code == 200
    assert "v2 in canary" in response.text
    assert "registry does not answer" in response.text
    assert (await get(console, "/w/other")).status_code == 200
    assert "registry does not answer" in (await get(console, "/")).text


async def test_an_owner_that_answers_nonsense_is_shown_as_silent(console: Served, town: Town) -> None:
    town["feedback"].answers["/v1/quality"] = 500
    response = await get(console, HERE)
    assert "feedback does not answer" in response.text


async def test_owners_are_left_alone_while_nobody_watches(console: Served, town: Town) -> None:
    async with pages(console, f"{HERE}/live") as bodies:
        await until(bodies, "v2 in canary")

    async def quiet() -> bool:
        before = len(town["training"].asked)
        await asyncio.sleep(0.6)
        return len(town["training"].asked) == before

    await eventually(quiet, within=10)


async def test_two_who_watch_the_same_cost_the_owners_one_look(console: Served, town: Town) -> None:
    async with pages(console, f"{HERE}/live") as one, pages(console, f"{HERE}/live") as other:
        await until(one, "v2 in canary")
        await until(other, "v2 in canary")
        before = len(town["training"].asked)
        for _ in range(3):
            await anext(one)
            await anext(other)
        looks = len([target for target in town["training"].asked[before:] if target.startswith("/v1/cycles")])
        assert looks <= 5
