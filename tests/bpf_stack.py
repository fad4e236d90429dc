#!/usr/bin/env python3
"""Does every chain of BPF functions fit into the kernel's 512 bytes of stack, as 6.1 counts them? bpf_stack.py OBJECT

6.1 rounds each function's frame up to 32 bytes, newer kernels to 16 or not at all, so a program may load here and be
refused there (check_max_stack_depth() in kernel/bpf/verifier.c). Prints the deepest chain of each program; exit 1 when
one is too deep. Frames and calls are read from the disassembly."""

import re
import subprocess
import sys

LIMIT, ROUNDING = 512, 32


class Function:
    def __init__(self, section):
        self.section, self.frame, self.calls = section, 0, set()


def disassembled(path):
    for tool in ("llvm-objdump", "llvm-objdump-14", "llvm-objdump-19"):
        try:
            return subprocess.run([tool, "-d", "-r", path], capture_output=True, text=True, check=True).stdout
        except FileNotFoundError:
            continue
    sys.exit("bpf_stack.py needs llvm-objdump")


def read(listing):
    functions, at, unresolved = {}, {}, []
    section = name = None
    last = ""
    for line in listing.splitlines():
        if match := re.match(r"Disassembly of section (\S+):", line):
            section = match[1]
        elif match := re.match(r"([0-9a-f]+) <(\S+)>:", line):
            if not match[2].startswith("LBB"):
                name = match[2]
                functions[name] = Function(section)
                at[section, int(match[1], 16)] = name
        elif name is None:
            continue
        elif match := re.search(r"R_BPF_64_(\d+)\s+(\S+)", line):
            unresolved += relocated(functions[name], match, last)
        else:
            unresolved += instruction(functions[name], line)
            last = line
    for function, where, address in unresolved:
        if callee := at.get((where, address)) or at.get((".text", address)):
            function.calls.add(callee)
    return functions


def relocated(function, match, last):
    """A call of a global function by its name; of a static one, or a callback, by its place in .text."""
    if match[1] == "32" and not match[2].startswith("."):
        function.calls.add(match[2])
    elif match[1] == "32":
        return [(function, ".text", (int(re.search(r"call (-?\w+)", last)[1], 0) + 1) * 8)]
    elif match[2] == ".text":
        return [(function, ".text", int(re.search(r"= (-?\w+)", last)[1], 0))]
    return []


def instruction(function, line):
    for match in re.finditer(r"\(r10 - (\w+)\)", line):
        function.frame = max(function.frame, int(match[1], 0))
    if (match := re.search(r"r\d+ \+= -(\d+)$", line)) and int(match[1]) <= LIMIT:
        function.frame = max(function.frame, int(match[1]))
    if (match := re.match(r"^\s+(\d+):\s+85 10 00 00 ((?:\w\w\s){4})", line)) and function.section == ".text":
        offset = int.from_bytes(bytes.fromhex(match[2]), "little", signed=True)
        return [(function, ".text", (int(match[1]) + 1 + offset) * 8)]
    return []


def deepest(functions, name, above=()):
    own = max(-(-functions[name].frame // ROUNDING) * ROUNDING, ROUNDING)
    below = (0, [])
    for callee in functions[name].calls:
        if callee in functions and callee not in above and callee != name:
            below = max(below, deepest(functions, callee, above + (name,)))
    return own + below[0], [name, *below[1]]


def main():
    functions = read(disassembled(sys.argv[1]))
    programs = [name for name, function in functions.items() if function.section != ".text"]
    too_deep = 0
    for name in programs:
        depth, chain = deepest(functions, name)
        too_deep += depth > LIMIT
        print(f"{depth:4} {'TOO DEEP' if depth > LIMIT else ''}", " > ".join(f"{f}:{functions[f].frame}" for f in chain))
    print(f"{len(programs)} programs, {too_deep} too deep for {LIMIT} bytes")
    sys.exit(1 if too_deep or not programs else 0)


if __name__ == "__main__":
    main()
