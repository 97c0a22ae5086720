"""`python -m lpzero`: the command that came with the wheel."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
from pathlib import Path


def command() -> Path:
    """The command's file. Raises :class:`FileNotFoundError` where it was not installed."""
    name = "lpzero" + (sysconfig.get_config_var("EXE") or "")
    places = [
        sysconfig.get_path("scripts"),
        sysconfig.get_path("scripts", sysconfig.get_preferred_scheme("user")),
        str(Path(__file__).parent.parent / "bin"),
    ]
    for place in places:
        path = Path(place) / name
        if path.is_file():
            return path
    raise FileNotFoundError(f"{name}: not in {', '.join(places)}")


def main() -> int:
    """Run the command with the arguments of this process."""
    arguments = [str(command()), *sys.argv[1:]]
    if os.name == "posix":
        os.execv(arguments[0], arguments)
    return subprocess.run(arguments, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
