"""Which feedback becomes a document."""

from collections.abc import Collection, Sequence

from millrace.events import FeedbackRecorded

SAYS_WHAT_IS_TRUE = frozenset({"label", "outcome", "edit"})


def teaches(event: FeedbackRecorded, *, answers: bool) -> bool:
    """Whether it may become a document: what says the truth, and how an answer was rated where those are learned."""
    return event.kind in SAYS_WHAT_IS_TRUE or (answers and event.kind == "rating" and bool(event.predicted))


def first_of_each(
    events: Sequence[FeedbackRecorded], known: Collection[tuple[str, str]]
) -> tuple[list[FeedbackRecorded], set[tuple[str, str]]]:
    """Of events that teach those that become documents, and every (workspace, feedback id) known after them.

    Feedback is recorded once for each prediction it joins, but tells the truth of one input. What was superseded
    before it came says nothing any more.
    """
    seen = set(known)
    new = []
    for event in events:
        mine = (event.workspace, event.feedback_id)
        if mine in seen:
            continue
        new.append(event)
        seen.add(mine)
        if event.supersedes:
            seen.add((event.workspace, event.supersedes))
    return new, seen
