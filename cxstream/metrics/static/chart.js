// Small charts of an hour in bars: this hour solid, the same hour a week ago as a dashed line.

const SVG = "http://www.w3.org/2000/svg";
const WIDTH = 240, HEIGHT = 56, FLOOR = 2; // units of the picture, which is stretched to its place

const SPIKE = 4; // times the median at which a line is cut, so that one outlier does not flatten the rest

function middle(values) {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] || 1;
}

function drawn(tag, attributes) {
  const made = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  return made;
}

// Points of a line with a gap where nothing was measured; a point without neighbours is a short dash.
function path(values, place) {
  let text = "";
  values.forEach((value, index) => {
    if (value === null) return;
    const [x, y] = place(value, index);
    const before = index > 0 && values[index - 1] !== null, after = index + 1 < values.length && values[index + 1] !== null;
    if (before) text += `L${x} ${y}`;
    else text += after ? `M${x} ${y}` : `M${x - 4} ${y}L${x + 4} ${y}`;
  });
  return text;
}

// name: of the number; now and before: a value or null per bar (before may be missing); say: value to words.
export function chart(name, kind, now, before, say) {
  const values = [...now, ...(before || [])].filter((value) => value !== null);
  const most = Math.max(...values, kind === "bars" ? 1 : 0) || 1;
  const top = kind === "bars" ? most : Math.min(most, SPIKE * middle(values));
  const step = WIDTH / now.length;
  const round = (number) => Math.round(number * 10) / 10;
  const place = (value, index) => [round((index + 0.5) * step), round(HEIGHT - FLOOR - (HEIGHT - 2 * FLOOR) * Math.min(1, value / top))];
  const svg = drawn("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", class: "chart", role: "img" });
  const told = (list) => list.map((value) => (value === null ? "none" : say(value))).join(", ");
  svg.setAttribute("aria-label", `${name} in the last hour: ${told(now)}${before ? `; a week ago: ${told(before)}` : ""}`);
  svg.append(drawn("line", { x1: 0, x2: WIDTH, y1: HEIGHT - 0.5, y2: HEIGHT - 0.5, class: "axis" }));
  if (kind === "bars") {
    now.forEach((value, index) => {
      const [x, y] = place(value, index);
      const bar = { x: round(x - step * 0.36), y, width: round(step * 0.72), height: round(HEIGHT - y), class: index === now.length - 1 ? "bar filling" : "bar" };
      if (value) svg.append(drawn("rect", bar));
    });
  } else svg.append(drawn("path", { d: path(now, place), class: "line" }));
  if (before) svg.append(drawn("path", { d: path(before, place), class: "before" }));
  const figure = document.createElement("figure");
  const caption = document.createElement("figcaption"), legend = document.createElement("span");
  if (before) legend.append(drawn("svg", { viewBox: "0 0 20 4", class: "key" }), "a week ago");
  legend.firstChild?.append(drawn("path", { d: "M0 2H20", class: "before" }));
  caption.append(legend, values.length ? `max ${say(most)}` : "nothing yet");
  caption.setAttribute("aria-hidden", "true");
  figure.append(svg, caption);
  return figure;
}
