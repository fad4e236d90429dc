#!/usr/bin/env python3
"""Puts a report of proxip_bench into docs/performance.md, as a table and as bars: tests/bench/publish.py [--partial] [REPORT]

    tests/bench/run.sh --publish                          # runs all cases, and then this
    tests/bench/publish.py < report                       # one that was kept
    tests/bench/publish.py docs/performance.md            # only draws the bars of the document's own table anew

The table and the line of circumstances after it replace what stands between <!-- figures --> and <!-- /figures -->; the bars go to the
.svg beside the document. A report is refused when packets were lost or when it lacks a case that the document has, unless with
--partial: then the document shows what the report has."""

import argparse
import dataclasses
import pathlib
import re
import sys
from xml.sax.saxutils import escape

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
DOCUMENT = ROOT / "docs/performance.md"
START, END = "<!-- figures -->\n", "<!-- /figures -->\n"
HEADER = "| case | own ns a packet | calmest | x floor | x nftables | target | arrived |"
CIRCUMSTANCES = re.compile(r"Linux \S+, CPU ")

# What a target may refer to besides the case's own counterparts, by the short name that proxip_bench has for it.
CASES = {"pass": "a program that only passes", "pool-1": "proxip, each packet a new connection, pool 1 % full"}


class Refused(Exception):
    pass


# ---- the report


@dataclasses.dataclass
class Row:
    title: str
    own: float
    least: float
    most: float
    x_floor: float | None
    x_nftables: float | None
    target: str
    arrived: str


@dataclasses.dataclass
class Report:
    table: list[str]
    rows: list[Row]
    circumstances: str


def parse_row(line):
    cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
    if len(cells) != 7:
        raise Refused(f"{line!r}: found {len(cells)} columns, expected 7")
    own = re.fullmatch(r"(\d+) \((\d+)-(\d+)\)", cells[1])
    if not own:
        raise Refused(f"{line!r}: found {cells[1]!r}, expected 'median (least-most)'")
    return Row(cells[0], *map(float, own.groups()), median(cells[3]), median(cells[4]), cells[5].replace("*", ""), cells[6])


def median(cell):
    return None if cell == "–" else float(cell.split()[0])


def parse(text):
    lines = text.splitlines()
    if HEADER not in lines:
        raise Refused(f"no table of times: found no line {HEADER!r}")
    first = lines.index(HEADER)
    last = next((n for n in range(first, len(lines)) if not lines[n].startswith("|")), len(lines))
    rows = [parse_row(line) for line in lines[first + 2:last]]
    if not rows:
        raise Refused("the table has no cases")
    return Report(lines[first:last], rows, next((line for line in lines[last:] if CIRCUMSTANCES.match(line)), ""))


# ---- the document


def between_markers(text, name):
    if text.count(START) != 1 or text.count(END) != 1 or text.index(START) > text.index(END):
        raise Refused(f"{name}: expected one line {START.strip()} and after it one {END.strip()}")
    start = text.index(START) + len(START)
    return start, text.index(END)


def objections(report, old):
    yield from (f"{row.title}: {row.arrived}" for row in report.rows if row.arrived != "all")
    new = {row.title for row in report.rows}
    yield from (f"{row.title}: the document has it, the report does not" for row in old if row.title not in new)


def old_rows(text):
    return parse(text).rows if HEADER in text else []


def block(report):
    lines = report.table + (["", report.circumstances] if report.circumstances else [])
    return "\n".join(lines) + "\n"


# ---- the bars

WIDTH, MARGIN = 1000, 20  # pixels, as all of these
LETTER, NOTE, DIGIT = 6.6, 7.4, 9.0  # the width of one, about: the reader's font is not known here. In labels, remarks, figures
TOP, STEP, BAR, GAP = 84, 27, 14, 7
LEGEND_LEFT = 360
FLOOR, NFTABLES, PROXIP = "floor", "nftables", "proxip"
LEGEND = {FLOOR: "bare XDP program", NFTABLES: "nftables", PROXIP: "proxip"}
STYLE = """
.ground{fill:#ffffff;stroke:#d0d7de}
text{fill:#1f2328;font:13px system-ui,-apple-system,"Segoe UI","Noto Sans","DejaVu Sans",sans-serif}
.heading{font-size:16px;font-weight:600}.number{font-weight:600}.quiet{fill:#57606a;font-size:12px}.tick{text-anchor:middle}
.grid{stroke:#d8dee4}.spread{stroke:#1f2328;stroke-width:1.2;fill:none}
.floor{fill:#8c959f}.nftables{fill:#d4792a}.proxip{fill:#2f7de1}
.met{fill:#1a7f37}.missed{fill:#cf222e}
@media (prefers-color-scheme:dark){
.ground{fill:#0d1117;stroke:#30363d}text{fill:#e6edf3}.quiet{fill:#9198a1}.grid{stroke:#2a313a}.spread{stroke:#f0f6fc}
.floor{fill:#768390}.nftables{fill:#c9752d}.proxip{fill:#3b82e0}.met{fill:#56d364}.missed{fill:#ff7b72}
}"""


def group(title):
    return next((name for name in (NFTABLES, PROXIP) if title.startswith(name)), FLOOR)


def limit(row, rows):
    """What a packet of this row may cost, in ns, or None. Of the row's own ratio, which is taken round by round, so that the mark
    is on the side of the bar's end that the verdict says."""
    found = re.search(r"≤ ([\d.]+) × (\S+)", row.target)
    if not found:
        return None
    factor, than = float(found[1]), found[2]
    ratio = row.x_floor if than.startswith("floor") else row.x_nftables if than.startswith("nft") else None
    if ratio:
        return row.own / ratio * factor
    other = next((one for one in rows if one.title == CASES.get(than)), None)
    if other is None:
        print(f"{row.title}: no mark, since there is no case for {than!r}", file=sys.stderr)
        return None
    return other.own * factor


def scale_step(most):
    return next(step for step in (10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 10**9) if most / step <= 6)


def reach(row, mark):
    return max(row.own, row.most, mark or 0)


def remarks(row, mark):
    """What is written after a row's figure: [(class, text)]."""
    verdict = [("missed" if row.target.startswith("missed") else "met", row.target)] if mark else []
    return verdict + ([("missed", row.arrived)] if row.arrived != "all" else [])


def pixels_per_ns(rows, marks, width):
    """As much as leaves room for what is written after each bar."""
    def room(row, mark):
        return width - GAP - DIGIT * len(f"{row.own:,.0f}") - sum(8 + NOTE * len(text) for _, text in remarks(row, mark))

    return min(room(row, mark) / max(reach(row, mark), 1) for row, mark in zip(rows, marks))


def bar(row, y, x, mark):
    """One row, of which y is the middle."""
    end, verdict = x(row.own), "missed" if row.target.startswith("missed") else "met"
    out = [f'<text x="{MARGIN}" y="{y + 4.5}">{escape(row.title)}</text>',
           f'<rect class="{group(row.title)}" x="{x(0):.1f}" y="{y - BAR / 2}" width="{end - x(0):.1f}" height="{BAR}"/>',
           f'<path class="spread" d="M{x(row.least):.1f} {y}H{x(row.most):.1f}m0-3v6M{x(row.least):.1f} {y - 3}v6"/>']
    if mark:
        out.append(f'<rect class="{verdict}" x="{x(mark) - 1.25:.1f}" y="{y - 11}" width="2.5" height="22"/>')
    notes = "".join(f'<tspan class="{kind}" dx="8">{escape(text)}</tspan>' for kind, text in remarks(row, mark))
    out.append(f'<text x="{x(reach(row, mark)) + GAP:.1f}" y="{y + 4.5}"><tspan class="number">{row.own:,.0f}</tspan>{notes}</text>')
    return "".join(out)


def legend(left, y):
    out = []
    for name, text in LEGEND.items():
        out.append(f'<rect class="{name}" x="{left:.1f}" y="{y - 11}" width="{BAR}" height="{BAR}"/><text x="{left + 20:.1f}" y="{y}">{text}</text>')
        left += 46 + 6.9 * len(text)
    out.append(f'<path class="spread" d="M{left:.1f} {y - 4}h22m0-3v6m-22-6v6"/><text x="{left + 28:.1f}" y="{y}">all rounds</text>')
    left += 108
    out.append(f'<rect class="met" x="{left:.1f}" y="{y - 14}" width="2.5" height="20"/><rect class="missed" x="{left + 6:.1f}" y="{y - 14}" width="2.5" height="20"/>'
               f'<text x="{left + 15:.1f}" y="{y}">target, met or missed</text>')
    return "".join(out)


def draw(report):
    rows = report.rows
    marks = [limit(row, rows) for row in rows]
    most = max(map(reach, rows, marks))
    labels = MARGIN + 14 + LETTER * max(50, *(len(row.title) for row in rows))
    per_ns = pixels_per_ns(rows, marks, WIDTH - MARGIN - labels)

    def x(ns):
        return labels + ns * per_ns

    bottom = TOP + STEP * len(rows)
    height = bottom + (52 if report.circumstances else 30)
    step = scale_step(most)
    grid = "".join(f'<path class="grid" d="M{x(ns):.1f} {TOP - 4}V{bottom}"/><text class="quiet tick" x="{x(ns):.1f}" y="{bottom + 16}">{ns:,}</text>'
                   for ns in range(0, int(most) + 1, step))
    bars = "\n".join(bar(row, TOP + STEP * n + STEP / 2, x, mark) for n, (row, mark) in enumerate(zip(rows, marks)))
    below = f'<text class="quiet" x="{MARGIN}" y="{height - 14}">{escape(report.circumstances)}</text>' if report.circumstances else ""
    described = escape("; ".join(f"{row.title}: {row.own:.0f}" for row in rows))
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" aria-labelledby="title description">
<title id="title">Own cost of a packet, in nanoseconds</title>
<desc id="description">{described}</desc>
<style>{STYLE}
</style>
<rect class="ground" x="0.5" y="0.5" width="{WIDTH - 1}" height="{height - 1}" rx="8"/>
<text class="heading" x="{MARGIN}" y="34">Own cost of a packet, in nanoseconds</text>
<text class="quiet" x="{MARGIN}" y="56">median of the rounds; less is better</text>
{legend(LEGEND_LEFT, 56)}
{grid}
{bars}
{below}
</svg>
"""


def publish(report, document, partial):
    text = document.read_text(encoding="utf-8")
    start, end = between_markers(text, document.name)
    why_not = list(objections(report, old_rows(text[start:end])))
    if why_not and not partial:
        raise Refused("\n".join(["not published (--partial does it all the same):", *why_not]))
    document.write_text(text[:start] + block(report) + text[end:], encoding="utf-8")
    document.with_suffix(".svg").write_text(draw(report), encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("report", nargs="?", default="-", help="else standard input")
    parser.add_argument("--partial", action="store_true")
    parser.add_argument("--document", type=pathlib.Path, default=DOCUMENT)
    options = parser.parse_args()
    try:
        report = parse(sys.stdin.read() if options.report == "-" else pathlib.Path(options.report).read_text(encoding="utf-8"))
        publish(report, options.document, options.partial)
    except (Refused, OSError) as error:
        sys.exit(f"publish.py: {error}")


if __name__ == "__main__":
    main()
