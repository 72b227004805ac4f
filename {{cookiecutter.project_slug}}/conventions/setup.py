"""`python -m conventions.setup`: make `.env` from `.env.example`, with secrets of its own."""

import secrets
from pathlib import Path

PLACEHOLDER = "change-me"


def make_env_file(*, root: Path) -> bool:
    """Write `root/.env` unless it is there. Each `change-me` becomes a fresh random secret.

    Returns whether it wrote one. An existing file is never touched.
    """
    target = root / ".env"
    if target.exists():
        return False
    lines = (root / ".env.example").read_text(encoding="utf-8").splitlines(keepends=True)
    filled = (
        line if line.startswith("#") else line.replace(PLACEHOLDER, secrets.token_urlsafe(50))
        for line in lines
    )
    target.touch(mode=0o600)  # before the secrets are in it
    target.write_text("".join(filled), encoding="utf-8")
    return True


if __name__ == "__main__":
    if make_env_file(root=Path.cwd()):
        print("Wrote .env with fresh secrets.")
