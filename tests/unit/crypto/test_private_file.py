"""Secrets are read only when nobody else can read them, and written whole or not at all."""

import os
import stat
from pathlib import Path

import pytest

from cutter_agent.crypto.private_file import (
    SECRET_BYTES_MAX,
    new_private_file,
    read_private_file,
)
from cutter_agent.errors import StopRefusedInput, StopStorage


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def written(path: Path, data: bytes = b"secret", mode: int = 0o600) -> Path:
    path.write_bytes(data)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("mode", [0o600, 0o400])
def test_a_file_of_ours_alone_is_read(tmp_path: Path, mode: int):
    path = written(tmp_path / "key", mode=mode)
    assert read_private_file(path) == b"secret"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o602, 0o700, 0o644, 0o666, 0o4600])
def test_a_looser_mode_is_refused_with_the_command_that_mends_it(tmp_path: Path, mode: int):
    path = written(tmp_path / "key", mode=mode)
    with pytest.raises(StopRefusedInput, match=f"mode {mode:04o}") as stop:
        read_private_file(path)
    assert stop.value.remedy == f"chmod 600 {path}"


def test_a_symbolic_link_is_refused_unless_the_caller_follows_links(tmp_path: Path):
    link = tmp_path / "link"
    link.symlink_to(written(tmp_path / "key"))
    with pytest.raises(StopRefusedInput, match="symbolic link"):
        read_private_file(link)
    assert read_private_file(link, through_links=True) == b"secret"


def test_behind_a_link_the_mode_still_counts(tmp_path: Path):
    link = tmp_path / "link"
    link.symlink_to(written(tmp_path / "key", mode=0o644))
    with pytest.raises(StopRefusedInput, match="mode 0644"):
        read_private_file(link, through_links=True)


def test_a_pipe_or_a_folder_is_refused_without_waiting(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path in (tmp_path / "pipe", tmp_path):
        with pytest.raises(StopRefusedInput, match="not a regular file"):
            read_private_file(path)


def test_a_missing_file_is_refused(tmp_path: Path):
    with pytest.raises(StopRefusedInput, match="cannot be opened"):
        read_private_file(tmp_path / "none")


def test_a_foreign_owner_is_refused(tmp_path: Path):
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    path = written(tmp_path / "key")
    os.chown(path, 12345, 12345)
    with pytest.raises(StopRefusedInput, match="belongs to account 12345"):
        read_private_file(path)


def test_an_endless_file_is_not_read_to_its_end(tmp_path: Path):
    assert len(read_private_file(written(tmp_path / "a", b"x" * SECRET_BYTES_MAX))) == 65536
    with pytest.raises(StopRefusedInput, match="longer than"):
        read_private_file(written(tmp_path / "b", b"x" * (SECRET_BYTES_MAX + 1)))


def test_a_new_file_is_private_whatever_the_umask(tmp_path: Path):
    before = os.umask(0)
    try:
        with new_private_file(tmp_path / "new") as file:
            file.write(b"secret")
            assert not (tmp_path / "new").exists()
    finally:
        os.umask(before)
    facts = (tmp_path / "new").lstat()
    assert stat.S_IMODE(facts.st_mode) == 0o600
    assert facts.st_nlink == 1
    assert names_in(tmp_path) == ["new"]
    assert read_private_file(tmp_path / "new") == b"secret"


class Interrupted(Exception):
    """The writer gives up."""


def test_a_file_that_was_given_up_leaves_nothing(tmp_path: Path):
    def give_up() -> None:
        with new_private_file(tmp_path / "new") as file:
            file.write(b"half")
            raise Interrupted

    with pytest.raises(Interrupted):
        give_up()
    assert names_in(tmp_path) == []


def test_an_existing_file_is_never_replaced(tmp_path: Path):
    path = written(tmp_path / "key", b"first")

    def write_again() -> None:
        with new_private_file(path) as file:
            file.write(b"second")

    with pytest.raises(FileExistsError):
        write_again()
    assert path.read_bytes() == b"first"
    assert names_in(tmp_path) == ["key"]


def test_a_folder_that_is_not_there_is_a_stop_of_storage(tmp_path: Path):
    def write() -> None:
        with new_private_file(tmp_path / "none" / "key") as file:
            file.write(b"x")

    with pytest.raises(StopStorage):
        write()
