"""What is looked at before anything is stored: sources, persons' keys; and the text that ships."""

import os
import subprocess
import sys
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cutter_agent.bootstrap.approvals import simulated_approval, waiting
from cutter_agent.bootstrap.home import Home
from cutter_agent.bootstrap.people import check_person, key_files, new_key, read_public_key
from cutter_agent.bootstrap.sample import sample_path
from cutter_agent.bootstrap.sources import Offer, check_size, check_source, media_type_of
from cutter_agent.crypto.backup_identity import ensure_backup_identity
from cutter_agent.document.profiles import shipped
from cutter_agent.errors import StopOverSize, StopRefusedInput, StopSourceUnreadable
from cutter_agent.orchestrator.approval import validate_approval_text
from cutter_agent.orchestrator.states import OrchestratorState
from people import public_line
from runs import CODE, dry_runner

ROOT = Path(__file__).parents[3]


def offer(body: bytes, code: str = "DOC") -> Offer:
    return Offer(code=code, body=body, profile_toml=shipped("markdown"))


class TestSources:
    def test_the_cap_counts_units(self) -> None:
        body = b"# One\n\ntext\n\n# Two\n\ntext\n"
        marked = check_source(offer(body))
        check_size(marked, 2)
        with pytest.raises(StopOverSize, match="2 units"):
            check_size(marked, 1)

    def test_a_text_whose_units_are_all_left_out_has_none(self) -> None:
        body = "### NT-1. Một [DỰ THẢO]\n\nHai.\n".encode()
        drafts = Offer(code="DOC", body=body, profile_toml=shipped("vn-charter"))
        with pytest.raises(StopOverSize, match="0 units"):
            check_source(drafts)

    @pytest.mark.parametrize(
        ("body", "stop"),
        [(b"", StopSourceUnreadable), (b"\xff\xfe#", StopSourceUnreadable), (b"x", StopOverSize)],
    )
    def test_what_a_cut_could_not_read_is_refused(
        self, body: bytes, stop: type[StopOverSize | StopSourceUnreadable]
    ) -> None:
        with pytest.raises(stop):
            check_source(offer(body))

    @pytest.mark.parametrize("code", ["", "doc", "-DOC", "D/C", "D~", "ĐOC", "D" * 64, "D\n"])
    def test_a_code_begins_addresses(self, code: str) -> None:
        with pytest.raises(StopRefusedInput, match="cannot be the code"):
            check_source(offer(b"# One\n\ntext\n", code))

    def test_the_name_suggests_the_media_type(self) -> None:
        assert media_type_of("a/b.MD") == "text/markdown"
        assert media_type_of("b.txt") == "text/plain"


class TestPeople:
    def test_a_public_key_may_carry_any_comment(self, tmp_path: Path) -> None:
        path = tmp_path / "key.pub"
        path.write_text(f"{public_line('ann')} ann smith (work)\n")
        assert read_public_key(path).line == public_line("ann")

    @pytest.mark.parametrize(
        ("text", "word"),
        [
            ("-----BEGIN OPENSSH PRIVATE KEY-----\nx\n", "is a private key"),
            ("", "0 lines"),
            (f"{public_line('ann')}\n{public_line('ben')}\n", "2 lines"),
            ("ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAAAgQ==\n", "ssh-rsa"),
        ],
    )
    def test_what_cannot_be_enrolled_is_refused_with_a_way_on(
        self, tmp_path: Path, text: str, word: str
    ) -> None:
        path = tmp_path / "key.pub"
        path.write_text(text)
        with pytest.raises(StopRefusedInput, match=word) as stop:
            read_public_key(path)
        assert str(path) in stop.value.remedy

    def test_bytes_that_are_no_text_are_no_key(self, tmp_path: Path) -> None:
        path = tmp_path / "key.pub"
        path.write_bytes(b"\xff\xfe")
        with pytest.raises(StopRefusedInput, match="no public key"):
            read_public_key(path)

    @pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a-b", "1a", "é", "a\n"])
    def test_a_person_s_name_is_a_plain_word(self, name: str) -> None:
        with pytest.raises(StopRefusedInput, match="cannot name a person"):
            check_person(name)

    def test_keys_in_the_home_are_listed_with_or_without_their_public_half(
        self, tmp_path: Path
    ) -> None:
        home = Home(tmp_path)
        assert key_files(home) == ()
        made = new_key(home, "ann", None)
        new_key(home, "ben", None)
        home.person_key("ben").with_suffix(".pub").unlink()
        listed = {each.person: each.public_key for each in key_files(home)}
        assert listed == {"ann": made, "ben": None}


class TestBackupIdentity:
    def test_is_made_once_and_belongs_to_its_owner(self, tmp_path: Path) -> None:
        path = tmp_path / "identity.txt"
        recipient = ensure_backup_identity(path)
        assert recipient.startswith("age1")
        assert ensure_backup_identity(path) == recipient
        assert path.stat().st_mode & 0o777 == 0o600

    @pytest.mark.parametrize("text", ["", "AGE-SECRET-KEY-1NOPE\n", "age1x\n", "two\nlines\n"])
    def test_anything_else_in_its_place_is_refused(self, tmp_path: Path, text: str) -> None:
        path = tmp_path / "identity.txt"
        path.write_text(text)
        path.chmod(0o600)
        with pytest.raises(StopRefusedInput, match="no age identity"):
            ensure_backup_identity(path)


class TestSimulatedApproval:
    def test_says_yes_to_exactly_one_request_of_a_dry_run(self, tmp_path: Path) -> None:
        runner = dry_runner(tmp_path)
        result = runner.cut(document_id=CODE)
        now = datetime.now(UTC)
        text = simulated_approval(result.context, now)
        asked = waiting(result.context)
        record = validate_approval_text(
            text,
            gate=asked.request.gate,
            run_id=result.run_id,
            now_utc=now,
            payload_sha256=asked.request.request_sha256,
        )
        assert record.payload_sha256 == asked.request.request_sha256
        result = runner.resume(result.run_id, approval_kb_id=text)
        assert result.state is OrchestratorState.AWAITING_LIFECYCLE_AUTHORIZATION
        result = runner.resume(result.run_id, simulated_approval(result.context, now))
        assert result.state is OrchestratorState.CLOSEOUT_REPORTED
        with pytest.raises(StopRefusedInput, match="waits for no approval"):
            simulated_approval(result.context, now)


class TestSample:
    def test_is_the_source_tree_s_own_here(self) -> None:
        assert sample_path("icx-const-v1.md") == ROOT / "examples" / "icx-const-v1.md"

    def test_that_is_not_there_is_said(self) -> None:
        with pytest.raises(StopSourceUnreadable, match=r"nothing\.md"):
            sample_path("nothing.md")

    def test_is_found_inside_an_installed_package(self, tmp_path: Path) -> None:
        """The wheel holds the examples, and a program that has only the wheel finds them there."""
        build = (sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path))
        subprocess.run(build, cwd=ROOT, check=True, capture_output=True)
        (wheel,) = tmp_path.glob("*.whl")
        installed = tmp_path / "installed"
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(installed)
        program = (
            "from cutter_agent.bootstrap.sample import sample_path;"
            "print(sample_path('icx-const-v1.md'))"
        )
        found = subprocess.run(
            (sys.executable, "-c", program),
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(installed)},
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        assert Path(found).is_relative_to(installed)
        assert Path(found).read_bytes() == (ROOT / "examples" / "icx-const-v1.md").read_bytes()
