#!/usr/bin/env python3
"""publish.py: the document's own table comes out as it went in, and its bars are those that stand beside it; what must not be published
is refused, and then nothing is written. Exit 1 when not. The names of the cases are asked of proxip_bench (PROXIP_BIN, else
build/release/bin)."""

import os
import pathlib
import subprocess
import sys
import tempfile

import publish as publisher

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BENCH = pathlib.Path(os.environ.get("PROXIP_BIN", ROOT / "build/release/bin")) / "proxip_bench"
DOCUMENT, BARS = ROOT / "docs/performance.md", ROOT / "docs/performance.svg"
LINE = "Linux 6.18.0, CPU 1, load 0.90 at the end; generator alone 80 (79-82) ns a packet; 3 interruptions in 900 slices."
failed = False


def check(what, good):
    global failed
    if not good:
        print(f"  FAIL  {what}")
        failed = True


def main():
    text = DOCUMENT.read_text(encoding="utf-8")
    start = text.index("<!-- figures -->\n") + len("<!-- figures -->\n")
    table = [line for line in text[start:text.index("<!-- /figures -->")].splitlines() if line.startswith("|")]
    with tempfile.TemporaryDirectory() as folder:
        document = pathlib.Path(folder, "performance.md")
        bars = document.with_suffix(".svg")

        def publish(report, *options):
            """Whether it was published, and the document then."""
            document.write_text(text, encoding="utf-8")
            bars.unlink(missing_ok=True)
            command = [ROOT / "tests/bench/publish.py", "--document", document, *options]
            done = subprocess.run(command, input=report, text=True, capture_output=True)
            return done.returncode == 0, document.read_text(encoding="utf-8")

        def refused(what, report, *, partial):
            check(f"{what}: refused", publish(report) == (False, text) and not bars.exists())
            check(f"{what}: with --partial", publish(report, "--partial")[0] == partial)

        check("the document's own table: the same document", publish(text) == (True, text))
        check("docs/performance.svg shows its table (tests/bench/publish.py docs/performance.md draws it)",
              bars.exists() and bars.read_bytes() == BARS.read_bytes())
        check("below 30 KB", BARS.stat().st_size < 30000)

        good, new = publish("\n".join([*table, "", LINE, "Kernel memory a connection: 228 bytes."]) + "\n")
        check("a report with its circumstances", good and new[start:].startswith("\n".join([*table, "", LINE, "<!-- /figures -->"])))
        check("they are in the bars' picture", LINE in bars.read_text(encoding="utf-8"))

        refused("a case is missing", "\n".join(table[:-1]), partial=True)
        refused("packets were lost", "\n".join([*table[:-1], table[-1].removesuffix("all |") + "3 of 900 lost |"]), partial=True)
        refused("no times", "| case | arrived |\n|---|---|\n| nftables, 1,000 connections | all |\n", partial=False)
        refused("no report", "", partial=False)
        refused("a row that is cut off", "\n".join([*table[:-1], table[-1][:30]]), partial=False)
    cases = dict(line.split(None, 1) for line in subprocess.check_output([BENCH, "--list"], text=True).splitlines())
    for name, title in publisher.CASES.items():
        check(f"{name} is a case, and called so", cases.get(name) == title)
    sys.exit(failed)


if __name__ == "__main__":
    main()
