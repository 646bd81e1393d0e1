"""What workspaces declare, as training keeps it."""

from dataclasses import dataclass

from pydantic import ValidationError

from millrace.chassis import Malformed, Settings, Table
from millrace.events import WorkspaceConfigured
from millrace.training.domain import PERIODS, Limit, Policy
from millrace.workspace import Workspace


@dataclass(frozen=True, slots=True)
class Declared:
    """A declaration under its revision."""

    revision: int
    spec: Workspace

    @property
    def daily(self) -> Limit:
        daily = self.spec.train.daily
        return Limit("train.daily", daily.time.total_seconds() if daily.time else None, daily.cost)

    @property
    def policy(self) -> Policy:
        """Labels that come later than `feedback.wait` are not waited for, so a cycle's wait for rows ends there too."""
        train = self.spec.train
        return Policy(
            revision=self.revision,
            min_labels=train.min_labels,
            wait=self.spec.feedback.wait,
            drift=train.on.drift,
            growth=train.on.new_documents is not None,
            every=PERIODS[train.on.schedule] if train.on.schedule else None,
            untrained=None if self.spec.meaning.modelled else self.spec.task,
        )


def declarations(settings: Settings) -> Table[Declared]:
    def view(event: WorkspaceConfigured) -> Declared:
        try:
            return Declared(event.revision, Workspace.read(event.spec))
        except ValidationError as error:
            raise Malformed("spec", f"a workspace that this release reads ({error.error_count()} problems)") from error

    return Table(WorkspaceConfigured, settings, view=view)
