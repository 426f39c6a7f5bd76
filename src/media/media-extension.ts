const EXTENSIONS: Readonly<Record<string, string>> = {
  'audio/wav': 'wav',
  'audio/mpeg': 'mp3',
  'audio/ogg': 'ogg',
  'audio/flac': 'flac',
  'audio/x-flac': 'flac',
  'audio/mp4': 'm4a',
  'audio/x-m4a': 'm4a',
  'video/mp4': 'mp4',
  'video/webm': 'webm',
  'image/png': 'png',
  'image/jpeg': 'jpg',
  'image/webp': 'webp',
};

/** The extension of a file of a media type, without the dot; `bin` for types that are not taken in. */
export function extensionOf(mediaType: string): string {
  const [type = ''] = mediaType.split(';');
  return EXTENSIONS[type.trim()] ?? 'bin';
}
