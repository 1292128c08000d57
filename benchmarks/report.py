"""The two tables, in Markdown: what each server did under load, and what the targets say."""

from figures import Row, Target


def table(head: list[str], lines: list[list[str]]) -> str:
    """A Markdown table: the first column to the left, the others to the right."""
    widths = [max(map(len, cells)) for cells in zip(head, *lines, strict=True)]
    rule = [widths[0] * "-", *((width - 1) * "-" + ":" for width in widths[1:])]

    def line(cells: list[str]) -> str:
        others = [c.rjust(w) for c, w in zip(cells[1:], widths[1:], strict=True)]
        return f"| {' | '.join([cells[0].ljust(widths[0]), *others])} |"

    return "\n".join(map(line, [head, rule, *lines]))


def loads(rows: list[Row]) -> str:
    head = ["server", "connections", "requests/s", "p50 ms", "p99 ms", "CPU µs a request"]
    ordered = sorted(rows, key=lambda row: row.connections)
    lines = [
        [r.server, str(r.connections), f"{r.load.rate:,.0f}", f"{r.load.p50 * 1000:.2f}",
         f"{r.load.p99 * 1000:.2f}", f"{r.load.cpu * 1e6:,.0f}"]
        for r in ordered
    ]  # fmt: skip
    return table(head, lines)


def targets(found: list[Target]) -> str:
    head = ["figure", "target", "measured", "", "from"]
    lines = [
        [t.figure, f"{t.sign} {t.target:g} {t.unit}", f"{t.measured:.2f} {t.unit}",
         "met" if t.met else "missed", t.because]
        for t in found
    ]  # fmt: skip
    return table(head, lines)


def report(rows: list[Row], found: list[Target]) -> str:
    return "\n\n".join(([loads(rows)] if rows else []) + [targets(found)])
