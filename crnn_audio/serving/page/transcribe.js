// A recording, dropped, chosen or recorded, as words that play their sound, over spectrogram and posteriors.

import { byId, bytes, colour, during, form, problem, request } from "./client.js";
import { Microphone, wav } from "./sound.js";

const SPECTROGRAM = 160;
const POSTERIORS = 110;
const PER_SECOND = 120;
let shown;

async function transcribe(file) {
  await during(byId("record"), byId("transcribe-status"), async () => {
    const model = byId("transcribe").querySelector("select").value;
    const found = await (await request("v1/audio/evidence", form({ model, file }))).json();
    showWords(found, file);
    shown = { ...found.evidence, words: found.words };
    draw();
    return found.text ? `${found.duration.toFixed(1)} s, ${found.words.length} words` : "No words were recognised.";
  });
}

function showWords(found, file) {
  const player = byId("player");
  URL.revokeObjectURL(player.src);
  player.src = URL.createObjectURL(file);
  byId("words").replaceChildren(...found.words.map((word) => wordButton(word, player)));
  byId("transcript").hidden = false;
}

function wordButton(word, player) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = word.word;
  button.title = `${word.start.toFixed(2)} to ${word.end.toFixed(2)} s, confidence ${word.probability.toFixed(2)}`;
  button.dataset.start = word.start;
  button.dataset.end = word.end;
  button.addEventListener("click", async () => {
    player.currentTime = word.start;
    await player.play().catch(problem);
    const end = () => {
      if (player.currentTime < word.end) return;
      player.pause();
      player.removeEventListener("timeupdate", end);
    };
    player.addEventListener("timeupdate", end);
  });
  return button;
}

function markWord() {
  const now = byId("player").currentTime;
  for (const one of byId("words").children) one.classList.toggle("now", one.dataset.start <= now && now < one.dataset.end);
}

export function draw() {
  if (!shown) return;
  const canvas = byId("picture");
  const width = Math.max(Math.round(shown.seconds * PER_SECOND), 300);
  const height = SPECTROGRAM + POSTERIORS + 24;
  canvas.width = width;
  canvas.height = height;
  const pen = canvas.getContext("2d");
  pen.fillStyle = colour("--paper");
  pen.fillRect(0, 0, width, height);
  drawSpectrogram(pen, width);
  drawPosteriors(pen, shown.seconds);
  pen.fillStyle = colour("--ink");
  pen.font = "13px system-ui, sans-serif";
  for (const word of shown.words) pen.fillText(word.word, word.start * PER_SECOND, height - 7);
  canvas.setAttribute("aria-label", `Spectrogram of ${shown.seconds.toFixed(1)} seconds, and posteriors of ${shown.tokens.join(" ")}`);
}

function drawSpectrogram(pen, width) {
  const values = bytes(shown.features);
  const bins = shown.num_bins;
  const frames = values.length / bins;
  const image = new ImageData(frames, bins);
  for (let frame = 0; frame < frames; frame++) {
    for (let bin = 0; bin < bins; bin++) {
      const value = values[frame * bins + bin];
      const at = 4 * ((bins - 1 - bin) * frames + frame);
      image.data.set([value, value * 0.75, 90 + value * 0.3, 255], at);
    }
  }
  const small = new OffscreenCanvas(frames, bins);
  small.getContext("2d").putImageData(image, 0, 0);
  pen.drawImage(small, 0, 0, Math.min(frames * shown.hop_seconds * PER_SECOND, width), SPECTROGRAM);
}

function drawPosteriors(pen) {
  const values = bytes(shown.probs);
  const count = shown.tokens.length;
  const top = SPECTROGRAM + 14;
  pen.font = "12px system-ui, sans-serif";
  shown.tokens.forEach((token, place) => {
    pen.strokeStyle = pen.fillStyle = `hsl(${(place * 137) % 360} 70% ${matchMedia("(prefers-color-scheme: dark)").matches ? 70 : 38}%)`;
    pen.beginPath();
    for (let frame = 0; frame * count < values.length; frame++) {
      const value = values[frame * count + place] / 255;
      const x = (frame + 0.5) * shown.frame_seconds * PER_SECOND;
      pen.lineTo(x, top + (1 - value) * (POSTERIORS - 14));
      const before = values[(frame - 1) * count + place] ?? 0;
      const after = values[(frame + 1) * count + place] ?? 0;
      if (value > 0.4 && values[frame * count + place] >= before && values[frame * count + place] > after) {
        pen.fillText(token.trim() || "␣", x - 4, top - 2);
      }
    }
    pen.stroke();
  });
}

let recording;

async function toggleRecording() {
  const button = byId("record");
  problem("");
  if (!recording) {
    const blocks = [];
    try {
      recording = { blocks, microphone: await Microphone.open((block) => blocks.push(block)) };
    } catch (error) {
      problem(error);
      return;
    }
    button.textContent = "Stop";
    button.setAttribute("aria-pressed", "true");
    byId("transcribe-status").textContent = "Recording …";
    return;
  }
  const { blocks, microphone } = recording;
  recording = undefined;
  const rate = microphone.rate;
  await microphone.close();
  button.textContent = "Record";
  button.setAttribute("aria-pressed", "false");
  await transcribe(new File([wav(blocks, rate)], "recording.wav", { type: "audio/wav" }));
}

export function begin() {
  const drop = byId("drop");
  byId("file").addEventListener("change", ({ target }) => target.files[0] && transcribe(target.files[0]));
  for (const kind of ["dragover", "dragleave", "drop"]) {
    drop.addEventListener(kind, (event) => {
      event.preventDefault();
      drop.classList.toggle("over", kind === "dragover");
      if (kind === "drop" && event.dataTransfer.files[0]) transcribe(event.dataTransfer.files[0]);
    });
  }
  byId("record").addEventListener("click", toggleRecording);
  byId("player").addEventListener("timeupdate", markWord);
}
