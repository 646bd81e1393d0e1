"""What people and the command line ask of training: cycles and runs, and models that were made elsewhere."""

from fastapi import APIRouter

from millrace.chassis import Blobs, Clock, Database, Table
from millrace.chassis.people import People
from millrace.training.declared import Declared
from millrace.training.http import asking, importing
from millrace.training.settings import Settings


def routes(db: Database, blobs: Blobs, *, specs: Table[Declared], clock: Clock, settings: Settings) -> list[APIRouter]:
    people = People(settings.person_header)
    return [
        asking.router(db, specs=specs, clock=clock, people=people),
        importing.router(db, blobs, specs=specs, clock=clock, people=people, most_mb=settings.import_mb),
    ]
