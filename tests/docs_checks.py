#!/usr/bin/env python3
"""Does docs/doctor.md describe every check of `lbctl doctor`, and no other? Exit 1 when not. The checks are read from
agent/model/doctor_check.hpp."""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def main():
    source = (ROOT / "agent/model/doctor_check.hpp").read_text()
    checks = re.findall(r'\{DoctorCheck::(\w+), "(\w+)"\}', source)
    enumerators = re.search(r"enum class DoctorCheck[^{]*\{(.*?)\};", source, re.S)[1]
    listed = set(re.findall(r"^\s*(\w+),", enumerators, re.M))
    rows = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/doctor.md").read_text(), re.M)
    names = {name for _, name in checks}
    wrong = [f"{name}: no name in doctor_checks" for name in sorted(listed - {one for one, _ in checks})]
    wrong += [f"{name}: not in docs/doctor.md" for name in sorted(names - set(rows))]
    wrong += [f"{name}: in docs/doctor.md, but no check" for name in sorted(set(rows) - names)]
    wrong += [f"{name}: twice in docs/doctor.md" for name in sorted({name for name in rows if rows.count(name) > 1})]
    print("\n".join(wrong) or f"{len(checks)} checks, all described")
    return 1 if wrong or not checks else 0


if __name__ == "__main__":
    sys.exit(main())
