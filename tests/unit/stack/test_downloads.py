"""The class path is whole and of one version, or refused."""

import zipfile
from pathlib import Path

import pytest

from millrace.stack import DownloadFailed
from millrace.stack.downloads import VERSION, cache_folder, check, kafka_class_path


def jar(folder: Path, name: str) -> Path:
    path = folder / name
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\n" * 50)
    return path


def test_a_class_path_of_mixed_versions_is_refused(tmp_path: Path) -> None:
    jars = [jar(tmp_path, f"kafka_2.13-{VERSION}.jar"), jar(tmp_path, "kafka-clients-3.9.0.jar")]
    with pytest.raises(DownloadFailed, match=r"mixed versions: .*kafka-clients-3\.9\.0"):
        check(jars)


def test_a_class_path_without_the_client_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DownloadFailed):
        check([jar(tmp_path, f"kafka_2.13-{VERSION}.jar")])


def test_a_jar_cut_short_is_refused(tmp_path: Path) -> None:
    whole = jar(tmp_path, f"kafka-clients-{VERSION}.jar")
    check([whole])
    whole.write_bytes(whole.read_bytes()[:-40])
    with pytest.raises(DownloadFailed, match="damaged: kafka-clients"):
        check([whole])


def test_what_is_listed_and_present_is_taken_without_asking_anyone(tmp_path: Path) -> None:
    (tmp_path / "kafka").mkdir()
    jar(tmp_path, "one.jar")
    (tmp_path / "kafka" / f"{VERSION}.classpath").write_text("one.jar")
    assert kafka_class_path(tmp_path) == [tmp_path / "one.jar"]


def test_downloads_go_to_the_cache_folder_of_the_desktop_standard(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", "/somewhere")
    assert cache_folder() == Path("/somewhere/millrace")
