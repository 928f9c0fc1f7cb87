// Numbers in words. What is unknown is an en dash everywhere.

export const NOTHING = "–";
const UNITS = [["d", 86400], ["h", 3600], ["m", 60], ["s", 1]];

const missing = (value) => value === null || value === undefined;

export const count = (value) => (missing(value) ? NOTHING : value.toLocaleString("en"));
export const percent = (ratio) => (missing(ratio) ? NOTHING : `${Math.round(ratio * 100)} %`);
export const score = (value) => (missing(value) ? NOTHING : Math.round(value).toString().replace("-", "−"));

// Amounts with their units, two at most, and one where the first says enough: [[2, "h"], [18, "m"]], but [[44, "m"]].
export function amounts(seconds) {
  let rest = Math.round(seconds);
  const parts = UNITS.map(([unit, size]) => {
    const amount = Math.floor(rest / size);
    rest -= amount * size;
    return [amount, unit];
  });
  const first = parts.findIndex(([amount]) => amount > 0);
  if (first < 0) return [[0, "s"]];
  return parts.slice(first, parts[first][0] < 10 ? first + 2 : first + 1).filter(([amount]) => amount > 0);
}

export const duration = (seconds) => (missing(seconds) ? NOTHING : amounts(seconds).map(([amount, unit]) => `${amount} ${unit}`).join(" "));

// For tables, where room is short: one unit, "2.3 h", "44 m".
export function brief(seconds) {
  if (missing(seconds)) return NOTHING;
  const [unit, size] = UNITS.find(([, length]) => seconds >= length) || UNITS[3];
  const amount = seconds / size;
  return `${amount < 9.95 && unit !== "s" ? Math.round(amount * 10) / 10 : Math.round(amount)} ${unit}`;
}

// The time of day where the screen hangs; with the date if that is another day.
export function clock(text) {
  const at = new Date(text), time = at.toLocaleTimeString("en-GB");
  return at.toDateString() === new Date().toDateString() ? time : `${at.toLocaleDateString("en-GB", { day: "numeric", month: "short", year: "numeric" })}, ${time}`;
}
