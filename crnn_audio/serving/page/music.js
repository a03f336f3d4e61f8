// Pieces: asked for, or harmonised from a melody that is played; shown as a piano roll, played, and kept as files.

import { byId, bytes, colour, during, post, problem } from "./client.js";
import { play } from "./sound.js";

const NAMES = ["C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B"];
const PER_QUARTER = 28;
const PER_PITCH = 7;
let models = [];
let piece;
let playing;

const name = (pitch) => `${NAMES[pitch % 12]}${Math.floor(pitch / 12) - 1}`;

function chooseComposer() {
  const model = models.find((one) => one.id === byId("composer").value);
  const isMusic = model.prompt.includes("bars");
  byId("prompt").elements.bars.closest("label").hidden = !isMusic;
  byId("text-primer").hidden = isMusic;
  byId("conditions").replaceChildren(
    ...Object.entries(model.conditions)
      .filter(([one]) => one !== "bars")
      .map(([condition, values]) => choice(condition, values)),
  );
}

function choice(condition, values) {
  const label = document.createElement("label");
  const select = document.createElement("select");
  select.dataset.condition = condition;
  select.append(new Option("any", ""), ...values.map((one) => new Option(one, one)));
  label.append(condition[0].toUpperCase() + condition.slice(1), " ", select);
  return label;
}

async function compose(event) {
  event.preventDefault();
  const model = models.find((one) => one.id === byId("composer").value);
  const { bars, temperature, seed, primer } = byId("prompt").elements;
  const fields = { model: model.id };
  if (seed.value) fields.seed = Number(seed.value);
  if (temperature.value) fields.temperature = Number(temperature.value);
  if (!model.prompt.includes("bars")) {
    fields.primer = primer.value;
  } else {
    if (bars.value) fields.bars = Number(bars.value);
    const chosen = [...byId("conditions").querySelectorAll("select")].filter((one) => one.value);
    fields.condition = Object.fromEntries(chosen.map((one) => [one.dataset.condition, one.value]));
    fields.files = ["mid", "musicxml"];
  }
  await generate(event.submitter ?? byId("prompt").querySelector("button"), fields);
}

async function harmonise() {
  const melody = byId("notes").value.trim();
  if (!melody) return problem("Play or write some notes first.");
  const fields = { model: byId("harmoniser").value, keep: { soprano: melody }, files: ["mid", "musicxml"] };
  await generate(byId("harmonise"), fields);
}

async function generate(button, fields) {
  silence();
  byId("piece").hidden = false;
  await during(button, byId("piece-status"), async () => {
    const { model, pieces } = await post("v1/generate", fields);
    piece = pieces[0];
    byId("generated-text").hidden = Boolean(piece.score);
    byId("music").hidden = !piece.score;
    if (piece.score) showMusic(model);
    else byId("generated-text").textContent = piece.text;
    byId("piece").scrollIntoView({ block: "nearest" });
    const said = [piece.score ? `${piece.notes} notes, ${Math.round(piece.seconds)} s, seed ${piece.seed}.` : `Seed ${piece.seed}.`];
    return [...said, ...piece.remarks.map(sentence)].join(" ");
  });
}

function sentence(remark) {
  return remark.charAt(0).toUpperCase() + remark.slice(1).replace(/\.?$/, ".");
}

function showMusic(model) {
  for (const [id, kind] of [["midi", "mid"], ["musicxml", "musicxml"]]) {
    const link = byId(id);
    URL.revokeObjectURL(link.href);
    link.href = URL.createObjectURL(new Blob([bytes(piece.files[kind])]));
    link.download = `${model}-${piece.seed}.${kind}`;
  }
  draw();
}

export function draw(now = -1) {
  if (!piece?.score) return;
  const parts = piece.score.parts;
  const pitches = parts.flatMap((part) => part.notes.map((note) => note.pitch));
  const [low, high] = [Math.min(...pitches) - 2, Math.max(...pitches) + 2];
  const canvas = byId("roll");
  canvas.width = Math.max(Math.ceil(piece.quarters * PER_QUARTER), 300);
  canvas.height = (high - low) * PER_PITCH;
  const pen = canvas.getContext("2d");
  pen.fillStyle = colour("--paper");
  pen.fillRect(0, 0, canvas.width, canvas.height);
  pen.fillStyle = colour("--panel");
  for (let pitch = low; pitch <= high; pitch++) {
    if (NAMES[((pitch % 12) + 12) % 12].endsWith("#")) pen.fillRect(0, (high - pitch) * PER_PITCH, canvas.width, PER_PITCH);
  }
  const dark = matchMedia("(prefers-color-scheme: dark)").matches;
  parts.forEach((part, place) => {
    for (const { start, duration, pitch } of part.notes) {
      const sounds = start <= now && now < start + duration;
      pen.fillStyle = sounds ? colour("--wrong") : `hsl(${(210 + place * 75) % 360} 60% ${dark ? 65 : 40}%)`;
      pen.fillRect(start * PER_QUARTER, (high - pitch) * PER_PITCH, Math.max(duration * PER_QUARTER - 1, 2), PER_PITCH - 1);
    }
  });
  canvas.setAttribute("aria-label", `Piano roll: ${parts.map((part) => `${part.name}, ${part.notes.length} notes`).join("; ")}`);
}

function togglePlay() {
  if (playing) return silence();
  const quarter = piece.seconds / Math.max(piece.quarters, 0.001);
  const notes = piece.score.parts.flatMap((part) =>
    part.notes.map((one) => ({ start: one.start * quarter, duration: one.duration * quarter, pitch: one.pitch })),
  );
  playing = play(notes);
  byId("play").textContent = "Stop";
  byId("play").setAttribute("aria-pressed", "true");
  const step = () => {
    if (!playing) return;
    if (playing.seconds() > piece.seconds) return silence();
    const now = playing.seconds() / quarter;
    draw(now);
    byId("roll").parentElement.scrollLeft = now * PER_QUARTER - 150;
    requestAnimationFrame(step);
  };
  step();
}

function silence() {
  playing?.stop();
  playing = undefined;
  byId("play").textContent = "Play";
  byId("play").setAttribute("aria-pressed", "false");
  draw();
}

function addNote(word) {
  const length = Number(byId("length").value);
  const field = byId("notes");
  field.value = `${field.value} ${word}${length === 1 ? "" : `:${length}`}`.trim();
}

function makeKeys() {
  const keys = [];
  for (let pitch = 60; pitch <= 81; pitch++) {
    const key = document.createElement("button");
    key.type = "button";
    key.className = name(pitch).includes("#") ? "black" : "white";
    key.textContent = pitch % 12 === 0 ? name(pitch) : "";
    key.setAttribute("aria-label", name(pitch).replace("#", " sharp "));
    key.tabIndex = pitch === 60 ? 0 : -1;
    key.addEventListener("click", () => {
      play([{ start: 0, duration: 0.4, pitch }]);
      addNote(name(pitch));
      key.classList.add("down");
      setTimeout(() => key.classList.remove("down"), 150);
    });
    keys.push(key);
  }
  byId("keys").append(...keys);
  byId("keys").addEventListener("keydown", (event) => {
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowUp: 12, ArrowDown: -12 }[event.key];
    if (!step) return;
    event.preventDefault();
    const here = keys.indexOf(document.activeElement);
    const there = Math.max(0, Math.min(keys.length - 1, here + step));
    keys[here].tabIndex = -1;
    keys[there].tabIndex = 0;
    keys[there].focus();
  });
}

export function begin(served) {
  models = served;
  if (models.some((one) => one.verbs.includes("generate"))) chooseComposer();
  byId("composer").addEventListener("change", chooseComposer);
  byId("prompt").addEventListener("submit", compose);
  byId("play").addEventListener("click", togglePlay);
  byId("harmonise").addEventListener("click", harmonise);
  byId("rest").addEventListener("click", () => addNote("R"));
  byId("undo").addEventListener("click", () => {
    byId("notes").value = byId("notes").value.trim().split(/\s+/).slice(0, -1).join(" ");
  });
  makeKeys();
}
