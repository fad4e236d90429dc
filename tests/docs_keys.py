#!/usr/bin/env python3
"""Does docs/configuration.md name every key that the configuration file may have, and no other? Exit 1 when not. The keys are read
from the schema, agent/model/decode.cpp."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def main():
    schema = set(re.findall(r'\.key = "(\w+)"', (ROOT / "agent/model/decode.cpp").read_text()))
    text = (ROOT / "docs/configuration.md").read_text()
    first_cells = [line.split("|")[1] for line in text.splitlines() if line.startswith("| `")]
    rows = {key for cell in first_cells for key in re.findall(r"`(\w+)`", cell)}
    named = set(re.findall(r"`(\w+)(?: =|`)", text)) | set(re.findall(r"\[\[?(?:service\.)?(\w+)\]\]?", text))
    inline = set(re.findall(r"\w+", " ".join(re.findall(r"\{ ([\w, ]+) \}", text))))
    wrong = [f"{key}: in the schema, not in docs/configuration.md" for key in sorted(schema - named - rows - inline)]
    wrong += [f"{key}: in docs/configuration.md, not in the schema" for key in sorted(rows - schema)]
    print("\n".join(wrong) or f"{len(schema)} keys, all described")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
