"""What the story declares is what Millrace reads."""

from millrace.demo.declaration import PADDED, PARTNER, Declaration
from millrace.demo.playing import EXAMPLE, example_folder
from millrace.workspace import load

FILE = example_folder() / "workspace.yaml"


def test_the_file_read_and_written_means_the_same() -> None:
    assert EXAMPLE in str(FILE)
    assert load(Declaration.read(FILE).text()).digest() == load(FILE.read_text()).digest()


def test_a_retired_source_is_retired_and_trusted_no_more() -> None:
    declaration = Declaration.read(FILE)
    declaration.retire(PARTNER)
    data = load(declaration.text()).data
    assert data.retired == (PARTNER,)
    assert PARTNER not in data.trusted


def test_padding_is_declared() -> None:
    declaration = Declaration.read(FILE)
    declaration.pad(PADDED)
    assert load(declaration.text()).serve.pad_to == PADDED


def test_own_categories_are_declared() -> None:
    declaration = Declaration.read(FILE)
    declaration.rename("own-tickets")
    declaration.carry(["one", "two"], min_labels=500, min_examples=7)
    spec = load(declaration.text())
    assert (spec.workspace, spec.labels.names, spec.train.min_labels) == ("own-tickets", ("one", "two"), 500)
    assert (spec.labels.new, spec.labels.min_examples) == ("admit", 7)
    assert spec.data.languages == () and not declaration.monolingual
