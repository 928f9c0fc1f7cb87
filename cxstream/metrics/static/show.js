// From the document of /api/board to the screen. Text goes into the page as text only; what stands is kept and
// changed in place, so that focus and open definitions survive every update.

import { chart } from "/static/chart.js";
import { amounts, brief, count, duration, NOTHING, percent, score } from "/static/text.js";

const TIMES = ["first_response", "response", "resolution"];
const TARGETS = { first_response: "first_reply", response: "next_reply", resolution: "resolution" };
const COLUMNS = ["open", "awaiting", "opened", "resolved", ...TIMES, "csat"];
const SIGNS = { warn: "▲", bad: "■" }; // beside the colour, which some do not see

const byId = (id) => document.getElementById(id);
let meanings = {};

function element(tag, className, ...content) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  made.append(...content);
  return made;
}

const title = (name) => meanings[name]?.title ?? name;

// The name of a number, as a button that tells its definition.
function term(name, text = title(name)) {
  const made = element("button", "term", text), text_ = meanings[name]?.text ?? "";
  made.type = "button";
  made.title = text_;
  made.popoverTargetElement = byId("meaning");
  made.addEventListener("click", () => {
    byId("meaning-title").textContent = title(name);
    byId("meaning").querySelector("p").textContent = text_;
  });
  return made;
}

export function define(found) {
  meanings = found;
  const rows = Object.values(found).flatMap(({ title: name, text }) => [element("dt", "", name), element("dd", "", text)]);
  byId("meanings").replaceChildren(...rows);
}

// A value in its place: `raw` for programs, `parts` for people: [text, unit] pairs.
function put(place, raw, parts) {
  place.dataset.value = raw ?? "";
  place.replaceChildren(...parts.flatMap(([text, unit], index) => [index ? " " : "", text, unit ? element("small", "", ` ${unit}`) : ""]));
}

const numeral = (value) => [[count(value)]];
const span = (seconds) => (seconds === null || seconds === undefined ? [[NOTHING]] : amounts(seconds).map(([amount, unit]) => [String(amount), unit]));
const share = (ratio) => (ratio === null || ratio === undefined ? [[NOTHING]] : [[String(Math.round(ratio * 100)), "%"]]);

// The child of `parent` under this key, made when first asked for.
function child(parent, key, make) {
  let found = parent.querySelector(`:scope > [data-key="${key}"]`);
  if (!found) {
    found = make();
    found.dataset.key = key;
    parent.append(found);
  }
  return found;
}

function tiles(numbers, change) {
  const { sla } = numbers;
  const chosen = [
    ["open", numeral(numbers.open), change],
    ["awaiting", numeral(numbers.awaiting), numbers.open ? `${percent(numbers.awaiting / numbers.open)} of the open` : ""],
    ["longest", span(numbers.longest), numbers.open ? `oldest open: ${duration(numbers.oldest)}` : ""],
    ...(sla ? [["at_risk", numeral(sla.at_risk), "warned, not due yet", sla.at_risk ? "warn" : ""], ["breached", numeral(sla.breached), "past their deadline", sla.breached ? "bad" : ""]]
      : [["in_progress", numeral(numbers.in_progress), "answered, not resolved"], ["aged", numeral(numbers.aged), numbers.open ? `${percent(numbers.aged / numbers.open)} of the open` : ""]]),
  ];
  for (const old of byId("tiles").querySelectorAll(":scope > div")) if (!chosen.some(([name]) => name === old.dataset.key)) old.remove();
  chosen.forEach(([name, parts, note, mood], index) => {
    const tile = child(byId("tiles"), name, () => element("div", "tile", element("dt", "", term(name)), element("dd", "value"), element("dd", "note")));
    tile.className = `tile ${mood || ""}`;
    const value = tile.querySelector(".value");
    put(value, sla?.[name] ?? numbers[name], parts);
    if (mood) value.prepend(element("span", "sign", SIGNS[mood]));
    tile.querySelector(".note").textContent = note || "\u00a0";
    const there = byId("tiles").children[index];
    if (there !== tile) there.before(tile); // moved only if it must be: a moved button loses the focus
  });
}

const past = (history, name) => [history.hour.map((bar) => bar[name]), history.week_ago?.map((bar) => bar[name])];

function card(name, ...heading) {
  return child(byId("cards"), name, () => element("article", "card", element("h2", "", ...heading), element("div", "pair"), element("div", "charts")));
}

function figure(pair, key, label) {
  return child(pair, key, () => element("p", "figure", element("b", "value"), element("span", "label", label))).querySelector(".value");
}

// What the policies allow, and how often that was kept: "target 2 m to 1 d: 94 % met".
function target(name, promised, kept) {
  const [shortest, longest] = promised[name] ?? [];
  if (shortest === undefined) return "";
  const allowed = shortest === longest ? duration(shortest) : `${duration(shortest)} to ${duration(longest)}`;
  const met = kept?.[name]?.attainment ?? null;
  return `target ${allowed}${met === null ? "" : `: ${percent(met)} met`} · `;
}

function times(numbers, window, promised) {
  for (const name of TIMES) {
    const shown = card(name, term(name)), told = window[name], pair = shown.querySelector(".pair");
    put(figure(pair, "p50", "median"), told.p50, span(told.p50));
    put(figure(pair, "p90", "90th percentile"), told.p90, span(told.p90));
    child(shown, "n", () => element("p", "note")).textContent = `${target(TARGETS[name], promised, window.targets)}n ${count(told.n)}`;
    if (numbers.history) shown.querySelector(".charts").replaceChildren(chart(title(name), "line", ...past(numbers.history, name), duration));
  }
}

function flows(numbers, window) {
  const shown = card("flows", term("opened"), " and ", term("resolved", title("resolved").toLowerCase())), pair = shown.querySelector(".pair");
  const charts = [];
  for (const name of ["opened", "resolved"]) {
    put(figure(pair, name, title(name).toLowerCase()), window[name], numeral(window[name]));
    if (numbers.history) charts.push(chart(title(name), "bars", ...past(numbers.history, name), count));
  }
  child(shown, "n", () => element("p", "note")).textContent = `${count(window.reopened)} reopened`;
  shown.querySelector(".charts").replaceChildren(...charts);
}

function surveys(window) {
  const shown = card("csat", term("csat")), pair = shown.querySelector(".pair"), { csat, nps, ces } = window;
  put(figure(pair, "csat", "positive"), csat.ratio, share(csat.ratio));
  put(figure(pair, "n", csat.answers === 1 ? "answer" : "answers"), csat.answers, numeral(csat.answers));
  const kinds = ["positive", "neutral", "negative"];
  const strip = element("div", "strip", ...kinds.filter((kind) => csat[kind]).map((kind) => {
    const part = element("span", kind);
    part.style.flexGrow = csat[kind];
    return part;
  }));
  const legend = element("p", "legend", ...kinds.map((kind) => element("span", kind, `${count(csat[kind])} ${kind}`)));
  shown.querySelector(".charts").replaceChildren(strip, legend);
  const others = [["nps", nps, score(nps.score)], ["ces", ces, percent(ces.ratio)]].filter(([, told]) => told.answers);
  child(shown, "others", () => element("p", "note")).replaceChildren(...others.flatMap(([name, told, text], index) => [index ? " · " : "", term(name), ` ${text}, n ${count(told.answers)}`]));
}

function table(name, told, choice) {
  const place = byId(name);
  place.closest("section").hidden = !told;
  if (!told) return;
  if (!place.tHead.rows.length) {
    const row = element("tr", "", element("td", "", ""));
    for (const column of COLUMNS) row.append(Object.assign(element("th", column, term(column, column === "awaiting" ? "Waiting" : column === "open" ? "Open" : title(column))), { scope: "col" }));
    place.tHead.append(row);
  }
  const rows = told.rows.map(({ name: value, windows, ...now }) => {
    const header = Object.assign(element("th", "", value), { scope: "row", title: value });
    const window = windows[choice], row = element("tr", "", header);
    for (const column of COLUMNS) row.append(cell(column, column in now ? now[column] : window?.[column]));
    return row;
  });
  if (told.more) rows.push(message(`${count(told.more)} more in the snapshot`));
  if (!rows.length) rows.push(message("No tickets yet."));
  place.tBodies[0].replaceChildren(...rows);
}

function cell(column, told) {
  const made = element("td", column);
  if (TIMES.includes(column)) {
    put(made, told?.p50, [[brief(told?.p50)]]);
    if (told?.n) made.append(element("span", "p90", brief(told.p90)));
  } else if (column === "csat") {
    put(made, told?.ratio, [[percent(told?.ratio)]]);
    if (told?.answers) made.append(element("span", "n", `n ${count(told.answers)}`));
  } else put(made, told ?? 0, [[count(told ?? 0)]]);
  if (made.textContent === "0" || made.textContent === NOTHING) made.classList.add("none");
  return made;
}

function message(text) {
  const made = element("td", "none", text);
  made.colSpan = COLUMNS.length + 1;
  return element("tr", "", made);
}

export function show(numbers, choice, promised) {
  const window = numbers.windows[choice], hour = numbers.windows["1h"];
  const net = hour && hour.opened + hour.reopened - hour.resolved;
  tiles(numbers, hour ? `${net < 0 ? "−" : "+"}${count(Math.abs(net))} in the last hour` : "");
  times(numbers, window, promised);
  flows(numbers, window);
  surveys(window);
  for (const name of ["team", "channel"]) table(name, numbers[name], choice);
}

// Single tickets by deadline, where the worker shows them, and how many more there are.
export function showDue(tickets, more, now) {
  byId("due").hidden = false;
  if (!byId("due-title").childElementCount) byId("due-title").append(term("due"));
  byId("due-more").textContent = tickets.length ? (more ? `${count(more)} more` : "") : "nothing is near its deadline";
  const list = byId("due-list"), known = new Map([...list.children].map((one) => [one.dataset.key, one]));
  const keys = tickets.map((ticket) => JSON.stringify([ticket.source, ticket.ticket_id, ticket.target]));
  for (const [key, gone] of known) if (!keys.includes(key)) gone.remove();
  tickets.forEach((ticket, index) => {
    const item = known.get(keys[index]) ?? due(keys[index], ticket);
    const left = (Date.parse(ticket.due_at) - now) / 1000, late = ticket.state === "breached";
    item.className = late ? "bad" : "warn";
    item.querySelector(".when").textContent = late ? `${SIGNS.bad} ${duration(Math.max(-left, 0))} ago` : `in ${duration(Math.max(left, 0))}`;
    item.querySelector(".note").textContent = [ticket.target.replaceAll("_", " "), ticket.team, ticket.channel].filter(Boolean).join(" · ");
    if (list.children[index] !== item) list.insertBefore(item, list.children[index] ?? null);
  });
}

function due(key, { ticket_id: id, url }) {
  const name = url ? Object.assign(element("a", "name", id), { href: url, rel: "noreferrer" }) : element("b", "name", id);
  const made = element("li", "", name, element("span", "when"), element("span", "note"));
  name.title = id;
  made.dataset.key = key;
  return made;
}
