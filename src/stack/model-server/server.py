"""OpenAI-compatible embeddings, transcriptions and picture chat on the CPU, for laptops and tests.

A thin server over well-kept libraries: models come from packages, nothing is downloaded when it runs. Nothing that was
sent is logged.
"""

import argparse
import base64
import binascii
import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Literal

# Read when onnxruntime is loaded, which would else keep a device id in the home folder and report its use to its maker.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

import numpy as np
import uvicorn
from fastapi import FastAPI, File, Form, Request, UploadFile
from fastapi.responses import PlainTextResponse, Response
from starlette.formparsers import MultiPartParser

from bodies import ChatBody, EmbeddingBody
from embeddings import DIMENSIONS, Embedder, runs
from embeddings import MODEL as EMBEDDING_MODEL
from lanes import Lane
from problems import ApiError, answer_problems
from screen import MODEL as SCREEN_MODEL
from screen import ScreenReader, UnreadableImage
from speech import MODEL as SPEECH_MODEL
from speech import Recogniser, UndecodableAudio

# OpenAI's own limit.
MAX_INPUTS = 2048
# Embeddings answer within milliseconds and keep a core to themselves; speech and screens take half of what there is.
THREADS = max(1, (os.cpu_count() or 2) // 2)
# Recordings side by side, one thread each; more than four would take 200 MB each for calls that a laptop does not get.
SPEECH_WORKERS = min(THREADS, 4)
# A rule is sure of what it measures and blind to the rest.
CAPTION_CONFIDENCE = 0.5
# Tokens of chat answers are estimates: English has about four characters a token.
CHARACTERS_PER_TOKEN = 4
# How long requests may go on when the server is told to end: enough for a picture or a piece of a call that is being
# read. What still waits then is cut off, and asked again by its caller.
GRACE_SECONDS = 5

# Recordings of more than a megabyte would else lie readable in the folder for temporary files while they are received.
MultiPartParser.spool_max_size = sys.maxsize


def create_app() -> FastAPI:
    with ThreadPoolExecutor() as loaders:
        embedder = loaders.submit(Embedder, 1)
        recogniser = loaders.submit(Recogniser, SPEECH_WORKERS)
        reader = loaders.submit(ScreenReader, THREADS)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    answer_problems(app)
    serve_about(app)
    serve_embeddings(app, embedder.result())
    serve_transcriptions(app, recogniser.result())
    serve_chat(app, reader.result())
    return app


def serve_about(app: FastAPI) -> None:
    @app.get("/healthz")
    async def health() -> dict:
        return {"status": "up"}

    @app.get("/v1/models")
    async def models() -> dict:
        names = [EMBEDDING_MODEL, SPEECH_MODEL, SCREEN_MODEL]
        data = [{"id": name, "object": "model", "created": 0, "owned_by": "local"} for name in names]
        return {"object": "list", "data": data}


def serve_embeddings(app: FastAPI, embedder: Embedder) -> None:
    lane = Lane("embedding")

    @app.post("/v1/embeddings")
    async def embed(request: Request, body: EmbeddingBody) -> dict:
        require_model(body.model, EMBEDDING_MODEL)
        texts = [body.input] if isinstance(body.input, str) else body.input
        if not 1 <= len(texts) <= MAX_INPUTS or not all(texts):
            raise ApiError(400, f"input must be a text or 1 to {MAX_INPUTS} texts, none of them empty", None, "input")
        if body.dimensions not in (None, DIMENSIONS):
            raise ApiError(400, f"{EMBEDDING_MODEL} has vectors of {DIMENSIONS} dimensions alone", None, "dimensions")
        encodings = await lane.run(request, embedder.tokenize, texts)
        vectors: list[np.ndarray | None] = [None] * len(texts)
        for run in runs(encodings):
            # Each run waits for its turn: a short query passes between the runs of a large request.
            for index, vector in zip(run, await lane.run(request, embedder.embed, [encodings[each] for each in run])):
                vectors[index] = vector
        data = [
            {"object": "embedding", "index": index, "embedding": encoded(vector, body.encoding_format)}
            for index, vector in enumerate(vectors)
        ]
        tokens = sum(len(each) for each in encodings)
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return {"object": "list", "model": EMBEDDING_MODEL, "data": data, "usage": usage}


def encoded(vector: np.ndarray, encoding: str) -> str | list[float]:
    return base64.b64encode(vector.astype("<f4").tobytes()).decode() if encoding == "base64" else vector.tolist()


def serve_transcriptions(app: FastAPI, recogniser: Recogniser) -> None:
    lane = Lane("speech", SPEECH_WORKERS, (UndecodableAudio,))

    @app.post("/v1/audio/transcriptions", response_model=None)
    async def transcribe(
        request: Request,
        file: Annotated[UploadFile, File()],
        model: Annotated[str, Form()],
        response_format: Annotated[Literal["json", "text", "verbose_json"], Form()] = "json",
        language: Annotated[str, Form()] = "en",
        temperature: Annotated[float, Form(ge=0, le=1)] = 0,
        prompt: Annotated[str | None, Form()] = None,
        granularities: Annotated[list[str], Form(alias="timestamp_granularities[]")] = [],
    ) -> dict | Response:
        require_model(model, SPEECH_MODEL)
        if language.partition("-")[0] != "en":
            raise ApiError(400, f"{SPEECH_MODEL} knows English alone", None, "language")
        audio, words = await file.read(), "word" in granularities
        try:
            answer = await lane.run(request, recogniser.transcribe, audio, prompt, temperature, words)
        except UndecodableAudio:
            raise ApiError(400, "the file cannot be decoded as audio", "invalid_file", "file") from None
        if response_format == "text":
            return PlainTextResponse(answer["text"] + "\n")
        return answer if response_format == "verbose_json" else {"text": answer["text"], "usage": answer["usage"]}


def serve_chat(app: FastAPI, reader: ScreenReader) -> None:
    lane = Lane("screen", expected=(UnreadableImage,))

    @app.post("/v1/chat/completions")
    async def chat(request: Request, body: ChatBody) -> dict:
        require_model(body.model, SCREEN_MODEL)
        image = image_of(body)
        wanted = wanted_of(body)
        try:
            lines, caption = await lane.run(request, reader.read, image)
        except UnreadableImage:
            raise ApiError(400, "the image cannot be decoded, or is too large", "invalid_image", "messages") from None
        if wanted == "screen_text":
            return completion(json.dumps({"lines": lines}))
        if wanted == "screen_caption":
            return completion(json.dumps({"caption": caption, "confidence": CAPTION_CONFIDENCE}))
        return completion(caption)


def wanted_of(body: ChatBody) -> str:
    if body.stream:
        raise ApiError(400, f"{SCREEN_MODEL} does not stream", None, "stream")
    wanted = body.response_format
    if wanted is None or wanted.type == "text":
        return "text"
    if wanted.json_schema is None or wanted.json_schema.name not in ("screen_text", "screen_caption"):
        raise ApiError(400, f"{SCREEN_MODEL} knows the schemas screen_text and screen_caption", None, "response_format")
    return wanted.json_schema.name


def completion(content: str) -> dict:
    tokens = len(content) // CHARACTERS_PER_TOKEN
    message = {"role": "assistant", "content": content, "refusal": None}
    return {
        "id": f"chatcmpl-{time.time_ns()}",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": SCREEN_MODEL,
        "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
        "usage": {"prompt_tokens": 0, "completion_tokens": tokens, "total_tokens": tokens},
    }


def image_of(body: ChatBody) -> bytes:
    """The picture, given as a data URL. Nothing is fetched."""
    images = body.images()
    if len(images) != 1 or not images[0].startswith("data:image/"):
        raise ApiError(400, f"{SCREEN_MODEL} reads pictures: send one, as a data URL", None, "messages")
    try:
        return base64.b64decode(images[0].partition(";base64,")[2], validate=True)
    except (binascii.Error, ValueError):
        raise ApiError(400, "the image is not base64", "invalid_image", "messages") from None


def require_model(given: str, known: str) -> None:
    if given != known:
        raise ApiError(404, f"this server has no such model here; it has {known}", "model_not_found", "model")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    arguments = parser.parse_args()
    uvicorn.run(
        create_app(),
        host=arguments.host,
        port=arguments.port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
