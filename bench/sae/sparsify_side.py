"""sparsify's SparseCoder (sparse backward pass) with Adam, its training loop's order of things. See side.ts for the tasks."""

import contextlib
import importlib.metadata
import json
import os
import sys
import time

# Its kernel for a GPU is chosen wherever it is installed.
os.environ["SPARSIFY_DISABLE_TRITON"] = "1"

import torch  # noqa: E402
from answering import answer, gemm  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

# It says so on stdout, which is the conversation's.
with contextlib.redirect_stdout(sys.stderr):
    from sparsify import SparseCoder, SparseCoderConfig

torch.set_num_threads(2)
data = load_file(f"{sys.argv[1]}/data.safetensors")
configuration = json.loads(sys.argv[2])
batches = [data[f"batch.{i}"] for i in range(8)]
RATE = 1e-3


def start():
    sae = SparseCoder(configuration["width"], SparseCoderConfig(num_latents=configuration["features"], k=configuration["k"]))
    with torch.no_grad():
        sae.encoder.weight.copy_(data["rows"])
        sae.encoder.bias.copy_(data["encoder_bias"])
        sae.W_dec.copy_(data["rows"])
        sae.b_dec.zero_()
    return sae, torch.optim.Adam(sae.parameters(), lr=RATE)


(sae, optimiser), done = start(), 0


def step():
    global done
    x = batches[done % 8]
    done += 1
    sae.set_decoder_norm_to_unit_norm()
    loss = sae(x).fvu
    optimiser.zero_grad()
    loss.backward()
    sae.remove_gradient_parallel_to_decoder_directions()
    optimiser.step()
    return loss.item()


def gate(updates, how):
    global sae, optimiser, done
    (sae, optimiser), done = start(), 0
    return 0, [step() for _ in range(updates)], {}


def steps(updates):
    begin = time.perf_counter()
    for _ in range(updates):
        step()
    return time.perf_counter() - begin, [], {}


version = f"eai-sparsify {importlib.metadata.version('eai-sparsify')}, torch {torch.__version__}"
answer(version, {"gate": gate, "steps": steps, "gemm": gemm})
