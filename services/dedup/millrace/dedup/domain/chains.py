"""Who stands for a document when those in between are gone."""

from collections.abc import Mapping


def resolved(repeated: str, gone: Mapping[str, str | None]) -> tuple[str, str | None]:
    """The last that is gone of those that a document repeats, one by one, and what stands for it now.

    `gone` says what each that is gone repeated itself, None for one that stood.
    """
    last, seen = repeated, {repeated}
    while (further := gone.get(last)) is not None and further in gone and further not in seen:
        last = further
        seen.add(last)
    further = gone.get(last)
    return last, None if further in seen else further
