"""OpenAI-compatible embeddings, transcriptions and picture chat on the CPU, for laptops and tests.

A thin server over well-kept libraries: models come from packages, nothing is downloaded when it runs.
"""

import argparse
import base64
import binascii
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor

import uvicorn
from fastapi import FastAPI, File, Form, Request, UploadFile
from fastapi.responses import JSONResponse
from starlette.concurrency import run_in_threadpool

import embeddings
import screen
import speech

MAX_INPUTS = 2048
# The embedder answers within milliseconds and gets a core of its own; the others take what there is.
THREADS = max(1, (os.cpu_count() or 2) // 2)


class ApiError(Exception):
    def __init__(self, status: int, message: str, code: str = "invalid_request_error"):
        self.status, self.message, self.code = status, message, code


def require_model(given: object, known: str) -> None:
    if given != known:
        raise ApiError(404, f"this server has no such model here; it has {known}", "model_not_found")


def create_app(traineddata: str) -> FastAPI:
    with ThreadPoolExecutor() as loaders:
        loading = [
            loaders.submit(embeddings.Embedder, 1),
            loaders.submit(speech.Recogniser, THREADS),
            loaders.submit(screen.ScreenReader, THREADS, traineddata),
        ]
    embedder, recogniser, reader = (each.result() for each in loading)
    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)

    @app.exception_handler(ApiError)
    async def problem(_request: Request, error: ApiError) -> JSONResponse:
        body = {"message": error.message, "type": "invalid_request_error", "param": None, "code": error.code}
        return JSONResponse({"error": body}, status_code=error.status)

    @app.get("/healthz")
    async def health() -> dict:
        return {"status": "up"}

    @app.get("/v1/models")
    async def models() -> dict:
        names = [embeddings.MODEL, speech.MODEL, screen.MODEL]
        data = [{"id": name, "object": "model", "created": 0, "owned_by": "local"} for name in names]
        return {"object": "list", "data": data}

    @app.post("/v1/embeddings")
    async def embed(request: Request) -> dict:
        body = await json_body(request)
        require_model(body.get("model"), embeddings.MODEL)
        texts = [body["input"]] if isinstance(body.get("input"), str) else body.get("input")
        if not isinstance(texts, list) or not 1 <= len(texts) <= MAX_INPUTS:
            raise ApiError(400, f"input must be a text or a list of 1 to {MAX_INPUTS} texts")
        if not all(isinstance(text, str) and text for text in texts):
            raise ApiError(400, "every input must be a text that is not empty")
        vectors, tokens = await run_in_threadpool(embedder.embed, texts)
        as_base64 = body.get("encoding_format") == "base64"
        data = [
            {
                "object": "embedding",
                "index": index,
                "embedding": base64.b64encode(vector.tobytes()).decode() if as_base64 else vector.tolist(),
            }
            for index, vector in enumerate(vectors)
        ]
        usage = {"prompt_tokens": tokens, "total_tokens": tokens}
        return {"object": "list", "model": embeddings.MODEL, "data": data, "usage": usage}

    @app.post("/v1/audio/transcriptions")
    async def transcribe(
        file: UploadFile = File(),
        model: str = Form(),
        response_format: str = Form("json"),
        granularities: list[str] = Form([], alias="timestamp_granularities[]"),
    ):
        require_model(model, speech.MODEL)
        try:
            answer = await run_in_threadpool(recogniser.transcribe, await file.read(), "word" in granularities)
        except speech.UndecodableAudio:
            raise ApiError(400, "the file cannot be decoded as audio") from None
        return answer if response_format == "verbose_json" else {"text": answer["text"]}

    @app.post("/v1/chat/completions")
    async def chat(request: Request) -> dict:
        body = await json_body(request)
        require_model(body.get("model"), screen.MODEL)
        image = image_of(body)
        wanted = ((body.get("response_format") or {}).get("json_schema") or {}).get("name")
        try:
            if wanted == "screen_text":
                content = json.dumps({"lines": await run_in_threadpool(reader.lines, image)})
            else:
                caption = await run_in_threadpool(reader.caption, image)
                # A rule is sure of what it measures and blind to the rest: half.
                content = json.dumps({"caption": caption, "confidence": 0.5}) if wanted == "screen_caption" else caption
        except screen.UnreadableImage:
            raise ApiError(400, "the image cannot be decoded") from None
        message = {"role": "assistant", "content": content, "refusal": None}
        return {
            "id": f"chatcmpl-{time.time_ns()}",
            "object": "chat.completion",
            "created": int(time.time()),
            "model": screen.MODEL,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
            "usage": {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
        }

    return app


async def json_body(request: Request) -> dict:
    try:
        body = await request.json()
    except ValueError:
        raise ApiError(400, "the body is not JSON") from None
    if not isinstance(body, dict):
        raise ApiError(400, "the body is not a JSON object")
    return body


def image_of(body: dict) -> bytes:
    """The first picture of the messages, given as a data URL. Nothing is fetched."""
    for message in body.get("messages") or []:
        content = message.get("content")
        for part in content if isinstance(content, list) else []:
            url = (part.get("image_url") or {}).get("url", "") if part.get("type") == "image_url" else ""
            if url.startswith("data:image/"):
                try:
                    return base64.b64decode(url.partition(",")[2], validate=True)
                except binascii.Error:
                    raise ApiError(400, "the image is not base64") from None
    raise ApiError(400, "this model reads pictures: send one as a data URL")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--traineddata", required=True, help="eng.traineddata.gz of Tesseract")
    arguments = parser.parse_args()
    uvicorn.run(create_app(arguments.traineddata), host=arguments.host, port=arguments.port, log_level="warning", access_log=False)
