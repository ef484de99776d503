"""The folder of a deployment's own profiles."""

import os
from pathlib import Path

import pytest

from cutter_agent.document.grammar import PROFILE_BYTES_MAX
from cutter_agent.errors import StopOverSize, StopStorage
from cutter_agent.files.profile_folder import PROFILES_MAX, read_profiles


def test_profiles_are_the_toml_files_by_name(tmp_path: Path) -> None:
    (tmp_path / "b.toml").write_bytes(b"two")
    (tmp_path / "a.toml").write_bytes(b"one")
    (tmp_path / ".a.toml").write_bytes(b"an editor's")
    (tmp_path / "notes.txt").write_bytes(b"none")
    assert read_profiles(tmp_path) == {"a": b"one", "b": b"two"}
    assert read_profiles(tmp_path / "absent") == {}


def test_links_folders_and_pipes_are_no_profiles(tmp_path: Path) -> None:
    for name, make in {
        "link": lambda path: path.symlink_to("/etc/hostname"),
        "folder": Path.mkdir,
        "pipe": os.mkfifo,
    }.items():
        folder = tmp_path / name
        folder.mkdir()
        make(folder / "x.toml")
        with pytest.raises(StopStorage, match=r"x\.toml"):
            read_profiles(folder)


def test_too_many_and_too_long_are_refused(tmp_path: Path) -> None:
    (tmp_path / "long.toml").write_bytes(b"#" * (PROFILE_BYTES_MAX + 1))
    with pytest.raises(StopOverSize, match=r"long\.toml"):
        read_profiles(tmp_path)
    for number in range(PROFILES_MAX + 1):
        (tmp_path / f"p{number}.toml").touch()
    with pytest.raises(StopOverSize, match="profiles in"):
        read_profiles(tmp_path)
