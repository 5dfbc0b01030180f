"""scikit-learn's LogisticRegression (lbfgs, C 1) on the data that bench/probes.ts writes.

    python peer.py DIRECTORY ROWS COLUMNS REFITS

reads x.f64 and y.f64, and with REFITS > 0 also rows.i32, the rows of each refit. Prints {"version", "ms", "gradient", "coefficients"}: the
best of three fits, or the time of all refits, and the largest entry of the gradient of ||w||^2 / 2 + C sum of losses that is
left, and the coefficients of the first fits.
"""
import json
import sys
import time

import numpy as np
import sklearn
from sklearn.linear_model import LogisticRegression

directory, n, d, refits = sys.argv[1], *map(int, sys.argv[2:])
X = np.fromfile(f"{directory}/x.f64").reshape(n, d)
y = np.fromfile(f"{directory}/y.f64")


def gradient(m, X, y):
    wrong = 1 / (1 + np.exp(-(X @ m.coef_[0] + m.intercept_[0]))) - y
    return float(max(np.abs(X.T @ wrong + m.coef_[0]).max(), abs(wrong.sum())))


if refits:
    rows = np.fromfile(f"{directory}/rows.i32", dtype=np.int32).reshape(refits, n)
    left = []
    start = time.perf_counter()
    for own in rows:
        m = LogisticRegression(max_iter=10000).fit(X[own], y[own])
        left.append((m, own))
    ms = 1000 * (time.perf_counter() - start)
    coefficients = [m.coef_[0].tolist() for m, _ in left[:20]]
    residual = float(np.median([gradient(m, X[own], y[own]) for m, own in left]))
else:
    ms = float("inf")
    for _ in range(3):
        start = time.perf_counter()
        m = LogisticRegression(max_iter=10000).fit(X, y)
        ms = min(ms, 1000 * (time.perf_counter() - start))
    residual = gradient(m, X, y)
    coefficients = [m.coef_[0].tolist()]
print(json.dumps({"version": f"scikit-learn {sklearn.__version__}", "ms": ms, "gradient": residual, "coefficients": coefficients}))
