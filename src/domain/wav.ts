import { EarshotError } from './errors.ts';

/** How one sample is written. Telephony recorders deliver linear PCM or the two companded forms of ITU-T G.711. */
export type SampleForm = 'pcm-8' | 'pcm-16' | 'pcm-24' | 'pcm-32' | 'float-32' | 'a-law' | 'mu-law';

/**
 * Reads and cuts RIFF/WAVE files whose samples all have one length. Sound is cut at sample frames, so pieces put
 * together are the recording, bit for bit.
 */
export interface Wav {
  readonly form: SampleForm;
  readonly sampleRate: number;
  readonly channels: number;
  readonly bitsPerSample: number;
  /** Bytes of one sample over all channels. */
  readonly frameBytes: number;
  readonly durationMs: number;
  /** The `fmt ` chunk with its header, repeated in each piece. */
  readonly format: Uint8Array;
  readonly data: Uint8Array;
}

/** By the format code and the bits per sample of the `fmt ` chunk. */
const FORMS: ReadonlyMap<string, SampleForm> = new Map([
  ['1 8', 'pcm-8'],
  ['1 16', 'pcm-16'],
  ['1 24', 'pcm-24'],
  ['1 32', 'pcm-32'],
  ['3 32', 'float-32'],
  ['6 8', 'a-law'],
  ['7 8', 'mu-law'],
]);

/** The code that says that the real one stands further on, in the first bytes of the subformat. */
const EXTENSIBLE = 0xfffe;
const SUBFORMAT_OFFSET = 32;

/**
 * @throws EarshotError `malformed_media` when the file is cut short or not what its header says, `unsupported_format`
 * when its samples are compressed.
 */
export function parseWav(bytes: Uint8Array): Wav {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 12 || tag(bytes, 0) !== 'RIFF' || tag(bytes, 8) !== 'WAVE') throw malformed('has no WAVE header');
  let format: Uint8Array | undefined;
  for (let offset = 12; offset + 8 <= bytes.length;) {
    const size = view.getUint32(offset + 4, true);
    const end = offset + 8 + size;
    if (end > bytes.length) throw malformed(`ends ${end - bytes.length} bytes too early`);
    if (tag(bytes, offset) === 'fmt ') format = bytes.subarray(offset, end);
    if (tag(bytes, offset) === 'data') return wavOf(format, bytes.subarray(offset + 8, end));
    offset = end + (size % 2);
  }
  throw malformed('has no sound');
}

function wavOf(format: Uint8Array | undefined, data: Uint8Array): Wav {
  if (format === undefined || format.length < 24) throw malformed('does not say its format');
  const view = new DataView(format.buffer, format.byteOffset, format.byteLength);
  const channels = view.getUint16(10, true);
  const sampleRate = view.getUint32(12, true);
  const bitsPerSample = view.getUint16(22, true);
  const frameBytes = (channels * bitsPerSample) / 8;
  const form = formOf(view, bitsPerSample);
  if (channels < 1 || sampleRate < 1) throw malformed('has no channel or no sample rate');
  const whole = data.subarray(0, data.length - (data.length % frameBytes));
  const durationMs = (whole.length / frameBytes / sampleRate) * 1000;
  if (durationMs < 1) throw malformed('has no sound');
  return { form, sampleRate, channels, bitsPerSample, frameBytes, durationMs, format, data: whole };
}

function formOf(format: DataView, bitsPerSample: number): SampleForm {
  const code = format.getUint16(8, true);
  const extended = code === EXTENSIBLE && format.byteLength >= SUBFORMAT_OFFSET + 2;
  const form = FORMS.get(`${extended ? format.getUint16(SUBFORMAT_OFFSET, true) : code} ${bitsPerSample}`);
  if (form !== undefined) return form;
  throw refused('unsupported_format', 'has samples that are not PCM, 32-bit float, A-law or mu-law');
}

/** The sound from `startMs` to `endMs` as a file of its own. */
export function sliceWav(wav: Wav, startMs: number, endMs: number): Uint8Array {
  const at = (ms: number) => Math.min(Math.round((ms / 1000) * wav.sampleRate) * wav.frameBytes, wav.data.length);
  return wavFile(wav, wav.data.subarray(at(startMs), at(endMs)));
}

/** A stretch of time, in milliseconds. */
export interface TimeSpan {
  readonly startMs: number;
  readonly endMs: number;
}

/**
 * The recording with each of the spans silent and all else as it was, sample by sample. Other chunks of the file, which
 * may name somebody, are left out.
 */
export function silenceWav(wav: Wav, spans: readonly TimeSpan[]): Uint8Array {
  const data = wav.data.slice();
  const frames = data.length / wav.frameBytes;
  const at = (frame: number) => Math.min(Math.max(frame, 0), frames) * wav.frameBytes;
  for (const { startMs, endMs } of spans) {
    const start = at(Math.floor((startMs / 1000) * wav.sampleRate));
    data.fill(SILENCE[wav.form], start, at(Math.ceil((endMs / 1000) * wav.sampleRate)));
  }
  return wavFile(wav, data);
}

/** The byte that a silent sample is made of. ITU-T G.711: positive zero, as it is sent. */
const SILENCE: Readonly<Record<SampleForm, number>> = {
  'pcm-8': 0x80,
  'pcm-16': 0,
  'pcm-24': 0,
  'pcm-32': 0,
  'float-32': 0,
  'mu-law': 0xff,
  'a-law': 0xd5,
};

function wavFile(wav: Wav, data: Uint8Array): Uint8Array {
  const padding = data.length % 2;
  const file = new Uint8Array(12 + wav.format.length + 8 + data.length + padding);
  const view = new DataView(file.buffer);
  const write = (text: string, offset: number) =>
    file.set(
      [...text].map((letter) => letter.charCodeAt(0)),
      offset,
    );
  write('RIFF', 0);
  view.setUint32(4, file.length - 8, true);
  write('WAVE', 8);
  file.set(wav.format, 12);
  const dataOffset = 12 + wav.format.length;
  write('data', dataOffset);
  view.setUint32(dataOffset + 4, data.length, true);
  file.set(data, dataOffset + 8);
  return file;
}

function tag(bytes: Uint8Array, offset: number): string {
  return String.fromCharCode(...bytes.subarray(offset, offset + 4));
}

function malformed(what: string): EarshotError {
  return refused('malformed_media', what);
}

function refused(code: 'malformed_media' | 'unsupported_format', what: string): EarshotError {
  const message = `the WAV file ${what}`;
  return new EarshotError(code, `audio: ${message}`, { fields: [{ field: 'audio', message }] });
}
