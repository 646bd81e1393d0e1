"""millrace keys new, show, rotate, sign, distrust"""

import hashlib
from base64 import b64decode
from typing import Any

import typer

from millrace.cli import Data, Json, Target, show, table
from millrace.cli.decisions import decide, moved
from millrace.cli.options import By
from millrace.stack import find
from millrace.stack.keys import Keys, Signing, new_signing

commands = typer.Typer(name="keys", help="What versions are signed with.", no_args_is_help=True)

RESTART = "it counts from the next `millrace up`"


@commands.command()
def new(as_json: Json = False) -> None:
    """Make a key pair for compose or Kubernetes; nothing is kept."""
    made = new_signing()
    told = {"signing_key": made.key, "trusted_keys": made.trusted}
    show(
        told,
        as_json,
        lambda: table(("", ""), [("signing key, for registry alone", made.key), ("public", made.trusted)]),
    )


@commands.command("show")
def each(data: Data, as_json: Json = False) -> None:
    """Show the public keys that count here; the first is the one that signs."""
    _told(Keys(data).signing, as_json)


@commands.command()
def rotate(data: Data, as_json: Json = False) -> None:
    """Sign with a new key from the next start; what is signed already still counts."""
    _told(Keys(data).rotate(), as_json, _hint(data))


@commands.command()
def sign(workspace: str, version: str, data: Data, by: By = "", as_json: Json = False) -> None:
    """Sign a version with the key that signs now; production is routed anew with it."""
    with Target(data).http("registry") as registry:
        told = decide(registry, workspace, f"versions/{version}/sign", by)
    show(told, as_json, lambda: f"{version} is signed; {moved(told)}")


@commands.command()
def distrust(data: Data, as_json: Json = False) -> None:
    """Let only the present key count from the next start: sign what is in use anew before."""
    _told(Keys(data).distrust(), as_json, _hint(data))


def _hint(data: Any) -> str:
    return f"\n{RESTART}, which a running stack needs" if find(data) else f"\n{RESTART}"


def _told(signing: Signing, as_json: bool, hint: str = "") -> None:
    keys = [
        {"key": _name(public), "public": public, "signs": not at}
        for at, public in enumerate(signing.trusted.split(","))
    ]

    def render() -> str:
        lines = [f"{one['key']}  {one['public']}{'  signs' if one['signs'] else ''}" for one in keys]
        return "\n".join(lines) + hint

    show(keys, as_json, render)


def _name(public: str) -> str:
    return hashlib.sha256(b64decode(public)).hexdigest()[:16]
