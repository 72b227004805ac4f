import stat
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.db import OperationalError

from trellis.commands import setup


class TestMakeEnvFile:
    def test_fills_in_fresh_secrets_that_only_the_owner_can_read(self, tmp_path: Path) -> None:
        (tmp_path / ".env.example").write_text("# change-me is replaced\nSECRET_KEY=change-me\n")

        assert setup.make_env_file(root=tmp_path)

        comment, setting = (tmp_path / ".env").read_text().splitlines()
        assert comment == "# change-me is replaced"
        assert len(setting) > 60
        assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600

    def test_never_touches_a_file_that_is_there(self, tmp_path: Path) -> None:
        (tmp_path / ".env.example").write_text("SECRET_KEY=change-me\n")
        (tmp_path / ".env").write_text("mine")

        assert not setup.make_env_file(root=tmp_path)
        assert (tmp_path / ".env").read_text() == "mine"


class TestPrepareDatabase:
    @pytest.mark.parametrize(
        ("error", "said"),
        [
            (ImproperlyConfigured(".env:3 is no setting."), ".env:3 is no setting."),
            (OperationalError("refused"), "DATABASE_URL names does not answer: refused"),
        ],
    )
    def test_says_what_is_not_right_in_one_line(
        self, error: Exception, said: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail() -> None:
            raise error

        monkeypatch.setattr("trellis.commands.setup.connection.ensure_connection", fail)

        with pytest.raises(SystemExit, match=said):
            setup.prepare_database()
