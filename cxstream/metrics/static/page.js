// The live page: fetches /api/board again and again, and survives whatever happens to the worker.

import { define, show, showDue } from "/static/show.js";
import { clock, count } from "/static/text.js";

const PERIOD = 1000; // ms between an answer and the next question: the server asks the fleet once a second at most
const PATIENCE = 8000; // ms until a request counts as failed
const BACKLOG = 1000; // events behind from which on the page says so: less is passing
const DUE_EVERY = 5; // rounds between two looks at single tickets
const MOST_DUE = 7;

const asked = new URLSearchParams(location.search);
const state = { board: null, whole: false, choice: asked.get("window"), defined: false, due: 0, closed: false };
const byId = (id) => document.getElementById(id);

async function ask(path) {
  const response = await fetch(path, { signal: AbortSignal.timeout(PATIENCE), cache: "no-cache" });
  if (!response.ok) throw Object.assign(new Error(`${path} answers ${response.status}`), { status: response.status });
  return response.json();
}

function status(word, text, notice) {
  const label = byId("status"), note = byId("notice");
  if (label.className !== word) label.className = word;
  if (label.textContent !== text) label.textContent = text;
  if (note.textContent !== notice) note.textContent = notice;
  note.hidden = !notice;
  byId("numbers").classList.toggle("stale", word !== "live" && word !== "behind");
  document.title = word === "live" ? "cxstream" : `cxstream (${word})`;
}

const last = () => (state.board && state.whole ? ` Shown: the last complete numbers, of ${clock(state.board.numbers.at)}.` : "");

function chooser(names) {
  if (!names.includes(state.choice)) [state.choice] = names;
  const place = byId("choice");
  if (place.textContent !== names.join("")) {
    place.replaceChildren(...names.map((name) => {
      const button = document.createElement("button");
      button.type = "button";
      button.textContent = name;
      button.addEventListener("click", () => { state.choice = name; draw(); });
      return button;
    }));
  }
  for (const button of place.children) button.setAttribute("aria-pressed", String(button.textContent === state.choice));
}

function draw() {
  const { numbers } = state.board, at = byId("clock");
  chooser(Object.keys(numbers.windows));
  show(numbers, state.choice);
  at.dateTime = numbers.at;
  at.textContent = clock(numbers.at);
}

// Complete numbers are replaced by complete ones only.
function take(board) {
  if (board.whole || !state.whole) {
    state.board = board;
    state.whole = board.whole;
    draw();
  }
  const workers = board.workers === 1 ? "1 worker" : `${count(board.workers)} workers`;
  byId("scope").textContent = `${count(board.held)} of ${count(board.partitions)} partitions, ${workers}`;
  if (!board.complete) status("incomplete", "incomplete", `${board.reason[0].toUpperCase()}${board.reason.slice(1)}.${last() || " The numbers are a share of the whole."}`);
  else if (board.behind > BACKLOG) status("behind", "catching up", `${count(board.behind)} events are still to be counted.`);
  else status("live", "live", "");
}

// Where the worker shows single tickets; a worker that does not is not asked again.
async function due(board) {
  if (!board.tickets.api || state.closed || state.due++ % DUE_EVERY) return;
  try {
    const found = await Promise.all(["breached", "at_risk"].map((name) => ask(`/api/tickets?state=${name}`)));
    const rows = found.flatMap((one) => one.tickets || []).filter((one) => one.due_at).sort((a, b) => Date.parse(a.due_at) - Date.parse(b.due_at));
    const link = ({ source, ticket_id: id }) => board.tickets.url && board.tickets.url.replace("{source}", encodeURIComponent(source ?? "").replaceAll("%2F", "/")).replace("{id}", encodeURIComponent(id));
    showDue(rows.slice(0, MOST_DUE), Date.parse(board.now), link);
  } catch (error) {
    state.closed = error.status === 404;
  }
}

async function refresh() {
  let board;
  try {
    if (!state.defined) {
      define(await ask("/static/definitions.json"));
      state.defined = true;
    }
    board = await ask("/api/board");
  } catch {
    status("unreachable", "unreachable", `The worker does not answer.${last()}`);
    return;
  }
  take(board);
  await due(board);
}

async function run() {
  for (;;) {
    if (document.visibilityState === "visible") {
      try {
        await refresh();
      } catch (error) {
        status("unreachable", "unreachable", `The answer could not be read: ${error.message}.${last()}`);
      }
    }
    await new Promise((resolve) => { setTimeout(resolve, PERIOD); });
  }
}

run();
