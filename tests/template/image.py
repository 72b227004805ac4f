"""Build an image by following a Dockerfile, without a Docker engine, and run commands in it.

The base image is this machine: each stage is an overlay over its root directory, in a mount
namespace of its own, so that nothing outside is changed. It needs root and Linux.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatch
from pathlib import Path

PYTHON = Path(sys.base_prefix) / "bin"


@dataclass
class Stage:
    """What one FROM begins, as far as it was followed."""

    root: Path
    environment: dict[str, str]
    workdir: str = "/"
    user: str = "root"
    command: list[str] = field(default_factory=list)
    healthcheck: list[str] = field(default_factory=list)
    stop_signal: str = "SIGTERM"


class Image:
    """The last stage of a Dockerfile."""

    def __init__(self, *, namespace: int, scratch: Path) -> None:
        self._namespace = namespace
        self._scratch = scratch
        self._arguments: dict[str, str] = {}
        self._stages: dict[str, Stage] = {}
        self.stage = Stage(Path("/"), {})

    def build(self, context: Path) -> None:
        """Follow `context/Dockerfile`. Raises `CalledProcessError` for a step that fails."""
        text = re.sub(r"^\s*#.*\n", "", (context / "Dockerfile").read_text(), flags=re.MULTILINE)
        for line in text.replace("\\\n", " ").splitlines():
            word, _, rest = line.strip().partition(" ")
            if word:
                getattr(self, f"_{word.lower()}")(rest.strip(), context)

    def start(
        self, command: list[str], *, log: Path, read_only: bool = False, **environment: str
    ) -> "subprocess.Popen[bytes]":
        """Start a command as the image's user, with its environment and `environment`.

        `read_only`: it can write to a /tmp of its own and to nothing else, as with Docker.
        """
        stage = self.stage
        variables = {"HOME": "/nonexistent"} | stage.environment | environment
        values = [f"{name}={value}" for name, value in variables.items()]
        inside = ["chroot", f"--userspec={stage.user}", str(stage.root), "env", "-i", *values]
        cd = ["sh", "-c", f'cd {stage.workdir} && exec "$@"', "sh"]
        mount = f"mount -o remount,bind,ro {stage.root} && mount -t tmpfs tmpfs {stage.root}/tmp"
        alone = ["unshare", "--mount", "sh", "-c", f'{mount} && exec "$@"', "sh"]
        enter = [*self._enter(), *(alone if read_only else [])]
        with log.open("w") as output:
            return subprocess.Popen(
                [*enter, *inside, *cd, *command], stdout=output, stderr=subprocess.STDOUT
            )

    def run(self, *command: str, **environment: str) -> tuple[int, str]:
        """Run a command to its end; return its exit status and what it printed."""
        log = self._scratch / "printed"
        status = self.start([*command], log=log, read_only=False, **environment).wait(timeout=120)
        return status, log.read_text()

    def _enter(self) -> list[str]:
        return ["nsenter", "--mount", "--target", str(self._namespace)]

    def _privileged(self, *command: str) -> None:
        subprocess.run([*self._enter(), *command], check=True, capture_output=True, text=True)

    def _arg(self, rest: str, context: Path) -> None:
        name, _, value = rest.partition("=")
        self._arguments[name] = value

    def _from(self, rest: str, context: Path) -> None:
        assert rest.startswith("${BASE}"), "this machine stands in for the base"
        folder = self._scratch / f"stage{len(self._stages)}"
        for name in ("upper", "work", "root"):
            (folder / name).mkdir(parents=True)
        root = folder / "root"
        options = f"lowerdir=/,upperdir={folder / 'upper'},workdir={folder / 'work'}"
        self._privileged("mount", "-t", "overlay", "overlay", "-o", options, str(root))
        for name in ("dev", "proc"):
            self._privileged("mount", "--rbind", f"/{name}", str(root / name))
        for parent in PYTHON.parents:  # its Python may be in root's home
            self._privileged("chmod", "o+x", f"{root}{parent}")
        kept = {name: value for name, value in os.environ.items() if name.endswith("_CERT_FILE")}
        path = f"{PYTHON}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        self.stage = Stage(root, kept | {"PATH": path})
        self._stages[rest.rpartition(" AS ")[2]] = self.stage

    def _env(self, rest: str, context: Path) -> None:
        for pair in shlex.split(rest):
            name, _, value = pair.partition("=")
            before = self.stage.environment
            self.stage.environment[name] = value.replace("$PATH", before["PATH"])

    def _workdir(self, rest: str, context: Path) -> None:
        self.stage.workdir = rest
        self._privileged("mkdir", "-p", f"{self.stage.root}{rest}")

    def _user(self, rest: str, context: Path) -> None:
        self.stage.user = rest

    def _expose(self, rest: str, context: Path) -> None:
        pass

    def _stopsignal(self, rest: str, context: Path) -> None:
        self.stage.stop_signal = rest

    def _cmd(self, rest: str, context: Path) -> None:
        self.stage.command = json.loads(rest)

    def _healthcheck(self, rest: str, context: Path) -> None:
        self.stage.healthcheck = json.loads(rest.partition("CMD ")[2])

    def _run(self, rest: str, context: Path) -> None:
        command = re.sub(r"^(--\S+\s+)+", "", rest)
        done = self.run("sh", "-c", command, HOME="/root")
        if done[0]:
            raise subprocess.CalledProcessError(done[0], command, done[1])

    def _copy(self, rest: str, context: Path) -> None:
        words = rest.split()
        flags = dict(word[2:].split("=", 1) for word in words if word.startswith("--"))
        *sources, target = [word for word in words if not word.startswith("--")]
        inside = f"{self.stage.root}{Path(self.stage.workdir, target)}"
        if "from" in flags:
            (source,) = sources
            self._privileged("mkdir", "-p", str(Path(inside).parent))
            from_stage = f"{self._stages[flags['from']].root}{source}"
            self._privileged("cp", "-R", "--preserve=mode,links", from_stage, inside)
            return
        picked = self._scratch / "picked"
        for source in sources:
            for path in sorted(context.glob(source)) if source != "." else [context]:
                to = picked if path.is_dir() else picked / path.name
                picked.mkdir(exist_ok=True)
                copy_context(path, to, context=context)
        if mode := flags.get("chmod"):
            self._privileged("chmod", "-R", mode, str(picked))
        self._privileged("mkdir", "-p", inside)
        self._privileged("cp", "-R", "--preserve=mode,links", f"{picked}/.", inside)
        shutil.rmtree(picked)


def copy_context(path: Path, to: Path, *, context: Path) -> None:
    """Copy a file or folder of the build's context, but for what `.dockerignore` excludes."""
    patterns = [
        line.strip()
        for line in (context / ".dockerignore").read_text().splitlines()
        if line.strip() and not line.startswith("#")
    ]

    def ignored(folder: str, names: list[str]) -> set[str]:
        return {name for name in names if is_ignored(Path(folder, name), context, patterns)}

    if path.is_dir():
        shutil.copytree(path, to, dirs_exist_ok=True, symlinks=True, ignore=ignored)
    else:
        shutil.copy(path, to)


def is_ignored(path: Path, context: Path, patterns: list[str]) -> bool:
    """Tell whether the last pattern that matches excludes a path."""
    name = path.relative_to(context).as_posix()
    excluded = False
    for pattern in patterns:
        bare = pattern.removeprefix("!")
        if fnmatch(name, bare) or (bare.startswith("**/") and fnmatch(path.name, bare[3:])):
            excluded = not pattern.startswith("!")
    return excluded


@contextmanager
def built(context: Path, *, scratch: Path) -> Iterator[Image]:
    """Build the image of `context`; what runs in it must end before the block does."""
    holder = subprocess.Popen(["unshare", "--mount", "sleep", "infinity"])
    try:
        ours, its = (Path(f"/proc/{process}/ns/mnt") for process in ("self", holder.pid))
        while its.readlink() == ours.readlink():
            if holder.poll() is not None:
                raise OSError("a mount namespace cannot be made here")
        image = Image(namespace=holder.pid, scratch=scratch)
        image.build(context)
        yield image
    finally:
        holder.kill()
        holder.wait()


def why_not_here() -> str:
    """Return why no image can be built on this machine; "" if one can."""
    if sys.platform != "linux" or os.geteuid() != 0:
        return "building the image takes root on Linux"
    missing = [name for name in ("unshare", "nsenter", "chroot") if not shutil.which(name)]
    return f"building the image takes {', '.join(missing)}" if missing else ""
