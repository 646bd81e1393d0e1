"""docker-compose.yml, Dockerfile and k8s/ are valid, and start what `millrace up` starts."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema
import kubernetes_validate
import pytest
import yaml

from millrace.stack import Endpoints, S3Endpoint, compose_endpoints, s3
from millrace.stack.closure import closure
from millrace.stack.kafka import PROPERTIES
from millrace.stack.keys import Signing
from millrace.stack.postgres import SETTINGS
from millrace.stack.services import discover, environment, peculiar, provisioning
from millrace.training.settings import Settings as TrainingSettings

ROOT = Path(__file__).parents[3]
SERVICES = discover(ROOT)
ENDPOINTS = Endpoints("k:9092", "postgresql://postgres:pw@h:5432/millrace", S3Endpoint("http://s", "key", "secret"))
CORE = {"v1", "apps/v1", "batch/v1", "policy/v1"}


def told(name: str) -> set[str]:
    """The names of the settings that `millrace up` gives a service, and where large temporary files go."""
    common = environment(name, ENDPOINTS, dsn="postgresql://x", secret="s", port=1)
    return {
        *common,
        *peculiar(name, Path("/data"), {}, Signing("key", "trusted")),
        *(["TMPDIR"] if writes_files(name) else []),
    }


def writes_files(name: str) -> bool:
    """Whether a service writes more than fits in memory: whole datasets, versions, runs."""
    code = "".join(path.read_text() for path in (ROOT / "services" / name / "millrace").rglob("*.py"))
    return "import tempfile" in code or "from tempfile import" in code


@cache
def compose() -> dict[str, Any]:
    found: dict[str, Any] = yaml.load((ROOT / "docker-compose.yml").read_text(), yaml.CSafeLoader)
    return found


def manifests(*folders: str) -> Iterator[tuple[Path, dict[str, Any]]]:
    for folder in folders or ("base", "overlays/local", "overlays/production"):
        for path in sorted((ROOT / "k8s" / folder).glob("*.yaml")):
            for document in parsed(path):
                yield path, document


@cache
def parsed(path: Path) -> tuple[dict[str, Any], ...]:
    return tuple(yaml.load_all(path.read_text(), yaml.CSafeLoader))


def of_kind(kind: str, *folders: str) -> dict[str, dict[str, Any]]:
    return {each["metadata"]["name"]: each for _, each in manifests(*folders) if each["kind"] == kind}


def container(workload: dict[str, Any]) -> dict[str, Any]:
    [only] = workload["spec"]["template"]["spec"]["containers"]
    assert isinstance(only, dict)
    return only


def test_compose_follows_the_compose_specification() -> None:
    schema = json.loads(files("check_jsonschema.builtin_schemas.vendor").joinpath("compose-spec.json").read_text())
    jsonschema.validate(compose(), schema)


def test_compose_runs_every_service_there_is_and_nothing_else() -> None:
    assert {*compose()["services"]} == {*SERVICES, "kafka", "postgres", "s3", "provision"}


@pytest.mark.parametrize("name", SERVICES)
def test_compose_tells_a_service_what_up_tells_it(name: str) -> None:
    service = compose()["services"][name]
    assert {*service["environment"]} == told(name)
    assert service.get("volumes", []) == ([f"{name}:{service['environment']['TMPDIR']}"] if writes_files(name) else [])
    assert service["build"]["args"]["SERVICE"] == name
    port = service["environment"][f"{name.upper()}_HTTP_PORT"]
    assert service["ports"][0].endswith(f":{port}")
    assert f":{port}/readyz" in str(service["healthcheck"]["test"])
    assert f"{name}:" in service["environment"][f"{name.upper()}_POSTGRES"], "a role of its own"


@pytest.mark.parametrize("name", compose()["services"])
def test_compose_confines_a_service(name: str) -> None:
    service = compose()["services"][name]
    user, _, group = service["user"].partition(":")
    assert int(user) > 0 and int(group) > 0
    assert service["cap_drop"] == ["ALL"] and service["security_opt"] == ["no-new-privileges:true"]
    assert service.get("read_only", False) or name == "kafka", "Kafka's image writes its configuration when it starts"
    assert service["deploy"]["resources"]["limits"]["memory"]


@pytest.mark.parametrize("name", SERVICES)
def test_compose_starts_a_service_once_all_is_provisioned(name: str) -> None:
    service = compose()["services"][name]
    assert service["user"] == "10001:10001"
    assert service["depends_on"]["provision"]["condition"] == "service_completed_successfully"


@pytest.mark.parametrize("name", [*SERVICES, "s3"])
def test_a_volume_belongs_to_the_user_who_writes_it(name: str) -> None:
    service = compose()["services"][name]
    image = service["build"].get("dockerfile_inline") or (ROOT / "Dockerfile").read_text()
    for volume in service.get("volumes", ()):
        assert f"mkdir {volume.split(':')[1]} && chown {service['user']} {volume.split(':')[1]}" in image


def test_compose_opens_nothing_beyond_this_machine_and_no_port_twice() -> None:
    ports = [port for service in compose()["services"].values() for port in service.get("ports", ())]
    assert all(port.startswith("127.0.0.1:") for port in ports)
    published = [port.split(":")[1] for port in ports]
    assert len(published) == len({*published})


def test_compose_provisions_the_same_topics_roles_and_bucket() -> None:
    given = compose()["services"]["provision"]["environment"]
    expected = provisioning(ENDPOINTS, dict.fromkeys(SERVICES, "pw"), Path("/app/contracts"))
    assert {*given} == {*expected}
    assert {*json.loads(given["PROVISION_SERVICES"])} == {*SERVICES}
    assert given["PROVISION_S3_BUCKET"] == expected["PROVISION_S3_BUCKET"]
    assert "COPY contracts contracts" in (ROOT / "Dockerfile").read_text()


def test_tests_find_composes_parts_where_it_publishes_them() -> None:
    found, parts = compose_endpoints(), compose()["services"]
    assert parts["kafka"]["ports"] == [f"{found.kafka}:29092"]
    assert found.kafka in parts["kafka"]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert parts["postgres"]["ports"] == ["127.0.0.1:25432:5432"] and ":25432/" in found.postgres
    assert parts["s3"]["ports"] == [f"{found.s3.address}:8333"]
    assert f":-{found.s3.secret_key}}}" in parts["provision"]["environment"]["PROVISION_S3_SECRET_KEY"]


def test_compose_runs_kafka_as_up_runs_it() -> None:
    given = compose()["services"]["kafka"]["environment"]
    for name, value in PROPERTIES.items():
        if name != "listener.security.protocol.map":  # one listener more: the host's
            assert given[f"KAFKA_{name.upper().replace('.', '_')}"] == str(value), name


def test_compose_runs_postgres_as_up_runs_it() -> None:
    given = {option.removeprefix("-c") for option in compose()["services"]["postgres"]["command"][1:]}
    up = {f"{name}={value}" for name, value in SETTINGS.items()}
    # where it listens is compose's affair
    assert given == up - {"listen_addresses=127.0.0.1", "unix_socket_directories="}


def test_compose_and_kubernetes_run_s3_as_up_runs_it() -> None:
    composed, orchestrated = compose()["services"]["s3"], container(of_kind("StatefulSet")["s3"])
    set_there = {each["name"]: each["value"] for each in orchestrated["env"]}
    for given, variables in ((composed["command"], composed["environment"]), (orchestrated["args"], set_there)):
        where = ("-dir=", "-ip=", "-ip.bind=", "-s3.port=", "-s3.config=")
        assert {option for option in given if not option.startswith(where)} == {"mini", *s3.OPTIONS}
        assert variables == {"GOMEMLIMIT": s3.MEMORY}
    assert f"FROM {orchestrated['image']}" in composed["build"]["dockerfile_inline"]
    assert composed["entrypoint"] == orchestrated["command"]


def test_the_console_knows_where_every_service_is() -> None:
    known = json.loads(compose()["services"]["console"]["environment"]["CONSOLE_SERVICES"])
    assert known == {name: f"http://{name}:8080" for name in SERVICES}
    variables = {each["name"]: each.get("value") for each in container(of_kind("Deployment")["console"])["env"]}
    assert json.loads(variables["CONSOLE_SERVICES"]) == known


def test_kubernetes_manifests_follow_their_schemas() -> None:
    checked = 0
    for path, manifest in manifests():
        if manifest["apiVersion"] in CORE:
            try:
                kubernetes_validate.validate(manifest, "1.30", strict=True)
            except kubernetes_validate.ValidationError as error:
                pytest.fail(f"{path}: {error}")
            checked += 1
    assert checked >= 3 * len(SERVICES)


def test_runs_as_jobs_have_an_account_a_role_a_volume_and_settings_that_exist() -> None:
    of = {manifest["kind"]: manifest for _, manifest in manifests("components/jobs")}
    for kind, manifest in of.items():
        if kind != "Component":
            kubernetes_validate.validate(manifest, "1.30", strict=True)
    account, role = of["ServiceAccount"]["metadata"]["name"], of["Role"]["metadata"]["name"]
    assert of["RoleBinding"]["subjects"] == [{"kind": "ServiceAccount", "name": account}]
    assert of["RoleBinding"]["roleRef"]["name"] == role
    assert {*of["Component"]["resources"]} == {"account.yaml", "work.yaml"}
    (patch,) = of["Component"]["patches"]
    training = json.loads(json.dumps(of_kind("Deployment")["training"]))
    for change in yaml.safe_load(patch["patch"]):
        _patched(training, change)
    kubernetes_validate.validate(training, "1.30", strict=True)
    given = {each["name"]: each["value"] for each in container(training)["env"] if "value" in each}
    needed = {"kafka": "k", "postgres": "p", "s3_url": "s", "s3_access_key": "k", "s3_secret_key": "k", "secret": "s"}
    settings = TrainingSettings(
        **needed,
        **{
            name.removeprefix("TRAINING_").lower(): given[name]
            for name in given
            if name.startswith(("TRAINING_EXECUTOR", "TRAINING_KUBERNETES", "TRAINING_WORK"))
        },
    )
    claim = of["PersistentVolumeClaim"]
    assert settings.executor == "kubernetes" and settings.kubernetes_claim == claim["metadata"]["name"]
    assert claim["spec"]["accessModes"] == ["ReadWriteMany"]
    assert settings.kubernetes_image == container(training)["image"]
    mounts = {each["name"]: each["mountPath"] for each in container(training)["volumeMounts"]}
    assert mounts["runs"] == str(settings.work_dir) and given["XDG_CACHE_HOME"].startswith(mounts["runs"])
    assert training["spec"]["template"]["spec"]["serviceAccountName"] == account


def _patched(manifest: dict[str, Any], change: dict[str, Any]) -> None:
    """One operation of a JSON patch (RFC 6902): add or replace."""
    *way, last = change["path"].strip("/").split("/")
    at: Any = manifest
    for part in way:
        at = at[int(part)] if isinstance(at, list) else at[part]
    if last == "-":
        at.append(change["value"])
    else:
        assert change["op"] == "add" or last in at, change
        at[last] = change["value"]


def test_kubernetes_runs_every_service_there_is() -> None:
    for kind in ("Deployment", "Service", "PodDisruptionBudget"):
        assert {*of_kind(kind, "base")} == {*SERVICES}, kind


@pytest.mark.parametrize("name", SERVICES)
def test_kubernetes_tells_a_service_what_up_tells_it(name: str) -> None:
    deployment = of_kind("Deployment")[name]
    runs = container(deployment)
    assert {each["name"] for each in runs["env"]} == told(name)
    mounts = {each["mountPath"] for each in runs["volumeMounts"]}
    assert {each["value"] for each in runs["env"] if each["name"] == "TMPDIR"} == mounts - {"/tmp"}
    assert runs["image"].startswith(f"millrace/{name}:")
    assert runs["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert runs["livenessProbe"]["httpGet"]["path"] == "/healthz"
    pod = deployment["spec"]["template"]["spec"]
    assert pod["securityContext"]["runAsNonRoot"]
    assert runs["securityContext"]["readOnlyRootFilesystem"]
    assert runs["resources"]["limits"]["memory"] and runs["resources"]["requests"]["cpu"]


@pytest.mark.parametrize("name", SERVICES)
def test_what_selects_pods_selects_those_of_its_service(name: str) -> None:
    deployment = of_kind("Deployment")[name]
    labels = deployment["spec"]["template"]["metadata"]["labels"].items()
    assert deployment["spec"]["selector"]["matchLabels"].items() <= labels
    assert of_kind("Service")[name]["spec"]["selector"].items() <= labels
    assert of_kind("PodDisruptionBudget")[name]["spec"]["selector"]["matchLabels"].items() <= labels


def test_kubernetes_provisions_what_up_provisions() -> None:
    given = {each["name"] for each in container(of_kind("Job")["provision"])["env"]}
    assert given - {"PROVISION_REPLICATION"} == {*provisioning(ENDPOINTS, {}, Path("/app/contracts"))}


def test_every_kustomization_names_files_that_are_there_and_leaves_none_out() -> None:
    for path in (ROOT / "k8s").rglob("kustomization.yaml"):
        listed = yaml.safe_load(path.read_text())
        named = [*listed["resources"], *(one["path"] for one in listed.get("patches", ()) if "path" in one)]
        assert all((path.parent / name).exists() for name in named), path
        there = {each.name for each in path.parent.glob("*.yaml")} - {"kustomization.yaml"}
        assert there == {name for name in named if name.endswith(".yaml")}, path


def test_scaling_follows_groups_and_topics_that_exist() -> None:
    told_by_flow = json.loads((ROOT / "contracts" / "flow.json").read_text())
    for name, scaled in of_kind("ScaledObject").items():
        assert scaled["spec"]["scaleTargetRef"]["name"] == name in SERVICES
        for trigger in scaled["spec"]["triggers"]:
            topic = trigger["metadata"]["topic"]
            assert topic in told_by_flow["services"][name]["eats"]
            handler = f"on_{topic.removesuffix('.v1').replace('.', '_')}"
            assert trigger["metadata"]["consumerGroup"] == f"{name}.{handler}"
        partitions = {_partitions(trigger["metadata"]["topic"]) for trigger in scaled["spec"]["triggers"]}
        assert scaled["spec"]["maxReplicaCount"] <= max(partitions), "more members than partitions would idle"


def _partitions(topic: str) -> int:
    return int(yaml.safe_load((ROOT / "contracts" / "topics" / f"{topic}.yaml").read_text())["partitions"])


@pytest.mark.parametrize("name", SERVICES)
def test_an_image_holds_a_service_and_the_libs_it_needs(name: str) -> None:
    needed = closure(ROOT, name)
    assert needed[-1] == f"services/{name}"
    assert {"libs/events", "libs/chassis"} <= {*needed}
    assert not {"libs/stack", "libs/cli", "libs/demo"} & {*needed}
    imported = re.findall(
        r"^\s*(?:from|import) millrace\.(\w+)",
        "\n".join(path.read_text() for folder in needed for path in (ROOT / folder).rglob("millrace/**/*.py")),
        re.MULTILINE,
    )
    assert {each for each in imported if (ROOT / "libs" / each).is_dir()} <= {Path(each).name for each in needed}


def test_the_images_script_needs_nothing_installed() -> None:
    script = ROOT / "libs/stack/millrace/stack/closure.py"
    done = subprocess.run([sys.executable, "-S", script, "drift"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split()[-1] == "./services/drift"


def test_the_image_runs_as_nobody_in_particular() -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    assert re.search(r"^USER 10001:10001$", dockerfile, re.MULTILINE)
    assert "-c constraints.txt" in dockerfile
