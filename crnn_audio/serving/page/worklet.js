// Hands on the samples of the microphone in blocks of a tenth of a second.

class Capture extends AudioWorkletProcessor {
  constructor() {
    super();
    this.block = new Float32Array(Math.round(sampleRate / 10));
    this.size = 0;
  }

  process([[channel]]) {
    for (const sample of channel ?? []) {
      this.block[this.size++] = sample;
      if (this.size === this.block.length) {
        this.port.postMessage(this.block.slice());
        this.size = 0;
      }
    }
    return true;
  }
}

registerProcessor("capture", Capture);
