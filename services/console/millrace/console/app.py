"""The composition root."""

from millrace.chassis import Clock, Database, Service
from millrace.console.http import routes
from millrace.console.owners import Owners
from millrace.console.settings import Settings
from millrace.console.watch import Watch


def build_app(settings: Settings, *, clock: Clock) -> Service:
    owners = Owners(settings.services)
    watch = Watch(owners, clock, every=settings.every)
    return Service(
        settings=settings,
        clock=clock,
        db=Database(settings, clock),
        http=routes(watch),
        resources=[owners, watch],
    )
