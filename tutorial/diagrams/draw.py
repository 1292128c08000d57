"""Draw each diagram: NAME.svg from NAME.dot, with Graphviz. `--check` only looks for old ones.

The SVG says from which text it was drawn, since another version of Graphviz draws another one.
"""

import hashlib
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent


def mark(source: Path) -> str:
    digest = hashlib.sha256(source.read_bytes()).hexdigest()[:16]
    return f"<!-- {source.name} {digest} -->\n"


def draw(source: Path) -> str:
    command = ["dot", "-Tsvg", str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603
    return done.stdout.rstrip() + "\n" + mark(source)


def main() -> int:
    old = []
    for source in sorted(HERE.glob("*.dot")):
        picture = source.with_suffix(".svg")
        if "--check" not in sys.argv:
            picture.write_text(draw(source))
        elif not picture.exists() or not picture.read_text().endswith(mark(source)):
            old.append(picture.name)
    if old:
        print("run `make diagrams`: out of date are", *old)
    return 1 if old else 0


if __name__ == "__main__":
    sys.exit(main())
