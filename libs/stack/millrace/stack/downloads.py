"""The one part that is not a wheel: Kafka's jars, fetched once into the cache folder."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .errors import DownloadFailed

KAFKA = "org.apache.kafka:kafka_2.13:4.3.1"
LOGGING = "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4"  # Kafka's release adds it, its Maven artifact doesn't
MAVEN_CENTRAL = "https://repo.maven.apache.org/maven2"


def cache_folder() -> Path:
    """Return where downloads are kept: $XDG_CACHE_HOME/millrace, or ~/.cache/millrace."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "millrace"


def kafka_class_path(cache: Path) -> list[Path]:
    """Return Kafka's jars, fetched first if the cache lacks any, with progress on the terminal.

    Raises DownloadFailed when the repository can't be reached or an artifact is damaged.
    """
    listing = cache / "kafka" / f"{KAFKA.rsplit(':', 1)[1]}-{LOGGING.rsplit(':', 1)[1]}.classpath"
    known = _listed(listing)
    if known:
        return known
    import fasteners

    listing.parent.mkdir(parents=True, exist_ok=True)
    with fasteners.InterProcessLock(listing.with_suffix(".lock")):
        jars = _listed(listing) or _resolve(cache)
        fresh = listing.with_suffix(".new")
        fresh.write_text("\n".join(str(jar.relative_to(cache)) for jar in jars))
        fresh.replace(listing)
    return jars


def _listed(listing: Path) -> list[Path] | None:
    if not listing.exists():
        return None
    jars = [listing.parent.parent / line for line in listing.read_text().splitlines()]
    return jars if jars and all(jar.exists() for jar in jars) else None


def _resolve(cache: Path) -> list[Path]:
    from jgo.env import EnvironmentBuilder, LinkStrategy
    from jgo.maven import MavenContext, PythonResolver

    with _progress() as each_file:
        context = MavenContext(
            resolver=PythonResolver(progress_callback=each_file),
            repo_cache=cache / "maven",
            remote_repos={"central": os.environ.get("MILLRACE_MAVEN_URL", MAVEN_CENTRAL)},
            timeout=30,
        )
        builder = EnvironmentBuilder(context=context, cache_dir=cache / "jgo", link_strategy=LinkStrategy.AUTO)
        try:
            # apart: resolved together, log4j's dependency management would choose an older kafka-clients
            jars = [Path(jar) for artifact in (KAFKA, LOGGING) for jar in builder.from_endpoint(artifact).all_jars]
        except Exception as error:
            raise DownloadFailed(KAFKA, str(error)) from error
    return list({jar.name: jar for jar in jars}.values())


@contextmanager
def _progress() -> Iterator[Callable[[str, int], Any]]:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    columns = (TextColumn("[bold]Apache Kafka[/] {task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        overall = progress.add_task("finding its parts (once, 43 MB)", total=None)

        @contextmanager
        def each_file(filename: str, size: int) -> Iterator[Callable[[int], None]]:
            progress.update(overall, description=filename)
            progress.update(overall, total=(progress.tasks[0].total or 0) + size)
            yield lambda received: progress.update(overall, advance=received)

        yield each_file
