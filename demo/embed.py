#!/usr/bin/env python3
"""Compute embeddings of passages and of words by latent semantic analysis.

    embed.py FOLDER DIMENSIONS < occurrences

Reads what COPY printed: passage number, lexeme, how often it occurs there.
Writes for COPY: FOLDER/passages.copy, the lines of FOLDER/manual.tsv (see
passages.py) with the vector at the end, and FOLDER/words.copy, lexeme and
vector.

With A the matrix of passages by lexemes, weighted by TF-IDF and with rows of
length 1, and V the right singular vectors of its largest singular values:
the vector of a word is idf * V[word], that of a passage the normalised sum of
(1 + ln tf) times the vectors of its words. So a question is embedded in SQL by
adding up the vectors of its words.

The singular vectors come from a randomised range finder with power iterations
(Halko, Martinsson, Tropp, SIAM Review 53(2), 2011, algorithm 4.4).
"""

import sys

import numpy as np
import scipy.sparse as sparse

SEED = 20110502
POWER_ITERATIONS = 3
OVERSAMPLING = 24


def read_occurrences(lines):
    """Counts[passage][lexeme] as a sparse matrix, the numbers of the rows, the lexemes."""
    numbers, lexemes = {}, {}
    rows, columns, counts = [], [], []
    for line in lines:
        number, lexeme, count = line.rstrip("\n").split("\t")
        rows.append(numbers.setdefault(int(number), len(numbers)))
        columns.append(lexemes.setdefault(lexeme, len(lexemes)))
        counts.append(float(count))
    if not rows:
        sys.exit("embed.py: no words on the input")
    matrix = sparse.csr_matrix((counts, (rows, columns)), shape=(len(numbers), len(lexemes)))
    return matrix, list(numbers), np.array(list(lexemes))


def right_singular_vectors(matrix, k):
    """float64[columns][k], by falling singular value."""
    random = np.random.default_rng(SEED)
    basis = matrix @ random.standard_normal((matrix.shape[1], k + OVERSAMPLING))
    for _ in range(POWER_ITERATIONS):
        basis, _ = np.linalg.qr(basis)
        basis, _ = np.linalg.qr(matrix.T @ basis)
        basis = matrix @ basis
    basis, _ = np.linalg.qr(basis)
    _, _, right = np.linalg.svd((matrix.T @ basis).T, full_matrices=False)
    return right[:k].T


def write_vectors(path, keys, vectors):
    form = "%s\t[" + ",".join(["%.6g"] * vectors.shape[1]) + "]\n"
    with open(path, "w", encoding="utf-8") as out:
        for key, vector in zip(keys, vectors):
            if vector.any():
                out.write(form % (key, *vector))


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    folder, dimensions = sys.argv[1], int(sys.argv[2])
    counts, numbers, lexemes = read_occurrences(sys.stdin)

    # a word of one passage tells nothing about others
    passages_with = np.bincount(counts.indices, minlength=counts.shape[1])
    kept = np.flatnonzero(passages_with >= 2)
    counts = counts[:, kept].tocsr()
    lexemes = lexemes[kept]
    idf = np.log(counts.shape[0] / passages_with[kept])

    weights = counts.copy()
    weights.data = 1 + np.log(weights.data)
    weights = weights @ sparse.diags(idf)
    norms = np.sqrt(np.asarray(weights.multiply(weights).sum(axis=1)).ravel())
    norms[norms == 0] = 1
    weights = sparse.diags(1 / norms) @ weights

    if min(weights.shape) <= dimensions + OVERSAMPLING:
        sys.exit(f"embed.py: too few passages or words for {dimensions} dimensions")
    right = right_singular_vectors(weights.tocsr(), dimensions)
    passages = weights @ right
    length = np.linalg.norm(passages, axis=1)
    known = length > 0
    passages[known] /= length[known, None]

    with open(f"{folder}/manual.tsv", encoding="utf-8") as lines:
        line_of = {int(line.split("\t", 1)[0]): line.rstrip("\n") for line in lines}
    write_vectors(f"{folder}/passages.copy", [line_of[n] for n in numbers], passages)
    write_vectors(f"{folder}/words.copy", lexemes, idf[:, None] * right)
    print(f"   {known.sum()} passages and {len(lexemes)} words in {dimensions} dimensions")


if __name__ == "__main__":
    main()
