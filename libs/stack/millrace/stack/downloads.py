"""The one part that is not a wheel: Kafka's jars, fetched once into the cache folder."""

import fcntl
import os
import shutil
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from .errors import DownloadFailed

VERSION = "4.3.1"
KAFKA = f"org.apache.kafka:kafka_2.13:{VERSION}"
LOGGING = "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4"  # Kafka's release adds it, its Maven artifact doesn't


def cache_folder() -> Path:
    """Return where downloads are kept: $XDG_CACHE_HOME/millrace, or ~/.cache/millrace."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "millrace"


def kafka_class_path(cache: Path) -> list[Path]:
    """Return Kafka's jars, fetched first if the cache lacks any, with progress on the terminal.

    $MILLRACE_MAVEN_URL names a mirror. Raises DownloadFailed when the repository can't be reached or
    what came is damaged or of mixed versions.
    """
    listing = cache / "kafka" / f"{VERSION}.classpath"
    known = _listed(listing)
    if known:
        return known
    listing.parent.mkdir(parents=True, exist_ok=True)
    with listing.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        return _listed(listing) or _fetch(cache, listing)


def check(jars: Iterable[Path]) -> None:
    """Refuse a class path that is half or mixed. Raises DownloadFailed."""
    kafka = [jar.name for jar in jars if jar.name.startswith("kafka")]
    strangers = [name for name in kafka if not name.endswith(f"-{VERSION}.jar")]
    if strangers or not any(name.startswith("kafka-clients") for name in kafka):
        raise DownloadFailed(KAFKA, f"mixed versions: {strangers or kafka}")
    damaged = [jar.name for jar in jars if not zipfile.is_zipfile(jar)]
    if damaged:
        raise DownloadFailed(KAFKA, f"damaged: {', '.join(damaged)}")


def _listed(listing: Path) -> list[Path] | None:
    if not listing.exists():
        return None
    jars = [listing.parent.parent / line for line in listing.read_text().splitlines()]
    return jars if jars and all(jar.exists() for jar in jars) else None


def _fetch(cache: Path, listing: Path) -> list[Path]:
    under_way = listing.with_suffix(".fetching")
    if under_way.exists():  # a fetch was killed and may have left half a file behind
        shutil.rmtree(cache / "maven", ignore_errors=True)
        shutil.rmtree(cache / "jgo", ignore_errors=True)
    under_way.touch()
    jars = _resolve(cache)
    check(jars)
    fresh = listing.with_suffix(".new")
    fresh.write_text("\n".join(str(jar.relative_to(cache)) for jar in jars))
    fresh.replace(listing)
    under_way.unlink()
    return jars


def _resolve(cache: Path) -> list[Path]:
    from jgo.env import EnvironmentBuilder, LinkStrategy
    from jgo.maven import MavenContext, PythonResolver

    mirror = os.environ.get("MILLRACE_MAVEN_URL")
    with _progress() as each_file:
        context = MavenContext(
            resolver=PythonResolver(progress_callback=each_file),
            repo_cache=cache / "maven",
            remote_repos={"mirror": mirror} if mirror else None,
            timeout=30,
        )
        builder = EnvironmentBuilder(context=context, cache_dir=cache / "jgo", link_strategy=LinkStrategy.AUTO)
        try:
            # apart: resolved together, log4j's dependency management would choose an older kafka-clients
            jars = [Path(jar) for artifact in (LOGGING, KAFKA) for jar in builder.from_endpoint(artifact).all_jars]
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
