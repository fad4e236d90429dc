"use strict";

// The status page. What comes from the agent reaches the document through textContent and attributes of fixed names
// alone; the page's policy refuses anything that would make markup of text.

const every = 2000; // ms between two questions
const patience = 5000; // an agent that takes longer does not answer

const svg = "http://www.w3.org/2000/svg";
const by = (id) => document.getElementById(id);

// ---- making and keeping elements ------------------------------------------------------------------------------------

function make(tag, className, text) {
  const out = document.createElement(tag);
  if (className) out.className = className;
  if (text !== undefined) out.textContent = text;
  return out;
}

function write(element, text) { // only what changed: selections and screen readers are left in peace
  if (element.textContent !== text) element.textContent = text;
}

function writeNumber(element, text, value) { // nothing and zero are paler
  write(element, text);
  mark(element, "zero", value ? null : "");
}

function mark(element, name, value) { // data-NAME; null: none
  if (value === null) delete element.dataset[name];
  else if (element.dataset[name] !== value) element.dataset[name] = value;
}

// Children of `parent`, one for each item, kept by their key.
function keep(parent, items, key, create, update) {
  const known = parent.kept || (parent.kept = new Map());
  const now = new Map();
  let place = parent.firstElementChild;
  for (const item of items) {
    const name = key(item);
    const element = known.get(name) || create(item);
    known.delete(name);
    now.set(name, element);
    if (element === place) place = place.nextElementSibling;
    else parent.insertBefore(element, place);
    update(element, item);
  }
  for (const gone of known.values()) gone.remove();
  parent.kept = now;
}

// ---- shapes ---------------------------------------------------------------------------------------------------------

const shapes = {
  up: "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1zm3.9 5.3L7.3 11.2 4.2 8.2l1.2-1.2 1.9 1.8 3.4-3.7z", // a disc with a tick
  down: "M4.9 1h6.2L15 4.9v6.2L11.1 15H4.9L1 11.1V4.9zM5.2 6.3 6.9 8 5.2 9.7l1.1 1.1L8 9.1l1.7 1.7 1.1-1.1L9.1 8l1.7-1.7-1.1-1.1L8 6.9 6.3 5.2z", // an octagon with a cross
  warning: "M8 1.2 15.4 14.5H.6zM7.2 6v4.5h1.6V6zm0 5.5v1.6h1.6v-1.6z", // a triangle
  drain: "M8 1l7 7-7 7-7-7zM7.2 4.5v5L5.3 7.7 4.2 8.8 8 12.3l3.8-3.5-1.1-1.1-1.9 1.8v-5z", // a diamond, an arrow down
  disabled: "M2 2h12v12H2zm2.5 5v2h7V7z", // a square with a bar
  notice: "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1zM7.2 4.2h1.6v1.6H7.2zm0 2.6h1.6v5H7.2z", // a disc with an i
  unknown: "M8 1a7 7 0 1 0 0 14A7 7 0 0 0 8 1zm0 1.8a5.2 5.2 0 1 1 0 10.4A5.2 5.2 0 0 1 8 2.8z", // a ring
};
shapes.critical = shapes.down;
shapes.leaving = shapes.drain;

function shape() {
  const out = document.createElementNS(svg, "svg");
  out.setAttribute("viewBox", "0 0 16 16");
  out.setAttribute("class", "shape");
  out.setAttribute("aria-hidden", "true");
  out.append(document.createElementNS(svg, "path"));
  return out;
}

function setState(element, state) { // with a .shape in it
  if (element.dataset.state === state) return;
  element.dataset.state = state;
  const path = element.querySelector(".shape path");
  path.setAttribute("d", shapes[state] || shapes.unknown);
  path.setAttribute("fill-rule", "evenodd");
}

function stateCell(className) {
  const out = make("span", className);
  out.append(shape(), make("span", "word"));
  return out;
}

// ---- numbers --------------------------------------------------------------------------------------------------------

function short(value, steps) { // 12.3k, 4.56M
  const units = steps || ["", "k", "M", "G", "T"];
  let unit = 0;
  while (Math.abs(value) >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    ++unit;
  }
  const digits = value === 0 || Math.abs(value) >= 99.95 ? 0 : Math.abs(value) >= 9.995 ? 1 : unit > 0 || Math.abs(value) < 1 ? 2 : 1;
  return value.toFixed(digits).replace(/\.0+$/, "") + units[unit];
}
const whole = (value) => String(value).replace(/\B(?=(\d{3})+$)/g, ",");
const perSecond = (value) => value === null ? "–" : short(value) + "/s";
const bits = (value) => value === null ? "–" : short(value, [" b", " kb", " Mb", " Gb", " Tb"]) + "/s";
const part = (rates, name) => rates === null ? null : rates[name];
const percent = (ratio) => (ratio > 0 && ratio < 0.0995 ? (100 * ratio).toFixed(1) : Math.round(100 * ratio)) + " %";

function span(seconds) {
  if (seconds === null) return "";
  if (seconds < 60) return Math.floor(seconds) + " s";
  if (seconds < 3600) return Math.floor(seconds / 60) + " min";
  if (seconds < 86400) return Math.floor(seconds / 3600) + " h " + Math.floor(seconds / 60) % 60 + " min";
  return Math.floor(seconds / 86400) + " d " + Math.floor(seconds / 3600) % 24 + " h";
}

const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const moment = (seconds) => (seconds < 72000 ? clock : day).format(ago(seconds));
const ago = (seconds) => new Date(Date.now() - 1000 * seconds);

// ---- curves ---------------------------------------------------------------------------------------------------------

function curve() {
  const out = document.createElementNS(svg, "svg");
  out.setAttribute("class", "spark");
  out.setAttribute("viewBox", "0 0 59 20");
  out.setAttribute("preserveAspectRatio", "none");
  out.setAttribute("role", "img");
  for (const name of ["fill", "line"]) {
    const path = document.createElementNS(svg, "path");
    path.setAttribute("class", name);
    out.append(path);
  }
  return out;
}

// The newest value at the right edge; null is a gap. `say`: one value in words, for the label.
function draw(element, values, what, say) {
  const known = values.filter((value) => value !== null);
  const top = Math.max(...known, 0) || 1;
  const x = (i) => 60 - values.length + i;
  const y = (value) => (18.5 - 17 * value / top).toFixed(2);
  let line = "";
  let fill = "";
  for (let i = 0; i < values.length; ++i) {
    if (values[i] === null) continue;
    const begins = i === 0 || values[i - 1] === null;
    const ends = i === values.length - 1 || values[i + 1] === null;
    line += (begins ? "M" : "L") + x(i) + " " + y(values[i]);
    if (begins && ends) line += "h0.5";
    fill += (begins ? "M" + x(i) + " 20L" : "L") + x(i) + " " + y(values[i]) + (ends ? "L" + x(i) + " 20Z" : "");
  }
  element.children[0].setAttribute("d", fill);
  element.children[1].setAttribute("d", line);
  const label = known.length === 0 ? what + ": nothing is known yet"
    : what + ", last 5 minutes: now " + say(known[known.length - 1]) + ", at most " + say(Math.max(...known));
  element.setAttribute("aria-label", label);
}

// ---- parts of the page ----------------------------------------------------------------------------------------------

function showAbout(data) {
  const agent = data.agent;
  write(by("host"), agent.host);
  document.title = (data.problems.total > 0 ? "(" + data.problems.total + ") " : "") + "proxip " + agent.host;
  const facts = [
    ["generation", String(agent.generation)],
    ["version", agent.version],
    ["up", span(agent.uptime_seconds)],
    ...agent.interfaces.map((one) => [one.name, one.xdp_mode]),
  ];
  keep(by("about"), facts, (fact) => fact[0], (fact) => {
    const out = make("span", "", fact[0] + " ");
    out.append(make("b"));
    return out;
  }, (element, fact) => write(element.lastChild, fact[1]));
}

const words = { critical: "Critical", warning: "Warning", notice: "Notice" };
const kinds = { backend: "Backend down", "next-hop": "Next hop", pressure: "Filling up", drops: "Refusing", file: "File refused" };
const kindOf = (one) => kinds[one.kind] || (one.kind === "service" ? (one.severity === "critical" ? "No backend" : "Checks") : words[one.severity]);
let said = "";

function showProblems(data) {
  const { total, shown } = data.problems;
  const title = by("problems-title");
  const worst = shown.length > 0 ? shown[0].severity : "up";
  setState(title, worst);
  const bad = shown.filter((one) => one.severity !== "notice").length + total - shown.length;
  write(title.lastElementChild, bad > 0 ? bad + (bad === 1 ? " problem" : " problems")
    : data.counts.services === 0 ? "No services yet" : "All is well" + (total > 0 ? ", to note:" : ": " + data.counts.up + " backends up"));
  keep(by("problem-list"), shown, (one) => one.kind + " " + one.subject + " " + (one.kind === "warning" ? one.text : ""), () => {
    const out = make("li");
    const state = stateCell("state");
    out.append(state, make("span", "subject"), make("span", "text"), make("span", "since"));
    return out;
  }, (element, one) => {
    const [state, subject, text, since] = element.children;
    element.dataset.state = one.severity;
    setState(state, one.severity);
    write(state.lastElementChild, kindOf(one));
    state.title = words[one.severity];
    showSubject(subject, one);
    write(text, one.text);
    write(since, one.since_seconds === null ? (one.kind === "backend" ? "before this agent" : "") : span(one.since_seconds) + ", since " + moment(one.since_seconds));
    since.title = one.since_seconds === null ? "" : day.format(ago(one.since_seconds));
  });
  const rest = by("problem-rest");
  rest.hidden = total <= shown.length;
  write(rest, "and " + whole(total - shown.length) + " more, not shown");
  speak(shown, total);
}

function showSubject(element, one) {
  const place = one.service === null ? null : "#service-" + encodeURIComponent(one.service);
  if (place === null) {
    write(element, one.subject);
  } else if (!element.firstElementChild || element.textContent !== one.subject) {
    const link = make("a", "", one.subject);
    link.setAttribute("href", place);
    element.replaceChildren(link);
  }
}

// Said once when it changes, and not with each second that it lasts.
function speak(shown, total) {
  const names = shown.map((one) => one.kind + " " + one.subject + (one.kind === "warning" ? one.text : ""));
  const now = total === 0 ? "" : names.join();
  if (now === said) return;
  const list = shown.slice(0, 3).map((one) => [kindOf(one), one.subject, one.text].filter(Boolean).join(": ")).join(". ");
  by("spoken").textContent = total === 0 ? "No problems" : total + (total === 1 ? " problem. " : " problems. ") + list;
  said = now;
}

const tiles = [
  { name: "Connections", series: (t) => t.connections, say: short,
    value: (d) => [whole(d.agent.connections), ""], more: (d) => percent(d.agent.connections / (d.agent.max_connections || 1)) + " of " + whole(d.agent.max_connections) },
  { name: "New connections", series: (t) => t.opened, say: perSecond,
    value: (d) => [perSecond(part(d.totals.rates, "opened")), ""],
    more: (d) => whole(d.counts.services) + (d.counts.services === 1 ? " service, " : " services, ") + whole(d.counts.up) + " of " + whole(d.counts.backends) + " backends up" },
  { name: "Traffic", series: (t) => t.bits_in.map((value, i) => value === null || t.bits_out[i] === null ? null : value + t.bits_out[i]), say: bits,
    value: (d) => [bits(part(d.totals.rates, "bits_in")), " in"], more: (d) => bits(part(d.totals.rates, "bits_out")) + " out" },
  { name: "Drops", series: (t) => t.drops, say: perSecond,
    value: (d) => [perSecond(d.totals.drop_rate), ""], more: (d) => whole(d.drops.reduce((sum, one) => sum + one.count, 0)) + " in all" },
];

function showTiles(data) {
  keep(by("tiles"), tiles, (tile) => tile.name, (tile) => {
    const out = make("div");
    const value = make("dd", "value");
    value.append(make("span"), make("small"));
    const picture = make("dd", "curve");
    picture.append(curve());
    out.append(make("dt", "", tile.name), value, make("dd", "more"), picture);
    return out;
  }, (element, tile) => {
    const [, value, more, picture] = element.children;
    const [text, unit] = tile.value(data);
    write(value.children[0], text);
    write(value.children[1], unit);
    write(more, tile.more(data));
    draw(picture.firstChild, tile.series(data.totals), tile.name, tile.say);
  });
  const missing = data.counts.backends - data.totals.sampled_backends;
  by("tiles-note").hidden = missing <= 0 || data.totals.connections.length === 0;
  write(by("tiles-note"), "Rates and curves are of the first " + whole(data.totals.sampled_backends) + " of " + whole(data.counts.backends) + " backends. /metrics has all.");
}

// ---- services -------------------------------------------------------------------------------------------------------

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

function showServices(data) {
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
  view.shown = shown.length;
}

// ---- Proxy IPs and drops --------------------------------------------------------------------------------------------

function showProxies(data) {
  const { total, shown } = data.proxies;
  keep(by("proxy-list"), shown, (one) => one.pool + " " + one.address, () => {
    const out = make("li");
    const name = make("span", "name");
    name.append(make("span"), make("span", "sub"));
    const bar = make("span", "bar");
    bar.append(make("i"));
    bar.setAttribute("role", "meter");
    bar.setAttribute("aria-valuemin", "0");
    const use = make("span", "num");
    use.append(make("span"), make("span", "sub"));
    out.append(name, bar, use);
    return out;
  }, (element, one) => {
    const [name, bar, use] = element.children;
    const ratio = one.capacity === 0 ? 0 : one.fullest / one.capacity;
    write(name.firstChild, one.address);
    write(name.lastChild, "pool " + one.pool + (one.fullest > 0 ? ", most towards " + one.towards : ""));
    bar.firstChild.style.width = 100 * ratio + "%";
    mark(bar, "level", ratio >= 0.95 ? "critical" : ratio >= 0.8 ? "warning" : null);
    bar.setAttribute("aria-valuenow", String(one.fullest));
    bar.setAttribute("aria-valuemax", String(one.capacity));
    bar.setAttribute("aria-label", "Ports of " + one.address + " in use towards its busiest backend");
    write(use.firstChild, whole(one.fullest) + " / " + whole(one.capacity));
    write(use.lastChild, percent(ratio) + (one.in_use > one.fullest ? ", " + whole(one.in_use) + " in all" : ""));
  });
  by("proxy-note").hidden = total > 0 && total <= shown.length;
  write(by("proxy-note"), total === 0 ? "No pool is configured." : "The fullest " + shown.length + " of " + whole(total) + ". lbctl pool show has all.");
}

function showDrops(data) {
  keep(by("drop-list"), data.drops, (one) => one.reason, (one) => {
    const out = make("li");
    const name = make("span", "name");
    name.append(make("span", "", one.reason), make("span", "tag"), make("span", "sub", one.help));
    out.append(name, curve(), make("span", "num"), make("span", "num soft"));
    return out;
  }, (element, one) => {
    const [name, picture, count, rate] = element.children;
    const tag = name.children[1];
    tag.hidden = !one.growing;
    write(tag, one.refuses ? "refusing now" : "growing");
    mark(tag, "refuses", one.refuses ? "" : null);
    draw(picture, one.history, one.reason, perSecond);
    write(count, whole(one.count));
    write(rate, perSecond(one.rate));
  });
  by("drop-note").hidden = data.drops.length > 0;
  write(by("drop-note"), "None since the data plane was loaded.");
}

// ---- asking ---------------------------------------------------------------------------------------------------------

const view = { find: "", from: 0, shown: 0, passed: [] }; // passed: where the former pages began
const state = { answered: null, silentSince: null, timer: 0, running: null };

function show(data) {
  if (data.format !== 1) throw new Error("the agent speaks another format: reload the page");
  showAbout(data);
  showProblems(data);
  showTiles(data);
  showServices(data);
  showProxies(data);
  showDrops(data);
}

function answered() {
  state.answered = new Date();
  state.silentSince = null;
  document.body.classList.remove("stale");
  by("silent").hidden = true;
  write(by("pulse-text"), "live, " + clock.format(state.answered));
}

function silent(why) {
  const since = state.silentSince || (state.silentSince = new Date());
  document.body.classList.add("stale");
  const box = by("silent");
  const seen = state.answered ? "What is below is of " + day.format(state.answered) + "." : "Nothing was heard of it yet.";
  const head = "The agent does not answer since " + clock.format(since) + ".";
  if (box.hidden || box.firstChild.data !== head) {
    box.replaceChildren(head, make("span", "", seen + " The data plane goes on without the agent; health and next hops stay as they were last known. (" + why + ")"));
    box.hidden = false;
  }
  write(by("pulse-text"), "no answer, asking on");
}

async function ask() {
  clearTimeout(state.timer);
  if (state.running) state.running.abort("superseded");
  const running = state.running = new AbortController();
  const limit = setTimeout(() => running.abort("late"), patience);
  try {
    const where = new URLSearchParams();
    if (view.find) where.set("find", view.find);
    if (view.from) where.set("from", String(view.from));
    const answer = await fetch("status.json" + (where.size ? "?" + where : ""), { signal: running.signal, cache: "no-store", credentials: "omit" });
    if (!answer.ok) throw new Error("HTTP " + answer.status);
    const data = await answer.json();
    show(data);
    answered();
  } catch (error) {
    if (running.signal.reason === "superseded") return;
    silent(running.signal.aborted ? "no answer within " + patience / 1000 + " s" : error instanceof TypeError ? "no connection" : error.message);
  } finally {
    clearTimeout(limit);
  }
  if (state.running === running) state.timer = setTimeout(ask, every);
}

function turn(from) {
  view.from = from;
  ask();
}

let typing = 0;
by("find").addEventListener("input", () => {
  clearTimeout(typing);
  typing = setTimeout(() => {
    view.find = by("find").value.trim();
    view.passed = [];
    turn(0);
  }, 200);
});
by("search").addEventListener("submit", (event) => event.preventDefault());
by("next").addEventListener("click", () => {
  view.passed.push(view.from);
  turn(view.from + view.shown);
});
by("back").addEventListener("click", () => turn(view.passed.pop() || 0));
document.addEventListener("visibilitychange", () => document.hidden ? clearTimeout(state.timer) : ask());
setState(by("problems-title"), "unknown");
ask();
