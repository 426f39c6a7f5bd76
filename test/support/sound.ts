/** A WAV file of PCM16 mono: a tone that pauses for 300 ms at each of the given seconds. */
export function tone(seconds: number, pausesAt: readonly number[] = [], sampleRate = 8_000): Buffer {
  const samples = Math.round(seconds * sampleRate);
  const data = Buffer.alloc(samples * 2);
  for (let index = 0; index < samples; index++) {
    const at = index / sampleRate;
    const silent = pausesAt.some((pause) => Math.abs(at - pause) < 0.15);
    data.writeInt16LE(silent ? 0 : Math.round(8_000 * Math.sin(2 * Math.PI * 220 * at)), index * 2);
  }
  return Buffer.concat([wavHeader(data.length, sampleRate), data]);
}

function wavHeader(bytes: number, sampleRate: number): Buffer {
  const header = Buffer.alloc(44);
  header.write('RIFF', 0);
  header.writeUInt32LE(36 + bytes, 4);
  header.write('WAVEfmt ', 8);
  header.writeUInt32LE(16, 16);
  header.writeUInt16LE(1, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(sampleRate, 24);
  header.writeUInt32LE(sampleRate * 2, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36);
  header.writeUInt32LE(bytes, 40);
  return header;
}
