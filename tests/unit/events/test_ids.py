"""Ids that are derived, so that a replay makes them again."""

from uuid import uuid4, uuid5

from millrace.events.envelope import derived


def test_a_derived_id_is_uuid5() -> None:
    for cause in (uuid4() for _ in range(500)):
        for name in ("document.kept.v1|parcels|0", "", "Zürich"):
            assert derived(cause, name) == uuid5(cause, name)
