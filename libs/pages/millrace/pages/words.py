"""How figures stand in a sentence, on pages and in commands alike."""


def counted(number: float, what: str, several: str = "") -> str:
    """How many of something: `1 row`, `1,200 rows`; `several` where it is not `what` with an s."""
    return f"{number:,.0f} {what if number == 1 else several or what + 's'}"
