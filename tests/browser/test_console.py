"""The console's page as people see it, in a real browser."""

from urllib.parse import urlsplit

import pytest
from console_served import Served
from owners_played import Town
from playwright.async_api import expect
from tabs import Watched

WAIT_MS = 15_000


async def opened(tab: Watched, console: Served, path: str = "/") -> None:
    await tab.page.goto(f"{console.url}{path}")
    await expect(tab.page.get_by_role("heading", name="the flow")).to_be_visible()


async def test_the_page_shows_the_flow_and_the_story_without_a_word_of_complaint(tab: Watched, console: Served) -> None:
    await opened(tab, console)
    flow = tab.page.locator("svg.flow:visible")
    await expect(flow).to_have_count(1)
    for service in ("ingestion", "dedup", "datasets", "training", "registry", "evaluation", "serving", "drift"):
        await expect(flow.locator(".name", has_text=service)).to_be_visible()
    await expect(tab.page.locator(".story .now h3")).to_contain_text("v2 in canary")
    await expect(tab.page.locator(".chart .mark.change").first).to_be_visible()
    assert tab.complaints == []


async def test_no_request_leaves_the_machine(tab: Watched, console: Served) -> None:
    await opened(tab, console)
    await tab.page.wait_for_timeout(700)
    hosts = {urlsplit(url).hostname for url in tab.requests}
    assert hosts == {"127.0.0.1"}
    assert len(tab.requests) >= 4


async def test_the_page_changes_with_the_owners_and_what_did_not_change_stays(
    tab: Watched, console: Served, town: Town
) -> None:
    await opened(tab, console)
    await tab.page.evaluate("document.querySelector('svg.flow').kept = true")
    town.turn_to("end")
    await expect(tab.page.locator("#h-story")).to_contain_text("the last cycle", timeout=WAIT_MS)
    await expect(tab.page.locator(".versions tbody tr")).to_have_count(3)
    assert await tab.page.evaluate("document.querySelector('svg.flow').kept"), "merged, not replaced"
    assert tab.complaints == []


async def test_a_dead_owner_is_shown_as_down_and_comes_back(tab: Watched, console: Served, town: Town) -> None:
    await opened(tab, console)
    town["drift"].die()
    down = tab.page.locator("svg.flow.wide .node.down")
    await expect(down).to_have_count(1, timeout=WAIT_MS)
    await expect(down).to_contain_text("drift")
    await expect(tab.page.locator(".notice.bad")).to_contain_text("drift does not answer")
    town["drift"].start()
    await expect(down).to_have_count(0, timeout=WAIT_MS)


async def test_the_page_finds_the_console_again_after_a_restart(tab: Watched, console: Served, town: Town) -> None:
    await opened(tab, console)
    await console.stop()
    await expect(tab.page.get_by_role("status")).to_have_text("reconnecting", timeout=WAIT_MS, use_inner_text=True)
    town.turn_to("end")
    await console.start()
    await expect(tab.page.locator("#h-story")).to_contain_text("the last cycle", timeout=WAIT_MS)
    await expect(tab.page.get_by_role("status")).to_have_text("live", use_inner_text=True)


async def test_a_cycle_of_the_past_can_be_read_again(tab: Watched, console: Served) -> None:
    await opened(tab, console)
    await tab.page.locator(".cycles a").last.click()
    await expect(tab.page.locator(".story li").last).to_contain_text("Promoted")
    await tab.page.get_by_role("link", name="the newest instead").click()
    await expect(tab.page.locator(".story .now h3")).to_contain_text("v2 in canary")


@pytest.mark.parametrize("width", [360, 820, 1440])
@pytest.mark.parametrize("recording", ["canary", "end"])
async def test_nothing_is_wider_than_the_screen(
    tab: Watched, console: Served, town: Town, width: int, recording: str
) -> None:
    town.turn_to(recording)
    for row in town["registry"].answers["/v1/workspaces/parcel-support/ledger"]:
        row["reason"] += " unbreakable" * 3 + "-and-very" * 40
    await tab.page.set_viewport_size({"width": width, "height": 900})
    await opened(tab, console)
    wide = await tab.page.evaluate("document.documentElement.scrollWidth")
    assert wide <= width
    cut = await tab.page.evaluate(
        """[...document.querySelectorAll("section")].filter(e => e.scrollWidth > e.clientWidth + 1)
           .map(e => e.innerText.slice(0, 40))"""
    )
    assert cut == []


async def test_nothing_moves_for_who_asked_for_stillness(tab: Watched, console: Served) -> None:
    await tab.page.emulate_media(reduced_motion="reduce")
    await opened(tab, console)
    await tab.page.wait_for_timeout(700)
    assert await tab.page.evaluate("document.getAnimations().length") == 0


async def test_readers_hear_what_pictures_show(tab: Watched, console: Served) -> None:
    await opened(tab, console)
    nameless = await tab.page.evaluate(
        """[...document.querySelectorAll("section, svg[role=img], progress, nav")]
           .filter(e => !e.ariaLabel && !e.getAttribute("aria-labelledby")).map(e => e.outerHTML.slice(0, 80))"""
    )
    assert nameless == []
    chart = tab.page.locator("svg.chart").first
    assert "v1 from 0." in (await chart.get_attribute("aria-label") or "")


@pytest.mark.parametrize("scheme", ["dark", "light"])
async def test_text_can_be_read_in_both_themes(tab: Watched, console: Served, scheme: str) -> None:
    """The contrast that WCAG 2.2 asks of text: 4.5 to 1."""
    await tab.page.emulate_media(color_scheme=scheme)
    await opened(tab, console)
    on_cards = [(name, "--card") for name in ("--ink", "--dim", "--blue", "--green", "--red", "--amber")]
    on_tags = [(f"--{name}", f"--{name}-soft") for name in ("blue", "green", "red")]
    for text, ground in [*on_cards, *on_tags, ("--dim", "--grey-soft"), ("--dim", "--raised")]:
        assert await tab.page.evaluate(CONTRAST, [text, ground]) >= 4.5, (text, ground)


CONTRAST = """pair => {
  const light = colour => {
    const parts = colour.trim().match(/[0-9a-f]{2}/gi).map(part => parseInt(part, 16) / 255)
      .map(value => value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4);
    return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2];
  };
  const style = getComputedStyle(document.documentElement);
  const [one, other] = pair.map(each => light(style.getPropertyValue(each))).sort((a, b) => b - a);
  return (one + 0.05) / (other + 0.05);
}"""
