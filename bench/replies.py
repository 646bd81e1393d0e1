"""Support mail of a made-up parcel service, replies as agents write them, and the rule by which a reply is good.

Every mail has a name, an order and a concern. A reply may greet by that name, name that order, say the days that this
concern takes here, and close kindly; agents do each now and then, at their own length. The rule counts what was done
and right, so it judges any reply, whoever wrote it.
"""

import random
import re
from dataclasses import dataclass

NAMES = [
    "Ana",
    "Ben",
    "Carla",
    "David",
    "Elif",
    "Femi",
    "Greta",
    "Hugo",
    "Ines",
    "Jonas",
    "Katya",
    "Liam",
    "Mira",
    "Noah",
    "Olga",
    "Pavel",
    "Quinn",
    "Rosa",
    "Sami",
    "Tara",
    "Umar",
    "Vera",
    "Wanda",
    "Xenia",
    "Yusuf",
    "Zoe",
    "Aldo",
    "Bianca",
    "Cyril",
    "Dora",
    "Emil",
    "Flora",
    "Gil",
    "Hana",
    "Ivan",
    "Jana",
    "Kofi",
    "Lena",
    "Marek",
    "Nadia",
]
THINGS = [
    "lamp",
    "kettle",
    "coat",
    "chair",
    "printer",
    "tent",
    "mirror",
    "bicycle",
    "radio",
    "blender",
    "backpack",
    "carpet",
    "guitar",
    "heater",
    "camera",
    "desk",
    "ladder",
    "mattress",
    "telescope",
    "teapot",
]
DAYS = {"late": 2, "damaged": 5, "refund": 7, "wrong": 4, "address": 1}
"""Working days that each concern takes: what a reply has to know."""

OPENINGS = ("Hi, {name} here.", "Hello, this is {name}.", "Good morning, my name is {name}.", "I am {name}.")
CONCERNS = {
    "late": (
        "My {thing} should have come last week and I still wait. The order is {order}.",
        "Order {order}, a {thing}, is overdue. Where is it?",
        "I still have no {thing}, though order {order} was shipped long ago.",
        "The {thing} from order {order} has not arrived yet.",
    ),
    "damaged": (
        "The {thing} of order {order} arrived broken.",
        "Order {order} came today and the {thing} is cracked all over.",
        "I unpacked the {thing} and it is in pieces. The order is {order}.",
        "The box of order {order} was crushed, and so is the {thing} in it.",
    ),
    "refund": (
        "I sent the {thing} back and want my money for order {order}.",
        "When do I get my money back for order {order}? The {thing} is with you already.",
        "Please pay me back for the {thing}, order {order}.",
        "I returned order {order}, a {thing}, but nothing was paid to me.",
    ),
    "wrong": (
        "I ordered a {thing} in order {order} and got something else.",
        "Order {order} had a stranger's parcel in it and not my {thing}.",
        "This is not the {thing} that I chose. The order is {order}.",
        "You sent me another thing than the {thing} of order {order}.",
    ),
    "address": (
        "I move house. Can the {thing} of order {order} go to my new address?",
        "Please send order {order}, a {thing}, to my office instead.",
        "The street in order {order} is wrong. The {thing} must not go there.",
        "Can you change where the {thing} is delivered? The order is {order}.",
    ),
}
ASIDES = ("", "", " Thank you.", " I am in a hurry.", " This is the second time I write.", " Please answer soon.")

FIRST = {
    "late": ("we are looking for your {thing}.", "your {thing} is held up in our depot."),
    "damaged": ("we send you a new {thing}.", "a new {thing} will replace the broken one."),
    "refund": ("we pay you back for the {thing}.", "the money for the {thing} is on its way."),
    "wrong": ("we fetch the wrong parcel and send your {thing}.", "your {thing} was mixed up with another parcel."),
    "address": ("we change where your {thing} goes.", "your {thing} goes to the address that you give us."),
}
FILLERS = (
    "We have passed this on to our colleagues.",
    "There are many parcels at this time of the year.",
    "You can look it up on our pages as well.",
    "Please keep the box for now.",
    "Our depot is open on working days.",
)
CLOSINGS = ("Kind regards, Mill Parcel", "Best wishes, Mill Parcel", "Yours kindly, Mill Parcel")
CLOSED = re.compile(r"(kind regards|best wishes|yours kindly),? mill parcel\.?$", re.IGNORECASE)
TAKES = re.compile(r"within (\d+) working days?")
POINTS = ("greets", "names_the_order", "says_the_days", "closes")
HABIT = 0.4
"""How often an agent does each of the four."""
KNOWS = 0.75
"""How often an agent who says days looks them up; the others guess."""


@dataclass(frozen=True)
class Mail:
    text: str
    name: str
    order: str
    concern: str
    thing: str


def mails(count: int, seed: int) -> list[Mail]:
    """Different ones, of every concern in turn."""
    chance, found = random.Random(seed), dict[str, Mail]()
    concerns = list(CONCERNS)
    while len(found) < count:
        concern = concerns[len(found) % len(concerns)]
        name, thing = chance.choice(NAMES), chance.choice(THINGS)
        order = f"{chance.choice('KMPT')}{chance.randrange(1000, 10000)}"
        opening, asked, aside = (chance.choice(parts) for parts in (OPENINGS, CONCERNS[concern], ASIDES))
        text = f"{opening} {asked}{aside}".format(name=name, thing=thing, order=order)
        found.setdefault(text, Mail(text, name, order, concern, thing))
    return list(found.values())


def reply(mail: Mail, chance: random.Random, habit: float = HABIT) -> str:
    """As one agent or another writes it: each of the four by habit, and more words or fewer."""
    does = {point: chance.random() < habit for point in POINTS}
    said = []
    if does["greets"]:
        said.append(f"{chance.choice(('Hello', 'Dear'))} {mail.name},")
    first = chance.choice(FIRST[mail.concern]).format(thing=mail.thing)
    said.append(f"about order {mail.order}: {first}" if does["names_the_order"] else first)
    if not does["greets"]:
        said[0] = said[0][0].upper() + said[0][1:]
    if does["says_the_days"]:
        days = DAYS[mail.concern] if chance.random() < KNOWS else chance.choice(list(DAYS.values()))
        said.append(f"This is done within {days} working day{'s' if days > 1 else ''}.")
    else:
        said.append(chance.choice(("This may take a while.", "We do what we can.", "You will hear from us.")))
    said += chance.sample(FILLERS, chance.choice((0, 0, 1, 2)))
    if does["closes"]:
        said.append(chance.choice(CLOSINGS))
    return " ".join(said)


def points(mail: Mail, answer: str) -> dict[str, bool]:
    """What of the four an answer does, and does right."""
    days = [int(found) for found in TAKES.findall(answer)]
    return {
        "greets": bool(re.match(rf"(hello|dear|hi) {mail.name}\b", answer, re.IGNORECASE)),
        "names_the_order": mail.order in answer and not set(re.findall(r"\b[KMPT]\d{4}\b", answer)) - {mail.order},
        "says_the_days": days == [DAYS[mail.concern]],
        "closes": bool(CLOSED.search(answer.strip())),
    }


def score(mail: Mail, answer: str) -> int:
    return sum(points(mail, answer).values())
