"""The story of one turn of the loop, told live and checked."""

from millrace.demo.material import Unplayable
from millrace.demo.place import Place
from millrace.demo.playing import play

__all__ = ["Place", "Unplayable", "play"]
