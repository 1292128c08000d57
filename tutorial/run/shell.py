"""One terminal: commands one after the other, in a shell that remembers where it is and what was
exported, as a reader's does.

Each command is a bash of its own on a pseudo-terminal, so that programs print what they print to a
person. It cannot read: what asks for input gets the end of the file.
"""

import fcntl
import os
import pty
import select
import signal
import struct
import subprocess
import termios
import time
from dataclasses import dataclass
from pathlib import Path

LIMIT = 300  # seconds; for the slowest command there is, on a busy machine
# What bash does around a command: go where the last one ended, and say where this one did. `eval`
# keeps a syntax error of the page from hiding the rest.
BEFORE = """
[ -f "$NOTES/env" ] && . "$NOTES/env"
cd "$(cat "$NOTES/cwd")" || exit 125
eval "$COMMAND"
"""
AFTER = """
status=$?
pwd > "$NOTES/cwd"
export -p | grep -v '^declare -x \\(COMMAND\\|NOTES\\|PWD\\|OLDPWD\\|SHLVL\\|_\\)' > "$NOTES/env"
exit $status
"""


@dataclass(frozen=True)
class Result:
    output: str
    status: int


class Shell:
    """A terminal whose memory is in the folder `notes`, outside the reader's own."""

    def __init__(self, folder: Path, notes: Path, environment: dict[str, str]) -> None:
        self.notes, self.environment = notes, environment
        notes.mkdir(parents=True, exist_ok=True)
        (notes / "cwd").write_text(f"{folder}\n")
        (notes / "env").unlink(missing_ok=True)

    @property
    def memory(self) -> str:
        """Where the shell is and what it exports: to tell whether a command changed it."""
        env = self.notes / "env"
        exported = [] if not env.exists() else env.read_text().splitlines()
        return (self.notes / "cwd").read_text() + "\n".join(sorted(exported))

    @property
    def folder(self) -> Path:
        return Path((self.notes / "cwd").read_text().rstrip("\n"))

    def rename(self, old: Path, new: Path) -> None:
        """A folder that exported variables name is elsewhere now."""
        env = self.notes / "env"
        env.write_text(env.read_text().replace(f"{old}/", f"{new}/").replace(f'{old}"', f'{new}"'))

    def program(self, command: str, after: str = "") -> tuple[list[str], dict[str, str]]:
        """What does a command where this shell is, and its environment."""
        own = {"COMMAND": command, "NOTES": str(self.notes)}
        return ["bash", "-c", BEFORE + after], self.environment | own

    def run(self, command: str) -> Result:
        """Do the command; TimeoutError after LIMIT seconds, when all that it started is killed."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 100, 0, 0))
        program, environment = self.program(command, AFTER)
        process = subprocess.Popen(  # noqa: S603  the page's own commands
            program,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
        )
        os.close(theirs)
        try:
            output = read_until_end(ours, process)
        except TimeoutError as error:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise TimeoutError(f"{command}: no end after {LIMIT} s") from error
        finally:
            os.close(ours)
        return Result(output.decode(errors="replace"), process.wait())


def read_until_end(terminal: int, process: subprocess.Popen[bytes]) -> bytes:
    """All that is printed to the terminal until the process has ended."""
    output, deadline = b"", time.monotonic() + LIMIT
    while time.monotonic() < deadline:
        ended = process.poll() is not None
        while select.select([terminal], [], [], 0 if ended else 0.05)[0]:
            try:
                part = os.read(terminal, 65536)
            except OSError:  # Linux's way of saying that nobody has it open any more
                process.wait()
                return output
            output += part
            if not part:
                break
        if ended:
            return output
    raise TimeoutError
