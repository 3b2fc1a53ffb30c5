// SPDX-License-Identifier: Apache-2.0
// Asks /status every two seconds and shows it. Text goes into the page as text, never as markup.
"use strict";

const interval = 2000;
const kept = 60; // values of a small graph
const histories = new Map(); // key: {total, values}
const sections = new Map(); // interface: its part of the page
const svgSpace = "http://www.w3.org/2000/svg";
let last = 0; // when the figures before came, ms

const number = new Intl.NumberFormat("en");
const short = (value) => {
  for (const [size, unit] of [[1e9, " G"], [1e6, " M"], [1e3, " k"]]) {
    if (value >= size) return (value / size).toFixed(1) + unit;
  }
  return value > 0 && value < 10 ? value.toFixed(1) : value.toFixed(0);
};

// The rate a second of a counter; a counter that restarted has none yet.
function rate(key, total, seconds) {
  const history = histories.get(key) || { total, values: [] };
  histories.set(key, history);
  if (seconds > 0) history.values.push(Math.max(0, total - history.total) / seconds);
  if (history.values.length > kept) history.values.shift();
  history.total = total;
  return history.values;
}

function sparkline(values, what) {
  const svg = document.createElementNS(svgSpace, "svg");
  const most = Math.max(...values, 1e-9);
  const points = values.map((value, at) =>
    `${(120 * (kept - values.length + at)) / (kept - 1)},${(18.5 - (17 * value) / most).toFixed(1)}`);
  svg.setAttribute("viewBox", "0 0 120 20");
  svg.setAttribute("preserveAspectRatio", "none");
  svg.setAttribute("role", "img");
  svg.setAttribute("aria-label", `${what}, at most ${short(Math.max(...values, 0))}`);
  if (points.length > 1) {
    const path = document.createElementNS(svgSpace, "path");
    path.setAttribute("d", "M" + points.join("L"));
    svg.append(path);
  }
  return svg;
}

function cell(content, kind, name = "td") {
  const element = document.createElement(name);
  if (name === "th") element.scope = "row";
  if (kind) element.className = kind;
  if (kind && kind.startsWith("wide")) element.title = content;
  element.append(content);
  return element;
}

function rowOf(interfaceName, row, seconds) {
  const bytes = rate(`${interfaceName} ${row.id}`, row.bytes_in + row.bytes_out, seconds);
  const line = document.createElement("tr");
  if (row.packets_in + row.packets_out === 0) line.className = "quiet";
  line.append(
    cell(row.id, "", "th"),
    cell(row.direction || "", "extra"),
    cell(row.transport.join(", "), "extra"),
    cell(row.port || "", "wide"),
    cell(row.source || "", "wide extra"),
    cell(row.destination || "", "wide extra"),
    cell(number.format(row.packets_in), "number"),
    cell(number.format(row.packets_out), "number"),
    cell(number.format(row.flows), "number"),
    cell(number.format(row.flows_total), "number extra"),
    cell(short((bytes.at(-1) || 0) * 8), "number"),
    cell(sparkline(bytes.map((one) => one * 8), "bits a second"), "extra"));
  return line;
}

function dropOf(interfaceName, drop, would, seconds) {
  const packets = rate(`${interfaceName} ${would} ${drop.direction} ${drop.reason}`, drop.packets, seconds);
  const line = document.createElement("tr");
  line.append(
    cell(would ? `${drop.reason} (audit: would be)` : drop.reason, "", "th"),
    cell(drop.direction),
    cell(number.format(drop.packets), "number"),
    cell(number.format(drop.bytes), "number extra"),
    cell(short(packets.at(-1) || 0), "number"),
    cell(sparkline(packets, "packets a second"), "extra"));
  return line;
}

function fact(name, text, alarm) {
  const box = document.createElement("div");
  const term = document.createElement("dt");
  const value = document.createElement("dd");
  term.append(name);
  value.append(text);
  if (alarm) value.className = "alarm";
  box.append(term, value);
  return box;
}

const hook = (attached) => attached ? [attached.kind, attached.mode].filter(Boolean).join(", ") : "NOT ATTACHED";

function facts(one) {
  const policy = one.policy;
  const age = one.attachment_age_seconds;
  const stale = age === null || age > 15;
  return [
    fact("Policy", policy ? policy.name : "none", !policy),
    ...(policy ? [
      fact("Generation", policy.generation + (policy.applied_at
        ? `, since ${policy.applied_at.replace("T", " ").slice(0, 19)} UTC` : "")),
      fact("SHA-256", policy.sha256.slice(0, 12)),
    ] : []),
    ...(one.parachute ? [
      fact("Mode", "parachute: nftables filters, not the programs", true),
      fact("Why", one.parachute.why, true),
    ] : [
      fact("Mode", one.mode === "enforce" ? "enforce" : `${one.mode}: NOTHING IS DROPPED`, one.mode !== "enforce"),
    ]),
    fact("In", hook(one.ingress), !one.ingress),
    fact("Out", hook(one.egress), !one.egress),
    fact("Attachment seen", stale ? "watch is not running" : `${age} s ago`, stale),
    fact("Flows", `${number.format(one.flows.live)} of ${number.format(one.flows.capacity)}`),
  ];
}

// The section of an interface stays, so that neither focus nor scrolling is lost.
function section(name) {
  const found = sections.get(name);
  if (found) return found;
  const part = document.getElementById("interface").content.cloneNode(true).firstElementChild;
  part.querySelector("h2").textContent = name ?? "every device";
  sections.set(name, part);
  return part;
}

function fill(part, one, seconds) {
  part.querySelector(".facts").replaceChildren(...facts(one));
  part.querySelector(".matrix tbody").replaceChildren(...one.rows.map((row) => rowOf(one.interface, row, seconds)));
  const drops = [
    ...one.drops.map((drop) => dropOf(one.interface, drop, false, seconds)),
    ...one.would_drop.map((drop) => dropOf(one.interface, drop, true, seconds)),
  ];
  if (drops.length === 0) drops.push(cellLine("nothing yet"));
  part.querySelector(".drops tbody").replaceChildren(...drops);
}

// Hides the lines that have not the word of the filter, and on demand those without packets.
function choose() {
  const word = document.getElementById("filter").value.trim().toLowerCase();
  const quiet = document.getElementById("quiet").checked;
  for (const line of document.querySelectorAll("tbody tr")) {
    line.hidden = !line.textContent.toLowerCase().includes(word) ||
      (!quiet && line.classList.contains("quiet"));
  }
}

function time(seconds) {
  const minutes = Math.floor(seconds / 60);
  return minutes > 0 ? `${minutes}m${seconds % 60}s` : `${seconds}s`;
}

// As `portmatrix status` says it.
function tellPending(interfaces) {
  const pending = interfaces.map((one) => one.pending_confirm).find(Boolean);
  const box = document.getElementById("pending");
  box.hidden = !pending;
  box.className = pending ? "alarm" : "";
  if (!pending) return;
  const what = pending.generation ? `generation ${pending.generation} (${pending.policy})` : "what was before";
  const text = `WILL ROLL BACK to ${what} in ${time(pending.seconds_left)} unless: portmatrix confirm`;
  if (box.textContent !== text) box.textContent = text;
}

async function tellHost() {
  const answer = await fetch("/host", { cache: "no-store" });
  if (!answer.ok) throw new Error((await answer.text()).trim());
  const { host } = await answer.json();
  document.title = `${host ?? "a host"} - portmatrix`;
  document.getElementById("host").textContent = host ?? "portmatrix";
}

function cellLine(text) {
  const line = document.createElement("tr");
  const only = cell(text);
  only.colSpan = 6;
  line.append(only);
  return line;
}

function say(text, alarm) {
  const state = document.getElementById("state");
  state.textContent = text;
  state.className = alarm ? "alarm" : "";
}

async function look() {
  try {
    if (last === 0) await tellHost();
    const answer = await fetch("/status", { cache: "no-store" });
    const text = await answer.text();
    if (!answer.ok) throw new Error(text.trim());
    const now = performance.now();
    const seconds = last ? (now - last) / 1000 : 0;
    last = now;
    const interfaces = text.split("\n").filter(Boolean).map((line) => JSON.parse(line));
    const parts = interfaces.map((one) => section(one.interface));
    parts.forEach((part, at) => fill(part, interfaces[at], seconds));
    const main = document.getElementById("interfaces");
    if (parts.length !== main.children.length || parts.some((part, at) => part !== main.children[at])) {
      main.replaceChildren(...parts);
    }
    tellPending(interfaces);
    choose();
    if (interfaces.length === 0) say("nothing is attached: this host is unfiltered", true);
    else say(`in force on ${interfaces.map((one) => one.interface).join(", ")}, as of ${new Date().toLocaleTimeString("en-GB")}`);
  } catch (error) {
    say(`no figures from the exporter: ${error.message}`, true);
  }
  setTimeout(look, interval);
}

document.getElementById("filter").addEventListener("input", choose);
document.getElementById("quiet").addEventListener("change", choose);
document.addEventListener("keydown", (event) => {
  const filter = document.getElementById("filter");
  if (event.key === "/" && document.activeElement !== filter) {
    event.preventDefault();
    filter.focus();
  } else if (event.key === "Escape" && document.activeElement === filter) {
    filter.value = "";
    choose();
  }
});
look();
