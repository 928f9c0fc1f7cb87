// The live page: fetches /api/board again and again, and survives whatever happens to the worker.

import { define, show, showDue } from "/static/show.js";
import { clock, count } from "/static/text.js";

const PERIOD = 1000; // ms between an answer and the next question: the server asks the fleet once a second at most
const PATIENCE = 8000; // ms until a request counts as failed
const BACKLOG = 1000; // events behind from which on the page says so: less is passing
const DUE_EVERY = 2; // rounds from one look at single tickets to the next
const MOST_DUE = 4;
const MOST_LATE = 2; // of these past their deadline, if more are about to pass it

const asked = new URLSearchParams(location.search);
const state = { board: null, whole: false, choice: asked.get("window"), defined: false, due: 0, listed: false };
const byId = (id) => document.getElementById(id);

async function ask(path) {
  const response = await fetch(path, { signal: AbortSignal.timeout(PATIENCE), cache: "no-cache" });
  if (!response.ok) throw new Error(`${path} answers ${response.status}`);
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
  show(numbers, state.choice, state.board.promised);
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

// The list of single tickets, where the worker shows them.
async function due(board) {
  if (!board.tickets || state.due++ % DUE_EVERY) return;
  try {
    const [late, soon] = await Promise.all(["breached", "at_risk"].map((name) => ask(`/api/tickets?state=${name}&limit=${MOST_DUE}&fleet=1`)));
    const whole = late.complete && soon.complete;
    if (state.listed && !whole) return; // complete lists are replaced by complete ones only
    state.listed = whole;
    const upcoming = soon.tickets.filter((one) => one.due_at);
    const rows = [...late.tickets.slice(0, Math.max(MOST_LATE, MOST_DUE - upcoming.length)), ...upcoming].slice(0, MOST_DUE);
    showDue(rows, late.count + soon.count - rows.length, Date.parse(soon.now));
  } catch {
    // The list stays as it is until the next look; the board tells whether the worker answers.
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
