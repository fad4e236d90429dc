#!/usr/bin/env python3
"""Holds the includes against the one-way rule of the rooms (CONTRIBUTING.md):

    bpf/abi <- model <- policy <- {dataplane, net, probe, store, api, serve} <- app        {model, api} <- cli

A room may include its own headers and those of the rooms that the table below allows. The rooms in braces do not know each
other, but for `serve`, which speaks the protocol that `api` defines. Exit 1 and one line for each include that breaks it.
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

BASE = {"abi", "model", "policy"}
ALLOWED = {
    "abi": set(),
    "bpf": {"abi"},
    "model": {"abi"},
    "policy": {"abi", "model"},
    "dataplane": BASE,
    "net": BASE,
    "probe": BASE,
    "store": BASE,
    "api": BASE,
    "serve": BASE | {"api"},
    "app": BASE | {"dataplane", "net", "probe", "store", "api", "serve"},
    "cli": {"api", "model"},
}
SUFFIXES = {".hpp", ".cpp", ".h", ".c"}
INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)')


def room_of(path):
    """The room of a file, by its path from the root; None for what is nobody's room (tests, the system)."""
    parts = pathlib.PurePosixPath(path).parts
    if parts[:2] == ("bpf", "abi"):
        return "abi"
    if parts[0] in ("bpf", "cli"):
        return parts[0]
    if parts[0] == "agent" and len(parts) > 2:
        return parts[1]
    return None


def target_of(including, name, quoted, exists):
    """The path from the root that an include means, or None when it is none of ours."""
    beside = pathlib.PurePosixPath(including).parent / name
    for candidate in (beside, pathlib.PurePosixPath("agent") / name, pathlib.PurePosixPath(name),
                      pathlib.PurePosixPath("bpf") / name):
        normal = normalize(candidate)
        if normal and exists(normal):
            return normal
    if not quoted:
        return None  # <net/if.h> is the system's
    # A header that is not there would fail to compile; its name still says which room was meant.
    first = pathlib.PurePosixPath(name).parts[0]
    if first in ALLOWED and len(pathlib.PurePosixPath(name).parts) > 1:
        return f"agent/{name}" if first not in ("bpf", "cli", "abi") else name
    return None


def normalize(path):
    parts = []
    for part in path.parts:
        if part == "..":
            if not parts:
                return None
            parts.pop()
        elif part != ".":
            parts.append(part)
    return "/".join(parts)


def generated(name):
    """The skeleton is made from the BPF object, and is the data plane's."""
    return name.endswith(".skel.h")


def violations(files, exists):
    """files: path -> text. Yields one line for each include that breaks the rule."""
    for path, text in sorted(files.items()):
        room = room_of(path)
        if room is None:
            continue
        if room not in ALLOWED:
            yield f"{path}: room '{room}' is not in the table of {pathlib.Path(__file__).name}"
            continue
        for number, line in enumerate(text.splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            name = match[1] or match[2]
            if generated(name) or name.startswith("bpf/libbpf") or name in ("bpf/bpf.h", "bpf/btf.h"):
                if room != "dataplane":
                    yield f"{path}:{number}: {room} includes {name}; only dataplane speaks to the kernel"
                continue
            target = target_of(path, name, match[1] is not None, exists)
            other = room_of(target) if target else None
            if other is not None and other != room and other not in ALLOWED[room]:
                yield f"{path}:{number}: {room} includes {name} of {other}; it may include {sorted(ALLOWED[room]) or 'nothing of ours'}"


def self_test():
    """What must be found is found, and what is right is not."""
    wrong = {
        "agent/model/a.hpp": '#include "policy/scheduling.hpp"',
        "agent/net/a.cpp": '#include "store/store.hpp"',
        "agent/policy/a.cpp": '#include <net/netlink.hpp>',
        "agent/api/a.cpp": '  #  include "app/agent.hpp"',
        "cli/a.cpp": '#include "policy/health.hpp"',
        "cli/b.cpp": '#include "bpf/abi/types.h"',
        "bpf/abi/a.h": '#include "../conn.h"',
        "bpf/a.h": '#include "../agent/model/config.hpp"',
        "agent/probe/a.cpp": "#include <bpf/libbpf.h>",
        "agent/attic/a.cpp": "",
    }
    right = {
        "agent/app/main.cpp": '#include "store/store.hpp"\n#include "dataplane/dataplane.hpp"\n#include <vector>',
        "agent/serve/a.cpp": '#include "api/messages.hpp"\n#include "serve/session.hpp"',
        "agent/dataplane/a.cpp": '#include <bpf/libbpf.h>\n#include "proxip.skel.h"\n#include "bpf/abi/types.h"\n#include <net/if.h>',
        "cli/a.cpp": '#include "api/client.hpp"\n#include "cli/table.hpp"\n#include "model/address.hpp"',
        "bpf/conn.h": '#include "abi/types.h"\n#include "maps.h"\n#include <bpf/bpf_helpers.h>\n#include <linux/bpf.h>',
        "tests/unit/a.cpp": '#include "app/agent.hpp"',
    }
    known = set(wrong) | set(right) | {"bpf/conn.h", "agent/model/config.hpp", "bpf/abi/types.h", "bpf/maps.h", "agent/net/netlink.hpp"}
    for path, text in wrong.items():
        found = list(violations({path: text}, known.__contains__))
        if len(found) != 1:
            return f"self-test: '{text}' in {path} gave {found}, expected one violation"
    found = list(violations(right, known.__contains__))
    if found:
        return f"self-test: right includes were refused: {found}"
    return None


def main():
    problem = self_test()
    if problem:
        sys.exit(problem)
    files = {}
    for top in ("bpf", "agent", "cli"):
        for path in (ROOT / top).rglob("*"):
            if path.suffix in SUFFIXES:
                files[path.relative_to(ROOT).as_posix()] = path.read_text(encoding="utf-8")
    if not files:
        sys.exit("no sources found")
    found = list(violations(files, lambda name: (ROOT / name).is_file()))
    print(*found, sep="\n", end="\n" if found else "")
    print(f"{len(files)} files, {len(found)} includes against the one-way rule")
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
