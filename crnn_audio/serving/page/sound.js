// The microphone as 16-bit samples, recordings as WAV, and tones.

import { base } from "./client.js";

const REASONS = {
  NotFoundError: "No microphone was found. Connect one and try again.",
  NotAllowedError: "The page may not use the microphone. Allow it in the browser's settings of this page.",
  NotReadableError: "The microphone is used by another program.",
};

export class Microphone {
  // `hear` gets an Int16Array for each tenth of a second.
  static async open(hear) {
    if (!navigator.mediaDevices?.getUserMedia) {
      throw new Error("Browsers give a page the microphone only at https or localhost. Open the page at such an address.");
    }
    const one = new Microphone();
    try {
      one.source = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1 } });
    } catch (error) {
      throw new Error(REASONS[error.name] ?? `The microphone cannot be used (${error.message}).`);
    }
    one.context = new AudioContext();
    await one.context.audioWorklet.addModule(new URL("page/worklet.js", base));
    const node = new AudioWorkletNode(one.context, "capture", { numberOfOutputs: 0 });
    node.port.onmessage = ({ data }) => hear(Int16Array.from(data, (x) => Math.max(-1, Math.min(1, x)) * 32767));
    one.context.createMediaStreamSource(one.source).connect(node);
    return one;
  }

  get rate() {
    return this.context.sampleRate;
  }

  async close() {
    for (const track of this.source.getTracks()) track.stop();
    await this.context.close();
  }
}

export function wav(blocks, rate) {
  const size = blocks.reduce((sum, one) => sum + one.length, 0);
  const head = new DataView(new ArrayBuffer(44));
  const words = (at, text) => [...text].forEach((one, place) => head.setUint8(at + place, one.charCodeAt(0)));
  words(0, "RIFF");
  head.setUint32(4, 36 + 2 * size, true);
  words(8, "WAVEfmt ");
  head.setUint32(16, 16, true);
  head.setUint16(20, 1, true);
  head.setUint16(22, 1, true);
  head.setUint32(24, rate, true);
  head.setUint32(28, 2 * rate, true);
  head.setUint16(32, 2, true);
  head.setUint16(34, 16, true);
  words(36, "data");
  head.setUint32(40, 2 * size, true);
  return new Blob([head, ...blocks], { type: "audio/wav" });
}

let context;

function speaker() {
  context ??= new AudioContext();
  context.resume();
  return context;
}

// Plays notes {start, duration, pitch} in seconds; gives what stops them and the time of the first.
export function play(notes) {
  const out = speaker();
  const begin = out.currentTime + 0.08;
  const gain = out.createGain();
  gain.gain.value = 0.16;
  gain.connect(out.destination);
  for (const { start, duration, pitch } of notes) {
    const tone = out.createOscillator();
    const shape = out.createGain();
    tone.type = "triangle";
    tone.frequency.value = 440 * 2 ** ((pitch - 69) / 12);
    shape.gain.setValueAtTime(0, begin + start);
    shape.gain.linearRampToValueAtTime(1, begin + start + 0.015);
    shape.gain.setTargetAtTime(0, begin + start + Math.max(duration - 0.05, 0.02), 0.03);
    tone.connect(shape).connect(gain);
    tone.start(begin + start);
    tone.stop(begin + start + duration + 0.2);
  }
  return { seconds: () => out.currentTime - begin, stop: () => gain.disconnect() };
}
