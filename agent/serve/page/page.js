// The status page: asks the agent, and shows what it says. What comes from it reaches the document through textContent and
// attributes of fixed names alone; the page's policy refuses anything that would make markup of text.

import { ago, bits, by, clock, curve, day, draw, keep, make, mark, moment, part, percent, perSecond, setState, short, span, stateCell, whole, write } from "./draw.js";
import { showServices } from "./services.js";

const every = 2000; // ms between two questions
const patience = 5000; // an agent that takes longer does not answer

// ---- parts of the page ---------------------------------------------------------------------------------------------

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

// ---- Proxy IPs and drops -------------------------------------------------------------------------------------------

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

// ---- asking --------------------------------------------------------------------------------------------------------

const view = { find: "", from: 0, shown: 0, passed: [] }; // passed: where the former pages began
const state = { answered: null, silentSince: null, timer: 0, running: null };

function show(data) {
  if (data.format !== 1) throw new Error("the agent speaks another format: reload the page");
  showAbout(data);
  showProblems(data);
  showTiles(data);
  view.shown = showServices(data);
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
