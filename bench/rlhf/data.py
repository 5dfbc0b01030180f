"""What all sides of the benchmarks of RLHF share: the same ids and scores as in data.ts, and the answering of requests."""

import json
import resource
import sys
import time

PROMPT = 16
RESPONSE = 32
BATCH = 16
MINI_BATCH = 8
EPOCHS = 4
RATE = 1e-5
# The product that the machine's rate is measured by.
GEMM = (4096, 512, 4096)
GEMM_TIMES = 12


def numbers(count, vocabulary, seed=1):
    ids, state = [], seed
    for _ in range(count):
        state = (state * 1103515245 + 12345) % 2147483648
        ids.append((state >> 8) % vocabulary)
    return ids


def score(response):
    """The function that rewards: of the ids alone."""
    return sum((token % 7) - 3 for token in response) / 10


def rows(count, length, vocabulary, seed):
    ids = numbers(count * length, vocabulary, seed)
    return [ids[i * length : (i + 1) * length] for i in range(count)]


def gemm():
    """The best time of one product, in seconds."""
    import torch

    rows, inner, columns = GEMM
    a, b = torch.ones(rows, inner), torch.ones(inner, columns)
    best = float("inf")
    for _ in range(GEMM_TIMES):
        start = time.perf_counter()
        torch.mm(a, b)
        best = min(best, time.perf_counter() - start)
    return best, [], {}


def answer(version, tasks):
    print(json.dumps({"version": version}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        seconds, check, parts = tasks[request["task"]](*request.get("arguments", []))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        reply = {"seconds": seconds, "check": check, "parts": parts, "peakMegabytes": peak}
        print(json.dumps(reply), flush=True)
