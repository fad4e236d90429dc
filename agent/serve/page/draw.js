// Elements, shapes, numbers and curves. Text reaches the document through textContent alone.

const svg = "http://www.w3.org/2000/svg";
export const by = (id) => document.getElementById(id);

// ---- making and keeping elements -----------------------------------------------------------------------------------

export function make(tag, className, text) {
  const out = document.createElement(tag);
  if (className) out.className = className;
  if (text !== undefined) out.textContent = text;
  return out;
}

export function write(element, text) { // only what changed: selections and screen readers are left in peace
  if (element.textContent !== text) element.textContent = text;
}

export function writeNumber(element, text, value) { // nothing and zero are paler
  write(element, text);
  mark(element, "zero", value ? null : "");
}

export function mark(element, name, value) { // data-NAME; null: none
  if (value === null) delete element.dataset[name];
  else if (element.dataset[name] !== value) element.dataset[name] = value;
}

// Children of `parent`, one for each item, kept by their key.
export function keep(parent, items, key, create, update) {
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

// ---- shapes --------------------------------------------------------------------------------------------------------

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

export function setState(element, state) { // with a .shape in it
  if (element.dataset.state === state) return;
  element.dataset.state = state;
  const path = element.querySelector(".shape path");
  path.setAttribute("d", shapes[state] || shapes.unknown);
  path.setAttribute("fill-rule", "evenodd");
}

export function stateCell(className) {
  const out = make("span", className);
  out.append(shape(), make("span", "word"));
  return out;
}

// ---- numbers -------------------------------------------------------------------------------------------------------

export function short(value, steps) { // 12.3k, 4.56M
  const units = steps || ["", "k", "M", "G", "T"];
  let unit = 0;
  while (Math.abs(value) >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    ++unit;
  }
  const digits = value === 0 || Math.abs(value) >= 99.95 ? 0 : Math.abs(value) >= 9.995 ? 1 : unit > 0 || Math.abs(value) < 1 ? 2 : 1;
  return value.toFixed(digits).replace(/\.0+$/, "") + units[unit];
}
export const whole = (value) => String(value).replace(/\B(?=(\d{3})+$)/g, ",");
export const perSecond = (value) => value === null ? "–" : short(value) + "/s";
export const bits = (value) => value === null ? "–" : short(value, [" b", " kb", " Mb", " Gb", " Tb"]) + "/s";
export const part = (rates, name) => rates === null ? null : rates[name];
export const percent = (ratio) => (ratio > 0 && ratio < 0.0995 ? (100 * ratio).toFixed(1) : Math.round(100 * ratio)) + " %";

export function span(seconds) {
  if (seconds === null) return "";
  if (seconds < 60) return Math.floor(seconds) + " s";
  if (seconds < 3600) return Math.floor(seconds / 60) + " min";
  if (seconds < 86400) return Math.floor(seconds / 3600) + " h " + Math.floor(seconds / 60) % 60 + " min";
  return Math.floor(seconds / 86400) + " d " + Math.floor(seconds / 3600) % 24 + " h";
}

export const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
export const day = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
export const moment = (seconds) => (seconds < 72000 ? clock : day).format(ago(seconds));
export const ago = (seconds) => new Date(Date.now() - 1000 * seconds);

// ---- curves --------------------------------------------------------------------------------------------------------

export function curve() {
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
export function draw(element, values, what, say) {
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
