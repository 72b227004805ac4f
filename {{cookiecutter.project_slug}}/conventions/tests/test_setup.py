import stat
from pathlib import Path

from conventions.setup import make_env_file


class TestMakeEnvFile:
    def test_fills_in_fresh_secrets_that_only_the_owner_can_read(self, tmp_path: Path) -> None:
        (tmp_path / ".env.example").write_text("# change-me is replaced\nSECRET_KEY=change-me\n")

        assert make_env_file(root=tmp_path)

        comment, setting = (tmp_path / ".env").read_text().splitlines()
        assert comment == "# change-me is replaced"
        assert len(setting) > 60
        assert stat.S_IMODE((tmp_path / ".env").stat().st_mode) == 0o600

    def test_never_touches_a_file_that_is_there(self, tmp_path: Path) -> None:
        (tmp_path / ".env.example").write_text("SECRET_KEY=change-me\n")
        (tmp_path / ".env").write_text("mine")

        assert not make_env_file(root=tmp_path)
        assert (tmp_path / ".env").read_text() == "mine"
