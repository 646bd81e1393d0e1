"""What versions are called: `parcels@3`, or by their digest."""


def named(name: str) -> tuple[str, int | None]:
    """(workspace, number) of `workspace@number`; the number is None for anything else."""
    workspace, at, number = name.rpartition("@")
    if at and workspace and number.isdecimal() and len(number) < 10:
        return workspace, int(number)
    return name, None
