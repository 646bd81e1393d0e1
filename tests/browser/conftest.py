import shutil
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, async_playwright

from millrace.stack import Endpoints

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "integration" / "console"))

from console_served import Served, served
from owners_played import Town
from tabs import Watched

FLAGS = (
    "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --disable-component-update"
    " --disable-sync"
)


@pytest.fixture(scope="session")
def chromium() -> str:
    found = shutil.which("chromium") or shutil.which("chromium-browser")
    if found is None:
        pytest.skip("chromium is missing: `apt-get install chromium`")
    return found


@pytest.fixture
async def context(chromium: str, tmp_path: Path) -> AsyncIterator[BrowserContext]:
    async with async_playwright() as playwright:
        context = await playwright.chromium.launch_persistent_context(
            tmp_path, executable_path=chromium, args=FLAGS.split(), viewport={"width": 1440, "height": 1000}
        )
        yield context
        await context.close()


@pytest.fixture
async def tab(context: BrowserContext) -> Watched:
    return Watched(context.pages[0])


@pytest.fixture
def town() -> Iterator[Town]:
    with Town("canary") as town:
        yield town


@pytest.fixture
async def console(stack: Endpoints, town: Town) -> AsyncIterator[Served]:
    async with served(stack, town.services) as page:
        yield page
