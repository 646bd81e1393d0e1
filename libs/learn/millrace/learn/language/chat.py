"""How a language model is spoken to: by its own chat template, in which a person's words are never a mark of it."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from transformers import AutoTokenizer

from millrace.learn.errors import BaseRefused, WrongRequest
from millrace.workspace import Prompt

SLOT = "\ue000{}\ue001"
"""Stands for a text while the template is written out: no text of ours has these characters of private use."""
ASKED, ANSWER = SLOT.format("asked"), SLOT.format("answer")


@dataclass(frozen=True, slots=True)
class Said:
    """Tokens of what was said to a model and of an answer, with its end; whether either was cut."""

    asked: list[int]
    answer: list[int]
    cut: bool


class Chat:
    """Raises BaseRefused where a folder has no template."""

    def __init__(self, folder: Path) -> None:
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
        self._template: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
        if not self._template.chat_template:
            raise BaseRefused(folder.name, "it has no chat template: nothing says how it is spoken to")
        self._tokens = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokens.no_padding()
        self._tokens.no_truncation()
        self.ends = _ends(folder, self._template.eos_token_id)

    def speaks(self, prompt: Prompt, max_length: int) -> Speech:
        """What is said around each text. Raises WrongRequest where that leaves no room for one."""
        said = [{"role": "system", "content": prompt.system}] if prompt.system else []
        for turn in prompt.examples:
            said += [{"role": "user", "content": turn.text}, {"role": "assistant", "content": turn.answer}]
        slots = [SLOT.format(number) for number in range(len(said))]
        hidden = [one | {"content": slot} for one, slot in zip(said, slots, strict=True)]
        asked = self._rendered([*hidden, {"role": "user", "content": ASKED}], True)
        before, after = _split(asked, ASKED)
        ids = []
        for one, slot in zip(said, slots, strict=True):
            literal, before = _split(before, slot)
            ids += self.literal(literal) + self.words(str(one["content"]))
        whole = [{"role": "user", "content": ASKED}, {"role": "assistant", "content": ANSWER}]
        speech = Speech(self, ids + self.literal(before), self.literal(after), self._end(whole), max_length)
        if speech.room < 8:
            reason = f"what is said around a text takes {max_length - speech.room} of max_length {max_length} tokens"
            raise WrongRequest(f"prompt: {reason}")
        return speech

    def _rendered(self, said: list[dict[str, Any]], asks: bool) -> str:
        try:
            return str(self._template.apply_chat_template(said, add_generation_prompt=asks, tokenize=False))
        except Exception as error:  # a template raises whatever its author wrote
            raise WrongRequest(f"prompt: the base's chat template refuses it: {error}") from None

    def _end(self, said: list[dict[str, Any]]) -> list[int]:
        """The tokens that end an answer, up to the first at which generation stops."""
        _, after = _split(self._rendered(said, False), ANSWER)
        ids = self.literal(after)
        stops = [at for at, token in enumerate(ids) if token in self.ends]
        return ids[: stops[0] + 1] if stops else [min(self.ends)]

    def literal(self, text: str) -> list[int]:
        """Of the template, whose marks are marks."""
        self._tokens.encode_special_tokens = False
        return list(self._tokens.encode(text, add_special_tokens=False).ids)

    def words(self, text: str) -> list[int]:
        """Of a person or a team: a mark that they write is letters."""
        self._tokens.encode_special_tokens = True
        return list(self._tokens.encode(text, add_special_tokens=False).ids)

    def text(self, ids: list[int]) -> str:
        return str(self._tokens.decode(ids, skip_special_tokens=True)).strip()


@dataclass(frozen=True)
class Speech:
    """What is said before and after each text, and what ends an answer, of so many tokens at most in all."""

    chat: Chat
    before: list[int]
    after: list[int]
    end: list[int]
    max_length: int

    @property
    def room(self) -> int:
        """Tokens that are left for a text and its answer."""
        return self.max_length - len(self.before) - len(self.after) - len(self.end)

    def asked(self, text: str, leave: int) -> tuple[list[int], bool]:
        """The tokens of a text with what is around it, cut so that `leave` are left for an answer; and whether so."""
        words, most = self.chat.words(text), max(1, self.room - leave)
        return [*self.before, *words[:most], *self.after], len(words) > most

    def said(self, text: str, answer: str) -> Said:
        """An answer that is too long has no end, and at least half of the room; a text the rest."""
        words = self.chat.words(answer.strip())
        text_words = len(self.chat.words(text))
        most = max(self.room // 2, self.room - text_words)
        asked, cut = self.asked(text, min(len(words), most))
        if len(words) > most:
            return Said(asked, words[:most], True)
        return Said(asked, [*words, *self.end], cut)


def _split(text: str, slot: str) -> tuple[str, str]:
    parts = text.split(slot)
    if len(parts) != 2:
        raise WrongRequest("prompt: the base's chat template does not say each message once, as it is")
    return parts[0], parts[1]


def _ends(folder: Path, token: int | None) -> frozenset[int]:
    """Where generation stops, as the base declares."""
    path = folder / "generation_config.json"
    declared = json.loads(path.read_bytes()).get("eos_token_id") if path.is_file() else None
    found = {token, *(declared if isinstance(declared, list) else [declared])} - {None}
    if not found:
        raise BaseRefused(folder.name, "it declares no token that ends an answer")
    return frozenset(int(one) for one in found if one is not None)
