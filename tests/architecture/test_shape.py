"""Having read one service you know them all: the rules of the layout, checked."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
LIBS = sorted(path.parent for path in ROOT.glob("libs/*/pyproject.toml"))
SERVICES = sorted(path.parent for path in ROOT.glob("services/*/pyproject.toml"))
ALLOWED = {
    "events": set(),
    "privacy": set(),
    "workspace": {"events"},
    "features": {"workspace"},
    "chassis": {"events", "privacy", "workspace"},
    "learn": {"workspace", "events"},
    "stack": {"chassis", "events"},
    "client": set(),
    "pages": set(),
}
SHARED = {"events", "privacy", "workspace", "features", "pages", "chassis"}
LEARNERS = {"dedup", "training", "evaluation", "serving"}
HEAVY = {"torch", "transformers"}
STARTED_BY_PEOPLE = {"stack", "cli", "demo", "learn"}
VAGUE = {"utils", "helpers", "common", "manager", "base", "util", "misc"}


def sources(folder: Path) -> Iterator[Path]:
    yield from sorted((folder / "millrace").rglob("*.py"))


def imported(path: Path) -> set[str]:
    """The modules a file imports, dotted and absolute."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module)
            if node.module == "millrace":
                found |= {f"millrace.{alias.name}" for alias in node.names}
    return found


def ours(path: Path) -> set[str]:
    return {name.split(".")[1] for name in imported(path) if name.startswith("millrace.")}


@pytest.mark.parametrize("lib", LIBS, ids=lambda path: path.name)
def test_imports_of_libs_go_one_way(lib: Path) -> None:
    services = {service.name for service in SERVICES}
    allowed = ALLOWED.get(lib.name, {path.name for path in LIBS}) | {lib.name}
    for path in sources(lib):
        assert ours(path) <= allowed, path
        assert not ours(path) & services, path


@pytest.mark.parametrize("service", SERVICES, ids=lambda path: path.name)
def test_a_service_imports_shared_libs_and_itself_alone(service: Path) -> None:
    allowed = SHARED | {service.name} | ({"learn"} if service.name in LEARNERS else set())
    for path in sources(service):
        assert ours(path) <= allowed, path


def test_torch_and_transformers_are_imported_by_learn_alone_and_never_as_it_is_imported() -> None:
    for folder in [*LIBS, *SERVICES]:
        for path in sources(folder):
            heavy = {name.split(".")[0] for name in imported(path)} & HEAVY
            assert not heavy or folder.name == "learn", path
    tops = ast.parse((ROOT / "libs/learn/millrace/learn/__init__.py").read_text()).body
    names = {alias.name for node in tops if isinstance(node, ast.Import) for alias in node.names}
    assert not names & HEAVY


@pytest.mark.parametrize("service", SERVICES, ids=lambda path: path.name)
def test_a_service_has_the_shape_of_a_service(service: Path) -> None:
    package = service / "millrace" / service.name
    for name in ("README.md", f"millrace/{service.name}/__main__.py", f"millrace/{service.name}/settings.py"):
        assert (service / name).is_file(), name
    assert (package / "app.py").is_file()
    assert not (service / "millrace" / "__init__.py").exists()
    assert f'env_prefix="{service.name.upper()}_"' in (package / "settings.py").read_text()
    for path in sources(service):
        assert path.stem not in VAGUE, path


@pytest.mark.parametrize("service", SERVICES, ids=lambda path: path.name)
def test_a_handlers_file_its_function_and_its_event_have_one_name(service: Path) -> None:
    for path in sources(service):
        text = path.read_text()
        for event, function in re.findall(r"@handles\((\w+)[^@]*?async def (\w+)", text, re.S):
            snake = "_".join(re.findall(r"[A-Z][a-z]+", event)).lower()
            assert function == f"on_{snake}" == path.stem, path
        for kind, function in re.findall(r'@works\(\s*"([\w-]+)"[^@]*?async def (\w+)', text, re.S):
            assert function == f"job_{kind.replace('-', '_')}" == path.stem, path


@pytest.mark.parametrize(
    "folder", [path for path in [*LIBS, *SERVICES] if path.name not in STARTED_BY_PEOPLE], ids=lambda path: path.name
)
def test_the_environment_is_read_in_settings_alone(folder: Path) -> None:
    for path in sources(folder):
        if path.name not in {"settings.py", "__main__.py"}:
            assert not re.search(r"os\.(environ|getenv)", path.read_text()), path


@pytest.mark.parametrize("service", SERVICES, ids=lambda path: path.name)
def test_a_domain_is_pure(service: Path) -> None:
    package = service / "millrace" / service.name
    files = [package / "domain.py", *sorted((package / "domain").rglob("*.py"))]
    impure = {"asyncio", "asyncpg", "httpx", "logging", "structlog", "random", "time", "os", "aiokafka", "minio"}
    for path in filter(Path.exists, files):
        assert not {name.split(".")[0] for name in imported(path)} & impure, path
        tree = ast.parse(path.read_text())
        assert not any(isinstance(node, ast.Await | ast.AsyncFunctionDef) for node in ast.walk(tree)), path
        assert not re.search(r"datetime\.now|utcnow|uuid4", path.read_text()), path


def test_no_service_branches_on_a_tasks_name() -> None:
    tasks = [path.stem for path in (ROOT / "libs/workspace/millrace/workspace/tasks").glob("[a-z]*.py")]
    for service in SERVICES:
        for path in sources(service):
            assert not re.search(rf"[=!]=\s*\"({'|'.join(tasks)})\"", path.read_text()), path


def test_no_file_is_the_namespaces_init() -> None:
    assert not list(ROOT.glob("*/*/millrace/__init__.py"))


TELEMETRY = yaml.safe_load((ROOT / "contracts" / "telemetry.yaml").read_text())


def each_node() -> Iterator[ast.AST]:
    for folder in [*LIBS, *SERVICES]:
        for path in sources(folder):
            yield from ast.walk(ast.parse(path.read_text()))


def text(node: ast.expr | None) -> str:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else ""


def test_every_metric_its_kind_and_its_labels_are_in_the_telemetry_contract() -> None:
    used = {}
    for node in each_node():
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.args):
            continue
        kind, name = node.func.id.lower(), text(node.args[0])
        if kind in {"counter", "gauge", "histogram"} and name.startswith("millrace_"):
            labels = node.args[2] if len(node.args) > 2 else None
            used[name] = (kind, [text(label) for label in labels.elts] if isinstance(labels, ast.List) else [])
    assert used == {name: (metric["kind"], metric["labels"]) for name, metric in TELEMETRY["metrics"].items()}


def test_every_attribute_of_a_span_is_in_the_telemetry_contract() -> None:
    """Attributes are named where they are set: as keys of a dict, or to `set_attribute`."""
    named: set[str] = set()
    for node in each_node():
        if isinstance(node, ast.Dict):
            named |= {text(key) for key in node.keys}
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "set_attribute":
            named.add(text(node.args[0]))
    assert {name for name in named if name.startswith("millrace.")} == {*TELEMETRY["attributes"]}


def test_no_page_of_ours_pulls_anything_from_elsewhere() -> None:
    pulls = re.compile(r"""(src|href)\s*=\s*["']?(https?:)?//|@import|url\(["']?(https?:)?//""")
    pages = {".html", ".js", ".css", ".svg"}
    for path in (path for folder in [*LIBS, *SERVICES] for path in folder.rglob("*") if path.suffix in pages):
        assert not pulls.search(path.read_text()), path


def test_the_chassis_alone_makes_apps_and_leaves_out_the_pages_that_pull_scripts_from_elsewhere() -> None:
    makers = {path for folder in [*LIBS, *SERVICES] for path in sources(folder) if "FastAPI(" in path.read_text()}
    assert makers == {ROOT / "libs/chassis/millrace/chassis/http.py"}
    assert "docs_url=None, redoc_url=None" in makers.pop().read_text()


def test_evaluation_is_imported_without_torch() -> None:
    """Scoring is a process of its own that ends with its evaluation; the service itself stays small."""
    check = f"import sys, millrace.evaluation.app; assert not {HEAVY} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", check], check=True)
