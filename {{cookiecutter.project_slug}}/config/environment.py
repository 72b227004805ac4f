"""Where the project is, and the environment that it runs in. Needs no Django settings."""

import tomllib
from pathlib import Path

from trellis.env import Environment

BASE_DIR = Path(__file__).resolve().parent.parent
VAR_DIR = BASE_DIR / "var"  # what the running project writes, for nobody else to read
VAR_DIR.mkdir(mode=0o700, exist_ok=True)

env = Environment(root=BASE_DIR)
PRODUCTION = env.production

_about = tomllib.loads((BASE_DIR / "pyproject.toml").read_text(encoding="utf-8"))
PROJECT_NAME: str = _about["tool"]["trellis"]["project_name"]
PROJECT_DESCRIPTION: str = _about["project"]["description"]
