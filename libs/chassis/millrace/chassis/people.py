"""Who asks: the person that a proxy has signed in, or who the caller says it is where none stands in front."""

from fastapi import Request

from millrace.chassis.errors import NotSignedIn


class People:
    """`header` is where a proxy that signs people in names them; with one, what callers call themselves is ignored."""

    def __init__(self, header: str) -> None:
        self._header = header

    def who(self, request: Request, said: str) -> str:
        """Raises NotSignedIn."""
        if not self._header:
            return said
        named = request.headers.get(self._header, "").strip()
        if not named:
            raise NotSignedIn(self._header)
        return named[:200]
