// The microphone into a live stream: vosk's protocol, one answer for each block.

import { byId, problem, socket } from "./client.js";
import { Microphone } from "./sound.js";

let session;

async function start() {
  problem("");
  const model = byId("live").querySelector("select").value;
  const waiting = [];
  const microphone = await Microphone.open((block) => (line.readyState === 1 ? line.send(block) : waiting.push(block)));
  const line = socket(".", { model });
  line.onopen = () => {
    line.send(JSON.stringify({ config: { sample_rate: microphone.rate } }));
    for (const block of waiting.splice(0)) line.send(block);
  };
  line.onmessage = ({ data }) => show(JSON.parse(data));
  line.onclose = ({ code, reason }) => {
    if (code !== 1000) problem(reason || "The service ended the stream.");
    stop();
  };
  session = { microphone, line };
  state("Stop", "Listening …");
}

function show(reply) {
  byId("partial").textContent = reply.partial ?? "";
  if (!reply.text) return;
  const line = document.createElement("p");
  line.textContent = reply.text;
  byId("said").append(line);
}

async function stop() {
  if (!session) return;
  const { microphone, line } = session;
  session = undefined;
  await microphone.close();
  if (line.readyState === 1) line.send('{"eof": 1}');
  state("Start", "");
}

function state(label, status) {
  byId("speak").textContent = label;
  byId("speak").setAttribute("aria-pressed", String(label === "Stop"));
  byId("live-status").textContent = status;
}

export function begin() {
  byId("speak").addEventListener("click", () => (session ? stop() : start().catch(problem)));
}
