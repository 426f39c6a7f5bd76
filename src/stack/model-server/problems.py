"""Errors in OpenAI's shape. Messages never repeat what was sent."""

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from lanes import CallerLeft, ModelFailed

# What nginx logs for a caller that hung up; nobody reads it.
CALLER_LEFT = 499


class ApiError(Exception):
    def __init__(self, status: int, message: str, code: str | None = None, param: str | None = None):
        self.status, self.message, self.code, self.param = status, message, code, param


def answer_problems(app: FastAPI) -> None:
    @app.exception_handler(ApiError)
    async def api_error(_request: Request, error: ApiError) -> JSONResponse:
        return problem(error.status, error.message, error.code, error.param)

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> JSONResponse:
        first = error.errors()[0]
        if first["type"] == "json_invalid":
            return problem(400, "the body is not JSON")
        # The field alone: what lies below repeats inner names.
        param = str([*first["loc"], "body"][1])
        return problem(400, f"{param} is missing or not of the right kind ({first['type']})", None, param)

    @app.exception_handler(HTTPException)
    async def http(request: Request, error: HTTPException) -> JSONResponse:
        return problem(error.status_code, f"{error.detail}: {request.method} {request.url.path}", "unknown_url")

    @app.exception_handler(ModelFailed)
    async def failed(_request: Request, error: ModelFailed) -> JSONResponse:
        return problem(500, str(error), "model_failed")

    @app.exception_handler(CallerLeft)
    async def left(_request: Request, _error: CallerLeft) -> JSONResponse:
        return problem(CALLER_LEFT, "the caller left")


def problem(status: int, message: str, code: str | None = None, param: str | None = None) -> JSONResponse:
    kind = "invalid_request_error" if status < 500 else "server_error"
    return JSONResponse({"error": {"message": message, "type": kind, "param": param, "code": code}}, status_code=status)
