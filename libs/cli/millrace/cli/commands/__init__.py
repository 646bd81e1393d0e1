"""One file per group of commands, found by name: each has `commands = typer.Typer()`."""
