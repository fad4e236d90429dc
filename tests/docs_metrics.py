#!/usr/bin/env python3
"""Do docs/metrics.md, docs/alerts.yml and docs/grafana-dashboard.json speak of metrics, labels' drop reasons and events that there are?
And does docs/metrics.md name every metric? Exit 1 when not. Names are read from agent/app/metrics.cpp and bpf/abi/reasons.h."""

import json
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
NAME = r"\bproxip_[a-z0-9_]+\b"


def read(path):
    return (ROOT / path).read_text(encoding="utf-8")


def expressions(value):
    """Every "expr", "query" and "definition" of the dashboard."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("expr", "query", "definition") and isinstance(inner, str):
                yield inner
            else:
                yield from expressions(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from expressions(inner)


def unknown_values(text, label, values):
    """What a matcher of `label` names and is none of `values`. A part with a wildcard must fit one of them."""
    for _, wanted in re.findall(label + r'(=~|!~|=|!=)"([^"]*)"', text):
        for part in wanted.split("|"):
            if not any(re.fullmatch(part, value) for value in values):
                yield f'{label}="{part}"'


def check_expression(where, text, metrics, reasons, events):
    for name in re.findall(NAME, text):
        if name not in metrics:
            yield f"{where}: there is no metric {name}"
    for wrong in [*unknown_values(text, "reason", reasons), *unknown_values(text, "event", events)]:
        yield f"{where}: there is no {wrong}"


def check_dashboard(board):
    ids = [panel["id"] for panel in board["panels"]]
    if len(ids) != len(set(ids)):
        yield "docs/grafana-dashboard.json: two panels have one id"
    taken = {}
    for panel in board["panels"]:
        place = panel["gridPos"]
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                if x > 23 or (x, y) in taken:
                    yield f"docs/grafana-dashboard.json: \"{panel['title']}\" does not fit beside \"{taken.get((x, y), 'the edge')}\""
                    return
                taken[x, y] = panel["title"]
    names = [one["name"] for one in board["templating"]["list"]]
    for wanted in ("datasource", "instance"):
        if wanted not in names:
            yield f"docs/grafana-dashboard.json: no variable {wanted}"


def main():
    metrics = set(re.findall(f'"({NAME})"', read("agent/app/metrics.cpp")))
    table = read("bpf/abi/reasons.h")
    reasons = set(re.findall(r'DROP\(\d+, \w+, "(\w+)"', table))
    events = set(re.findall(r'EVENT\(\d+, \w+, "(\w+)"', table))
    wrong = []
    if not (metrics and reasons and events):
        wrong.append("no metrics, reasons or events were found in the sources")
    dashboard = json.loads(read("docs/grafana-dashboard.json"))
    asked = list(expressions(dashboard))
    for text in asked:
        wrong += check_expression("docs/grafana-dashboard.json", text, metrics, reasons, events)
    wrong += check_dashboard(dashboard)
    alerts = re.findall(r"^\s*expr: (.*)$", read("docs/alerts.yml"), re.M)
    for text in alerts:
        wrong += check_expression("docs/alerts.yml", text, metrics, reasons, events)
    described = set(re.findall(NAME, read("docs/metrics.md")))
    wrong += [f"docs/metrics.md: {name} is missing" for name in sorted(metrics - described)]
    wrong += [f"docs/metrics.md: there is no metric {name}" for name in sorted(described - metrics)]
    print("\n".join(wrong) or f"{len(metrics)} metrics, all described; {len(asked)} expressions in the dashboard, {len(alerts)} alerts")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
