"""All proofs in turn: `python tests/prove` in their short form, with --full in full; or --broken.

Every program in this folder that can be run is one. Ends with status 1 when any of them did.
"""

import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
ENTRY = '\nif __name__ == "__main__":'


def main() -> int:
    words, failed = sys.argv[1:], []
    for program in sorted(HERE.glob("[!_]*.py")):
        if ENTRY not in program.read_text():
            continue
        print(f"\n== {program.name} {' '.join(words)}", flush=True)
        began = time.monotonic()
        if subprocess.run([sys.executable, str(program), *words]).returncode:
            failed.append(program.name)
        print(f"{time.monotonic() - began:.0f} s", flush=True)
    print("\nbroken: " + ", ".join(failed) if failed else "\nevery promise held")
    return bool(failed)


if __name__ == "__main__":
    sys.exit(main())
