import io
import json
import shlex
from datetime import UTC, datetime, timedelta

from rich.console import Console

from millrace.demo.expectations import Check
from millrace.demo.facts import Call, Facts
from millrace.demo.pulse import Pulse, sparkline
from millrace.demo.sentences import sentence
from millrace.demo.summary import summary
from millrace.demo.telling import Telling, conclude
from millrace.events import ModelStaged

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def paper() -> Console:
    return Console(file=io.StringIO(), width=140)


def written(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_ledger_is_told_once_in_order(facts: Facts) -> None:
    console = paper()
    telling = Telling(console, facts)
    telling.catch_up()
    telling.catch_up()
    lines = written(console)
    places = [
        lines.index(words) for words in ("w-1 is registered", "drift: confidence", "canary at 20%", "rolled-back")
    ]
    assert places == sorted(places)
    assert lines.count("drift: confidence of w-1 went from 0.83 to 0.66") == 1


def test_promises_are_ticked_with_what_was_seen() -> None:
    console = paper()
    telling = Telling(console, Facts())
    telling.checked([Check("12 found", True, "12"), Check("[3] lost", False, "[4]")])
    assert "✓ 12 found  12" in written(console)
    assert "✗" in written(console)


def test_a_registration_is_told_by_its_own_event_only(facts: Facts) -> None:
    staged = facts.of(ModelStaged)[0]
    assert sentence(staged.model_copy(update={"stage": "registered"}).within(staged.envelope)) is None


def test_the_end_names_versions_figures_and_where_to_look(facts: Facts) -> None:
    console = paper()
    told = summary(facts, [], None, up_s=20.0, rss_mb=2048.0, took_s=250.0)
    where = {"console_url": "http://127.0.0.1:1", "serving": "http://127.0.0.1:2", "name": "w"}
    conclude(console, facts, told, **where, text="it's 'late'")
    lines = written(console)
    curl = shlex.split(next(line for line in lines.splitlines() if "curl" in line))
    assert "http://127.0.0.1:2/v1/workspaces/w/predict" in curl
    assert json.loads(curl[-1]) == {"text": "it's 'late'"}
    assert "270 s, 20 s of them to start" in lines
    assert "90.0%, after the shift down to 50.0%, with w-2 back at 90.0%" in lines
    assert "A promise was broken" in lines


def test_the_pulse_follows_accuracy_and_confidence() -> None:
    pulse = Pulse()
    pulse.add(Call(NOW + timedelta(seconds=n / 10), "v", probability=0.5, right=n < 20) for n in range(40))
    pulse.add([Call(NOW, None, failure="no")])
    assert pulse.accuracy() == [1.0, 0.0]
    assert pulse.confidence() == [0.5, 0.5]


def test_a_sparkline_has_a_block_for_each_value() -> None:
    assert sparkline([0.0, 0.3, 0.65, 1.0, 2.0]) == "▁▁▅██"
