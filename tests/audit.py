"""Known vulnerabilities in what the lock files install: pip-audit, and what it could not see.

    make audit

Ends with status 1 when there is one. pip-audit itself ends well where it reaches no data at all (a
closed network, a mirror without PyPI's JSON API): then this says so, and how much was not audited.
"""

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent


def audit(lock: Path) -> list[dict[str, object]]:
    """What pip-audit says of each package; an empty list where it cannot reach its data."""
    command = [sys.executable, "-m", "pip_audit", "--format", "json", "--progress-spinner", "off"]
    command += ["--disable-pip", "--require-hashes", "--requirement", str(lock)]
    done = subprocess.run(command, capture_output=True, text=True)
    if not done.stdout.startswith("{"):
        print(done.stderr.strip().rpartition("\n")[2][:300])
        return []
    return list(json.loads(done.stdout)["dependencies"])


def main() -> int:
    found = 0
    for lock in sorted(ROOT.glob("requirements*.lock")):
        packages = audit(lock)
        seen = [package for package in packages if "skip_reason" not in package]
        bad = [package for package in seen if package["vulns"]]
        for package in bad:
            print(f"{package['name']} {package['version']}: {package['vulns']}")
        found += len(bad)
        print(f"{lock.name}: {len(seen)} of {len(packages)} audited, {len(bad)} vulnerable")
        if not seen:
            print("pip-audit cannot reach its data here: NOTHING is known of these packages")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
