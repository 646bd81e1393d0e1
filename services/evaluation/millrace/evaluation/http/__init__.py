"""What people, the console and teams ask: judgements, and the suites that teams bring."""

from fastapi import APIRouter

from millrace.chassis import Blobs, Clock, Database
from millrace.chassis.people import People
from millrace.evaluation.http import judgements, suites
from millrace.evaluation.settings import Settings


def routes(db: Database, blobs: Blobs, *, clock: Clock, settings: Settings) -> list[APIRouter]:
    people, secret = People(settings.person_header), settings.secret.get_secret_value()
    return [judgements.router(db, blobs), suites.router(db, clock, people, secret)]
