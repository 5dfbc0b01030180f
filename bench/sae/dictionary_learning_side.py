"""dictionary_learning's trainers, as they are. See side.ts for the tasks."""

import importlib.metadata
import importlib.machinery
import json
import sys
import time
import types

# The package imports them for what is not used here.
for name in ("nnsight", "wandb", "datasets"):
    stub = types.ModuleType(name)
    stub.__spec__ = importlib.machinery.ModuleSpec(name, None)
    stub.LanguageModel = stub.load_dataset = object
    sys.modules.setdefault(name, stub)

import torch  # noqa: E402
from answering import answer, gemm  # noqa: E402
from dictionary_learning.trainers.batch_top_k import BatchTopKTrainer  # noqa: E402
from dictionary_learning.trainers.gdm import GatedSAETrainer  # noqa: E402
from dictionary_learning.trainers.jumprelu import JumpReluTrainer  # noqa: E402
from dictionary_learning.trainers.standard import StandardTrainer  # noqa: E402
from dictionary_learning.trainers.top_k import TopKTrainer  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

torch.set_num_threads(2)
data = load_file(f"{sys.argv[1]}/data.safetensors")
configuration = json.loads(sys.argv[2])
variant, features = configuration["variant"], configuration["features"]
batches = [data[f"batch.{i}"] for i in range(8)]
RATE, BANDWIDTH = 1e-3, 0.001
SILENT = ("gated", "standard")


def start():
    common = dict(
        steps=10_000, activation_dim=configuration["width"], dict_size=features, layer=0, lm_name="x", device="cpu",
        lr=RATE, warmup_steps=1,
    )
    k, aux = configuration["k"], 1 / 32 if configuration["dead"] > 0 else 0
    if variant == "topk":
        trainer = TopKTrainer(k=k, auxk_alpha=aux, **common)
    elif variant == "batch-topk":
        trainer = BatchTopKTrainer(k=k, auxk_alpha=aux, **common)
    elif variant == "standard":
        trainer = StandardTrainer(l1_penalty=0.1, sparsity_warmup_steps=None, **common)
    elif variant == "gated":
        trainer = GatedSAETrainer(l1_penalty=0.1, sparsity_warmup_steps=None, **common)
    else:
        trainer = JumpReluTrainer(bandwidth=BANDWIDTH, sparsity_warmup_steps=None, **common)
    ae = trainer.ae
    rows, bias = data["rows"], data["encoder_bias"]
    with torch.no_grad():
        if variant == "jumprelu":
            ae.W_enc.copy_(rows.T), ae.W_dec.copy_(rows), ae.b_enc.copy_(bias), ae.b_dec.zero_()
            ae.threshold.fill_(BANDWIDTH)
        else:
            ae.encoder.weight.copy_(rows), ae.decoder.weight.copy_(rows.T)
            if variant == "gated":
                ae.gate_bias.copy_(bias), ae.mag_bias.zero_(), ae.r_mag.zero_(), ae.decoder_bias.zero_()
            else:
                ae.encoder.bias.copy_(bias)
                (ae.bias if variant == "standard" else ae.b_dec).zero_()
    if hasattr(trainer, "num_tokens_since_fired"):
        # Dead is at the window's end or beyond it.
        trainer.num_tokens_since_fired[bias < 0] = 10_000_000
    if variant in SILENT:
        # Their updates return nothing.
        loss = trainer.loss

        def recorded(*args, **kwargs):
            trainer.last = loss(*args, **kwargs)
            return trainer.last

        trainer.loss = recorded
    return trainer


trainer, done = start(), 0


def step():
    global done
    # From 1 on: at step 0 some would start their bias anew.
    done += 1
    loss = trainer.update(done, batches[(done - 1) % 8])
    return trainer.last.item() if variant in SILENT else loss


def gate(updates, how):
    global trainer, done
    trainer, done = start(), 0
    losses = []
    for _ in range(updates):
        loss = step()
        losses.append(float(loss))
    return 0, losses, {}


def steps(updates):
    begin = time.perf_counter()
    for _ in range(updates):
        step()
    return time.perf_counter() - begin, [], {}


version = f"dictionary-learning {importlib.metadata.version('dictionary-learning')}, torch {torch.__version__}"
answer(version, {"gate": gate, "steps": steps, "gemm": gemm})
