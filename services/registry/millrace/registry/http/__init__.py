"""What people and the command line ask of registry."""

from fastapi import APIRouter

from millrace.chassis import Blobs, Clock, Database
from millrace.chassis.people import People
from millrace.chassis.signatures import Signer
from millrace.registry.http import cards, commands, lineage, looking, workspaces


def routes(db: Database, *, blobs: Blobs, clock: Clock, signer: Signer, person_header: str) -> list[APIRouter]:
    people = People(person_header)
    return [
        workspaces.router(db, blobs, clock, people),
        looking.router(db),
        lineage.router(db, blobs),
        cards.router(db, blobs, signer),
        commands.router(db, clock, people, signer),
    ]
