#!/usr/bin/python3
"""Records what a command prints as an animated SVG: docs/record.py FILE.svg [--size COLUMNSxROWS] [--keys STRING] -- COMMAND…

    docs/record.py docs/quickstart.svg -- examples/quickstart.sh

The command runs in a terminal of its own; what its screen showed, and when, becomes the frames. No script, no font and nothing else
from outside is in the file, so it plays wherever a browser shows an image. --keys are typed two seconds after the last
output, for a program that waits for them. Needs python3-pyte."""

import argparse
import fcntl
import os
import pty
import select
import struct
import sys
import termios
import time
from xml.sax.saxutils import escape

import pyte

FRAME_SECONDS = 0.08  # what changes faster is one frame
READ_SECONDS = 0.6    # and each is shown so long at least
IDLE_SECONDS = 2.0    # nothing happens for longer: shown so long
LAST_SECONDS = 6.0
CHAR, LINE, MARGIN = 8.0, 17, 14
FONT = 'ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace'
COLOURS = {  # of a terminal, readable on the dark ground
    "black": "#6e7681", "red": "#ff7b72", "green": "#56d364", "brown": "#e3b341", "blue": "#79c0ff", "magenta": "#d2a8ff",
    "cyan": "#76e3ea", "white": "#e6edf3",
}


def record(command, columns, rows, keys):
    """[(seconds, lines)]: the screen whenever it changed; a line is a tuple of (text, class). And the exit code."""
    screen = pyte.Screen(columns, rows)
    stream = pyte.ByteStream(screen)
    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color", COLUMNS=str(columns), LINES=str(rows))
        os.execvp(command[0], command)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    stream.feed(f"# {' '.join(command)}\r\n".encode())
    frames, now, open_ = [(0.0, screen_lines(screen))], 0.0, True
    last = time.monotonic()
    while open_:
        end = time.monotonic() + FRAME_SECONDS
        changed = False
        while open_ and (left := end - time.monotonic()) > 0:
            if not select.select([terminal], [], [], left)[0]:
                break
            try:
                data = os.read(terminal, 65536)
            except OSError:  # how Linux tells that the other side is closed
                data = b""
            open_ = bool(data)
            changed = changed or open_
            stream.feed(data)
        if changed:
            now += max(READ_SECONDS, min(time.monotonic() - last, IDLE_SECONDS))
            last = time.monotonic()
            frames.append((now, screen_lines(screen)))
        elif keys and time.monotonic() - last > 2:
            os.write(terminal, keys[0].encode())
            keys = keys[1:]
            last = time.monotonic()
    return frames, os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def screen_lines(screen):
    return [styled(screen.buffer[y], screen.columns) for y in range(screen.lines)]


def styled(row, columns):
    spans = []
    for x in range(columns):
        char = row[x]
        names = [char.fg] if char.fg in COLOURS else []
        names += ["bold"] if char.bold else []
        names += ["reverse"] if char.reverse else []
        name = " ".join(names)
        if spans and spans[-1][1] == name:
            spans[-1][0].append(char.data)
        else:
            spans.append([[char.data], name])
    if spans and not spans[-1][1]:
        spans[-1][0] = list("".join(spans[-1][0]).rstrip())
    return tuple(("".join(text), name) for text, name in spans if text)


def guess(line):
    """A class for a line without colours of its own, in the way that the examples print."""
    text = "".join(span[0] for span in line)
    if text.startswith("===="):
        return "bold"
    if text.startswith("----"):
        return "brown"
    if text.startswith("  =>"):
        return "green"
    return "blue" if text.startswith("# ") or ("$ " in text[:12] and not text.startswith(" ")) else ""


def line_svg(number, line):
    if len(line) == 1 and not line[0][1]:
        name = guess(line)
        attribute = f' class="{name}"' if name else ""
        return f'<text id="l{number}"{attribute}>{escape(line[0][0])}</text>'
    spans = "".join(f'<tspan class="{name}">{escape(text)}</tspan>' if name else escape(text) for text, name in line)
    return f'<text id="l{number}">{spans}</text>'


def render(frames, columns, rows, title):
    lines, shown, keyframes = {}, [], []
    total = frames[-1][0] + LAST_SECONDS
    width, height = int(columns * CHAR + 2 * MARGIN), rows * LINE + 2 * MARGIN
    for index, (at, screen) in enumerate(frames):
        uses = []
        for y, line in enumerate(screen):
            if line:
                number = lines.setdefault(line, len(lines))
                uses.append(f'<use href="#l{number}" y="{(y + 1) * LINE}"/>')
        shown.append(f'<g transform="translate(0 {index * height})">{"".join(uses)}</g>')
        keyframes.append(f"{at / total * 100:.3f}%{{transform:translateY({-index * height}px)}}")
    last = -(len(frames) - 1) * height
    colours = "".join(f".{name}{{fill:{value}}}" for name, value in COLOURS.items())
    return f"""<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" role="img" aria-label="{escape(title)}">
<style>
text{{fill:#c9d1d9;font:13px {FONT};white-space:pre}}
{colours}.bold{{font-weight:700;fill:#ffffff}}.reverse{{fill:#ffffff;font-weight:700;text-decoration:underline}}
#film{{animation:film {total:.2f}s steps(1,end) infinite}}
@keyframes film{{{"".join(keyframes)}100%{{transform:translateY({last}px)}}}}
@media (prefers-reduced-motion:reduce){{#film{{animation:none;transform:translateY({last}px)}}}}
</style>
<defs>{"".join(line_svg(number, line) for line, number in lines.items())}</defs>
<rect width="{width}" height="{height}" rx="8" fill="#0d1117"/>
<svg x="{MARGIN}" y="{MARGIN - 4}" width="{width - MARGIN}" height="{height - MARGIN}"><g id="film" xml:space="preserve">
{"".join(shown)}
</g></svg>
</svg>
"""


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file")
    parser.add_argument("--size", default="100x32", metavar="COLUMNSxROWS")
    parser.add_argument("--keys", default="")
    parser.add_argument("command", nargs="+")
    options = parser.parse_args()
    columns, rows = map(int, options.size.split("x"))
    frames, status = record(options.command, columns, rows, options.keys)
    if status != 0 or not frames:
        sys.exit(f"{options.command[0]}: exit {status}; nothing was written")
    text = render(frames, columns, rows, f"a recording of {' '.join(options.command)}")
    with open(options.file, "w", encoding="utf-8") as out:
        out.write(text)
    print(f"{options.file}: {len(frames)} frames, {frames[-1][0]:.1f} s, {len(text.encode()) // 1024} KiB")


if __name__ == "__main__":
    main()
