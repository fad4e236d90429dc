#!/usr/bin/env python3
"""Does every relative link in *.md lead to a file, and to a heading where it names one? Does every lbctl command and option that is named
there exist, and does docs/lbctl.md name every command that exists? Exit 1 when not. The commands are asked of lbctl itself
(PROXIP_BIN, else build/release/bin)."""

import functools
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LBCTL = pathlib.Path(os.environ.get("PROXIP_BIN", ROOT / "build/release/bin")) / "lbctl"
WITH_VALUE = {"-o", "--output", "--socket", "--timeout"}
SYNONYMS = {"show", "ls", "list"}


def pages():
    found = subprocess.run(["git", "-C", ROOT, "ls-files", "-co", "--exclude-standard", "*.md"], capture_output=True, text=True)
    names = found.stdout.split() or [str(path.relative_to(ROOT)) for path in ROOT.rglob("*.md") if "build" not in path.parts]
    return [ROOT / name for name in sorted(names) if (ROOT / name).exists()]


# ---- links


def without_code(text):
    return re.sub(r"`[^`\n]*`", "", re.sub(r"^```.*?^```", "", text, flags=re.S | re.M))


@functools.cache
def anchors(page):
    """As GitHub makes them."""
    headings = re.findall(r"^#+ +(.*)$", re.sub(r"^```.*?^```", "", page.read_text(), flags=re.S | re.M), flags=re.M)
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading) for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in plain}


def broken_links(page):
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(page.read_text())):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        there = (page.parent / path).resolve() if path else page
        if not there.exists():
            yield f"link to {target}: no such file"
        elif anchor and there.suffix == ".md" and anchor not in anchors(there):
            yield f"link to {target}: no such heading"


# ---- commands


@functools.cache
def help_of(*command):
    return subprocess.run([LBCTL, *command, "--help"], capture_output=True, text=True, check=True).stdout


@functools.cache
def commands_below(*command):
    """The names in the help's lists of nouns and commands; "show, ls, list" are three."""
    names, listed = set(), False
    for line in help_of(*command).splitlines():
        if re.match(r"\S", line):
            listed = line in ("Nouns:", "Commands:")
        elif listed and (entry := re.match(r"  ([a-z][\w-]*(?:, [a-z][\w-]*)*)(?:  |$)", line)):
            names.update(entry[1].split(", "))
    return names


def leaves(*command):
    below = commands_below(*command)
    if not below:
        yield command
    for name in sorted(below - {"ls", "list"}):
        yield from leaves(*command, name)


def wrong_in_call(words):
    """`words`: what stands behind lbctl."""
    command, options, skip = (), [], False
    for word in words:
        if skip:
            skip = False
        elif word.startswith("-"):
            name = word.split("=")[0]
            skip = name in WITH_VALUE
            options.append(name)
        elif commands_below(*command):
            if not re.fullmatch(r"[a-z][a-z-]*", word):
                break  # a placeholder
            if word not in commands_below(*command):
                return f"lbctl {' '.join((*command, word))}: no such command"
            command = (*command, word)
    texts = [help_of(*command), help_of()]
    if "show" in commands_below(*command):
        texts.append(help_of(*command, "show"))
    for option in options:
        if re.fullmatch(r"--?[a-z][\w-]*", option) and not re.search(rf"{re.escape(option)}(?![\w-])", " ".join(texts)):
            return f"lbctl {' '.join(command)}: no option {option}"
    return None


def calls(page):
    """What stands behind `lbctl` in inline code and in lines of code blocks."""
    text = page.read_text()
    blocks = re.findall(r"^```[^\n]*\n(.*?)^```", text, flags=re.S | re.M)
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.S | re.M))
    for line in [line for block in blocks for line in block.splitlines()] + inline:
        for call in re.findall(r"(?:^|[$|] |\(|&& )lbctl +([^|;&`>)]*)", line.strip()):
            call = re.sub(r"\s#.*", "", call.replace("…", "").replace("\\", "")).strip()
            call = re.sub(r"\[|\]", " ", call)
            if call and not call.startswith(":"):
                yield call.split()


def unnamed_commands():
    text = (ROOT / "docs/lbctl.md").read_text().replace("\\|", "|")
    for command in leaves():
        *before, last = command
        stem = " ".join(before)
        # `backend enable|disable SERVICE` names both
        if not re.search(rf"\b{re.escape(stem)} ?(?:[\w-]+\|)*{re.escape(last)}\b", text):
            yield f"lbctl {' '.join(command)} exists, and docs/lbctl.md does not name it"


def main():
    if not LBCTL.exists():
        sys.exit(f"{LBCTL} is not there: build first")
    wrong, links, named = [], 0, 0
    for page in pages():
        name = page.relative_to(ROOT)
        text = without_code(page.read_text())
        links += len(re.findall(r"\]\(([^)\s]+)\)", text))
        wrong += [f"{name}: {problem}" for problem in broken_links(page)]
        for words in calls(page):
            named += 1
            if problem := wrong_in_call(words):
                wrong.append(f"{name}: {problem}")
    wrong += unnamed_commands()
    print("\n".join(sorted(set(wrong))) or f"{links} links, {named} calls of lbctl: all right")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
