"""Makes the compressed sounds beside it from a spoken fixture. Needs PyAV, which the model server's Python has, and sox."""

import subprocess
from pathlib import Path

import av

HERE = Path(__file__).parent
SPEECH = HERE.parents[1] / "fixtures" / "calls" / "payment-failure.wav"
SECONDS = 1.5


def make(name: str, container: str, codec: str, options: dict[str, str] | None = None) -> None:
    with av.open(str(SPEECH)) as source, av.open(str(HERE / name), "w", format=container, options=options or {}) as file:
        stream = file.add_stream(codec, rate=16000, layout="mono")
        stream.bit_rate = 16000
        resampler = av.AudioResampler(format=stream.codec_context.format, layout="mono", rate=16000)
        for frame in source.decode(audio=0):
            if frame.time >= SECONDS:
                break
            for resampled in resampler.resample(frame):
                file.mux(stream.encode(resampled))
        file.mux(stream.encode(None))


make("speech.mp3", "mp3", "libmp3lame")
make("speech.opus", "ogg", "libopus")
make("speech.flac", "flac", "flac")
make("speech.m4a", "ipod", "aac")
make("fragmented.mp4", "mp4", "aac", {"movflags": "frag_keyframe+empty_moov"})
make("speech.webm", "webm", "libopus")
# As a browser records: no length in the header.
make("browser.webm", "webm", "libopus", {"live": "1"})
for name, options in {
    "speech.ogg": ["-C", "0"],
    "mu-law.wav": ["-r", "8000", "-e", "mu-law"],
    "a-law.wav": ["-r", "8000", "-e", "a-law"],
    "adpcm.wav": ["-e", "ms-adpcm"],
}.items():
    subprocess.run(["sox", str(SPEECH), *options, str(HERE / name), "trim", "0", str(SECONDS)], check=True)
