// The list of services and their backends.

import { ago, bits, by, clock, curve, day, draw, keep, make, mark, part, percent, perSecond, setState, span, stateCell, whole, write, writeNumber } from "./draw.js";

const columns = ["State", "Backend", "Since", "Last check", "Conns", "New", "In / out", "Share", "Weight"];

function serviceCard(service) {
  const out = make("article", "service");
  out.id = "service-" + encodeURIComponent(service.name);
  const title = make("div", "title");
  const name = make("div");
  const way = make("span", "way");
  way.append(make("b"), make("span"), make("span"));
  name.append(make("h3"), way);
  const sums = make("div", "sums");
  for (const unit of [" up", " conns", "", ""]) {
    const sum = make("span");
    sum.append(make("b"), unit);
    sums.append(sum);
  }
  sums.append(curve());
  title.append(name, sums);
  const table = make("div", "table");
  table.setAttribute("role", "table");
  const names = make("div", "row names");
  names.setAttribute("role", "row");
  columns.forEach((column, i) => {
    const cell = make("span", i > 3 ? "num" : "", column);
    cell.setAttribute("role", "columnheader");
    names.append(cell);
  });
  table.append(names);
  out.append(title, table);
  return out;
}

function updateCard(element, service) {
  const [title, table] = element.children;
  const [name, sums] = title.children;
  write(name.firstChild, service.name);
  table.setAttribute("aria-label", "Backends of " + service.name);
  const [address, scheduler, pool] = name.lastChild.children;
  write(address, service.address);
  write(scheduler, service.scheduler);
  write(pool, "snat " + service.snat + (service.snat === "never" ? "" : ", pool " + service.pool));
  const counted = service.backends.filter((one) => one.state !== "leaving");
  const up = counted.filter((one) => one.state === "up").length;
  write(sums.children[0].firstChild, up + "/" + counted.length);
  write(sums.children[1].firstChild, whole(service.connections));
  write(sums.children[2].firstChild, perSecond(part(service.rates, "opened")));
  write(sums.children[3].firstChild, service.rates === null ? "–" : bits(service.rates.bits_in + service.rates.bits_out));
  sums.children[4].style.visibility = service.history === null ? "hidden" : "";
  if (service.history !== null) draw(sums.children[4], service.history.bits, "Traffic of " + service.name, bits);
  table.kept = table.kept || new Map([["", table.firstElementChild]]);
  keep(table, [null, ...service.backends], (one) => one === null ? "" : one.state === "leaving" ? "leaving " + one.address : one.address,
    backendRow, (row, one) => one !== null && updateRow(row, one));
}

function backendRow() {
  const row = make("div", "row");
  row.setAttribute("role", "row");
  const state = stateCell("state");
  state.append(make("span", "backup"));
  const share = make("span", "share num");
  const bar = make("span", "bar");
  bar.append(make("i"));
  bar.setAttribute("aria-hidden", "true");
  share.append(bar, make("span"));
  row.append(state, make("span", "address"), make("span", "since soft"), make("span", "check soft"), make("span", "conns num"),
    make("span", "new num"), make("span", "in-out num"), share, make("span", "weight num"));
  for (const cell of row.children) cell.setAttribute("role", "cell");
  row.querySelector(".conns").dataset.name = "conns";
  row.querySelector(".new").dataset.name = "new";
  row.querySelector(".weight").dataset.name = "weight";
  return row;
}

function updateRow(row, one) {
  const [state, address, since, check, conns, fresh, inOut, share, weight] = row.children;
  const up = one.state === "up";
  const shown = up && one.health === "unknown" ? "unknown" : up && one.health === "down" ? "warning" : one.state;
  setState(state, shown);
  write(state.children[1], shown === "unknown" ? "up, unchecked" : shown === "warning" ? "failing, kept" : one.state);
  write(state.children[2], one.backup ? "backup" : "");
  mark(row, "down", one.state === "down" ? "" : null);
  write(address, one.address);
  write(since, up || one.state === "down" ? span(one.health_seconds) : "");
  since.title = one.health_seconds === null ? "" : "its health is " + one.health + " since " + day.format(ago(one.health_seconds));
  write(check, one.last_check + (one.check_seconds === null || one.check_seconds < 10 ? "" : ", " + span(one.check_seconds) + " ago"));
  check.title = one.check_seconds === null ? "" : "checked at " + clock.format(ago(one.check_seconds));
  writeNumber(conns, whole(one.connections), one.connections);
  writeNumber(fresh, perSecond(part(one.rates, "opened")), part(one.rates, "opened"));
  mark(inOut, "zero", one.rates === null || one.rates.bits_in + one.rates.bits_out === 0 ? "" : null);
  write(inOut, one.rates === null ? "–" : bits(one.rates.bits_in) + " / " + bits(one.rates.bits_out));
  share.firstChild.firstChild.style.width = 100 * one.share + "%";
  writeNumber(share.lastChild, percent(one.share), one.share);
  mark(share, "zero", one.share === 0 ? "" : null);
  write(weight, String(one.weight));
}

// How many are shown.
export function showServices(data) {
  const { shown, matching, from, find } = data.services;
  keep(by("service-list"), shown, (one) => one.name, serviceCard, updateCard);
  const note = by("service-note");
  const all = data.counts.services;
  note.hidden = shown.length > 0;
  write(note, all === 0 ? "No service is configured." : find !== "" && matching === 0 ? "No service or backend has \"" + find + "\" in its name or address." : "There are no more.");
  const pages = by("pages");
  pages.hidden = from === 0 && shown.length === matching;
  write(by("range"), shown.length === 0 ? "none of " + whole(matching) : whole(from + 1) + " to " + whole(from + shown.length) + " of " + whole(matching));
  by("back").disabled = from === 0;
  by("next").disabled = from + shown.length >= matching;
  return shown.length;
}
