"use strict";
// The live page: fetches this worker's snapshot and shows it. Text goes into the page as text only.

const PERIOD = 2000; // ms between two snapshots
const PATIENCE = 8000; // ms until a request counts as failed
const DAY = 86400;
const TIMES = [["first_response", "First response"], ["response", "Response"], ["resolution", "Resolution"]];
const FLOWS = [["opened", "Opened"], ["resolved", "Resolved"], ["reopened", "Reopened"]];
const SURVEYS = [["csat", "CSAT"], ["nps", "NPS"], ["ces", "CES"]];
const MOST_TEAMS = 200; // rows of the table

const state = { shown: null, completeAt: null, choice: null };
const byId = (id) => document.getElementById(id);

function element(tag, text, className) {
  const made = document.createElement(tag);
  if (text !== undefined) made.textContent = text;
  if (className) made.className = className;
  return made;
}

const count = (value) => (value === null || value === undefined ? "–" : value.toLocaleString("en"));
const percent = (value) => (value === null ? "–" : `${Math.round(value * 100)} %`);

// Two units at most, and one where the first says enough: "2 h 18 m", but "44 m".
function duration(seconds) {
  if (seconds === null || seconds === undefined) return "–";
  const whole = Math.round(seconds);
  const parts = [[Math.floor(whole / DAY), "d"], [Math.floor(whole / 3600) % 24, "h"], [Math.floor(whole / 60) % 60, "m"], [whole % 60, "s"]];
  const first = Math.max(0, parts.findIndex(([amount]) => amount > 0));
  if (!whole) return "0 s";
  const shown = parts[first][0] < 10 ? parts.slice(first, first + 2) : [parts[first]];
  return shown.filter(([amount]) => amount > 0).map(([amount, unit]) => `${amount} ${unit}`).join(" ");
}

// Percentile from cumulative counts by upper bound, linear within the bucket, as Prometheus does.
function percentile(buckets, share) {
  const bounds = Object.entries(buckets).map(([bound, n]) => [bound === "+Inf" ? Infinity : Number(bound), n]).sort((a, b) => a[0] - b[0]);
  const total = bounds.length ? bounds[bounds.length - 1][1] : 0;
  if (!total) return null;
  const rank = share * total;
  let low = 0, below = 0;
  for (const [bound, n] of bounds) {
    if (n >= rank && n > below) return bound === Infinity ? low : low + (bound - low) * (rank - below) / (n - below);
    low = bound === Infinity ? low : bound;
    below = n;
  }
  return low;
}

// Numbers of label sets add up: counts, sums and buckets; percentiles and ratios are taken afterwards.
function add(total, part) {
  for (const [key, value] of Object.entries(part)) {
    if (value !== null && typeof value === "object") total[key] = add(total[key] || {}, value);
    else if (typeof value === "number") total[key] = (total[key] || 0) + value;
  }
  return total;
}

function times(cell, n) {
  const made = element("td");
  if (!n || !n.count) made.append(element("span", "–", "none"));
  else made.append(`${duration(percentile(n.buckets, 0.5))} / ${duration(percentile(n.buckets, 0.9))}`, element("span", `n ${count(n.count)}`, "n"));
  cell.append(made);
}

function score(cell, name, n) {
  const made = element("td");
  if (!n || !n.answers) made.append(element("span", "–", "none"));
  else {
    const value = name === "nps" ? Math.round(100 * (n.promoters - n.detractors) / n.answers).toString().replace("-", "−") : percent(n.positive / n.answers);
    made.append(value, element("span", `n ${count(n.answers)}`, "n"));
  }
  cell.append(made);
}

function heading(table, names) {
  const row = element("tr");
  for (const name of names) {
    const cell = element("th", name);
    cell.scope = "col";
    row.append(cell);
  }
  table.tHead.replaceChildren(row);
}

function named(name) {
  const cell = element("th", name);
  cell.scope = "row";
  cell.title = name;
  return cell;
}

function showWindows(snapshot) {
  const table = byId("windows"), names = Object.keys(snapshot.windows), rows = [];
  heading(table, ["", ...names]);
  for (const cell of [...table.tHead.rows[0].cells].slice(1)) cell.style.width = `${88 / names.length}%`;
  const group = (title) => {
    const row = element("tr", undefined, "group"), cell = element("th", title);
    cell.colSpan = names.length + 1;
    cell.scope = "rowgroup";
    row.append(cell);
    rows.push(row);
  };
  const line = (title, fill) => {
    const row = element("tr");
    row.append(named(title));
    for (const name of names) fill(row, snapshot.windows[name]);
    rows.push(row);
  };
  group("Times, median / 90th percentile");
  for (const [key, title] of TIMES) line(title, (row, numbers) => times(row, numbers[key]));
  group("Tickets");
  for (const [key, title] of FLOWS) line(title, (row, numbers) => row.append(element("td", count(numbers[key]))));
  group("Surveys");
  for (const [key, title] of SURVEYS) line(title, (row, numbers) => score(row, key, numbers[key]));
  table.tBodies[0].replaceChildren(...rows);
}

function showTeams(snapshot) {
  const names = Object.keys(snapshot.windows);
  if (!names.includes(state.choice)) state.choice = names[0];
  const buttons = names.map((name) => {
    const button = element("button", name);
    button.type = "button";
    button.setAttribute("aria-pressed", String(name === state.choice));
    button.addEventListener("click", () => { state.choice = name; showTeams(state.shown); });
    return button;
  });
  if (byId("choice").textContent !== names.join("")) byId("choice").replaceChildren(...buttons);
  for (const button of byId("choice").children) button.setAttribute("aria-pressed", String(button.textContent === state.choice));

  const teams = new Map();
  const team = (labels) => {
    const name = labels.team || "all";
    if (!teams.has(name)) teams.set(name, { numbers: {}, open: 0, awaiting: 0 });
    return teams.get(name);
  };
  for (const group of snapshot.groups) if (group.windows[state.choice]) add(team(group.labels).numbers, group.windows[state.choice]);
  for (const row of snapshot.backlog) {
    const entry = team(row.labels);
    entry.open += row.awaiting_first_reply + row.in_progress;
    entry.awaiting += row.awaiting_first_reply;
  }
  heading(byId("teams"), ["Team", "Open", "Awaiting", "Opened", "Resolved", "First response", "Response", "Resolution", "CSAT"]);
  const rows = [...teams].sort(([a], [b]) => a.localeCompare(b)).slice(0, MOST_TEAMS).map(([name, { numbers, open, awaiting }]) => {
    const row = element("tr");
    row.append(named(name), element("td", count(open)), element("td", count(awaiting)));
    row.append(element("td", count(numbers.opened || 0)), element("td", count(numbers.resolved || 0)));
    for (const [key] of TIMES) times(row, numbers[key]);
    score(row, "csat", numbers.csat);
    return row;
  });
  if (teams.size > MOST_TEAMS) rows.push(message(`${teams.size - MOST_TEAMS} more teams in the snapshot`));
  if (!teams.size) rows.push(message("No tickets yet."));
  byId("teams").tBodies[0].replaceChildren(...rows);
}

function message(text) {
  const row = element("tr"), cell = element("td", text, "none");
  cell.colSpan = 9;
  row.append(cell);
  return row;
}

function show(snapshot) {
  state.shown = snapshot;
  const now = Date.parse(snapshot.now);
  const oldest = snapshot.backlog.map((row) => row.oldest).filter((at) => at !== null).map(Date.parse);
  const aged = snapshot.backlog.reduce((sum, row) => sum + row.age.count - (row.age.buckets["86400.0"] ?? row.age.count), 0);
  byId("open").textContent = count(snapshot.tickets.open);
  byId("awaiting").textContent = count(snapshot.tickets.awaiting_first_reply);
  byId("progress").textContent = count(snapshot.tickets.in_progress);
  byId("oldest").textContent = oldest.length ? duration(Math.max(0, (now - Math.min(...oldest)) / 1000)) : "–";
  byId("aged").textContent = count(aged);
  showWindows(snapshot);
  showTeams(snapshot);
}

const clock = (at) => at.toISOString().replace("T", " ").slice(0, 19) + " UTC";

function status(word, notice) {
  const label = byId("status"), note = byId("notice");
  if (label.className !== word) { label.className = word; label.textContent = word; }
  if (note.textContent !== notice) note.textContent = notice;
  note.hidden = !notice;
  byId("numbers").classList.toggle("stale", word !== "live");
  document.title = word === "live" ? "cxstream" : `cxstream (${word})`;
}

const last = () => (state.completeAt ? ` Shown: the last complete numbers, of ${clock(state.completeAt)}.` : "");

async function ask(path, signal) {
  const response = await fetch(path, { signal, cache: "no-store" });
  if (!response.ok && response.status !== 503) throw new Error(`${path} answers ${response.status}`);
  return response.json();
}

async function refresh() {
  const signal = AbortSignal.timeout(PATIENCE);
  let snapshot;
  try {
    snapshot = await ask("/api/snapshot", signal);
  } catch {
    status("unreachable", `The worker does not answer.${last()}`);
    return;
  }
  if (snapshot.complete) {
    state.completeAt = new Date(snapshot.now);
    show(snapshot);
    byId("clock").textContent = clock(state.completeAt);
    status("live", "");
    return;
  }
  const share = `This worker holds ${snapshot.partitions.length} of ${snapshot.topic_partitions} partitions.`;
  let reason = "";
  try {
    reason = (await ask("/readyz?json", signal)).reason;
  } catch { /* the share says enough */ }
  if (!state.completeAt) show(snapshot);
  status("incomplete", `${share}${reason ? ` Not ready: ${reason}.` : ""}${last() || " The numbers are its share only."}`);
}

async function run() {
  for (;;) {
    if (document.visibilityState === "visible") {
      try {
        await refresh();
      } catch (error) {
        status("unreachable", `The answer could not be read: ${error.message}.${last()}`);
      }
    }
    await new Promise((resolve) => setTimeout(resolve, PERIOD));
  }
}

run();
