"""The peer of the benchmark of sweeps: dictionary_learning's trainSAE with six configurations on one stream.

    python bench/sweep/peer.py DIRECTORY CONFIGURATIONS

DIRECTORY has what side.ts wrote. Answers one JSON request a line, `{"task", "arguments"}`.
"""

import contextlib
import json
import resource
import sys
import time
import types

# Not needed for training, and large: what reaches for them is never called here.
for name, attributes in {"nnsight": ["LanguageModel"], "wandb": []}.items():
    module = types.ModuleType(name)
    for attribute in attributes:
        setattr(module, attribute, type(attribute, (), {}))
    sys.modules[name] = module

import importlib.metadata  # noqa: E402

import numpy  # noqa: E402
import torch  # noqa: E402
from dictionary_learning.trainers.standard import StandardTrainer  # noqa: E402
from dictionary_learning.trainers.top_k import TopKTrainer  # noqa: E402
from dictionary_learning.training import trainSAE  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

torch.set_num_threads(2)
DIRECTORY = sys.argv[1]
SETTINGS = json.loads(sys.argv[2])
STEPS, BATCH, WIDTH, FEATURES = (SETTINGS[name] for name in ("steps", "batch", "width", "features"))


def stream():
    """The batches, one after the other from the disk, as ours reads its activations."""
    rows = numpy.memmap(f"{DIRECTORY}/batches.f32", dtype=numpy.float32, mode="r", shape=(STEPS, BATCH, WIDTH))
    for step in range(STEPS):
        yield torch.from_numpy(numpy.array(rows[step]))


def configuration(given, **more):
    """As ours is made from the same `with:`: warm-up and decay are shares of the run."""
    common = dict(steps=STEPS, activation_dim=WIDTH, dict_size=FEATURES, layer=0, lm_name="none", device="cpu", seed=0)
    if given["variant"] == "topk":
        own = dict(trainer=TopKTrainer, k=given["k"], warmup_steps=5, decay_start=STEPS - 20, threshold_start_step=STEPS // 2)
    else:
        own = dict(
            trainer=StandardTrainer, l1_penalty=given["l1"], warmup_steps=5, sparsity_warmup_steps=5, decay_start=STEPS - 20
        )
    return {**common, **own, **more}


def gate():
    """The first updates of each, from our starting weights: their losses."""
    losses = []
    for i, given in enumerate(SETTINGS["configurations"]):
        more = dict(warmup_steps=SETTINGS["gateWarmUp"], decay_start=None)
        more |= {} if given["variant"] == "topk" else {"sparsity_warmup_steps": None}
        made = configuration(given, **more)
        trainer = made.pop("trainer")(**made)
        start = load_file(f"{DIRECTORY}/start-{i}.safetensors")
        with torch.no_grad():
            trainer.ae.encoder.weight.copy_(start["encoder"])
            trainer.ae.decoder.weight.copy_(start["decoder"].T)
            trainer.ae.encoder.bias.zero_()
            if hasattr(trainer.ae, "bias"):
                trainer.ae.bias.zero_()
        loss = trainer.loss

        def noted(*args, **kwargs):
            value = loss(*args, **kwargs)
            losses.append(value.item())
            return value

        trainer.loss = noted
        for step, acts in zip(range(SETTINGS["gateSteps"]), stream()):
            trainer.update(step, acts)
    return losses


def train(out):
    trainSAE(
        data=stream(),
        trainer_configs=[configuration(given) for given in SETTINGS["configurations"]],
        steps=STEPS,
        save_dir=out,
        device="cpu",
    )
    return []


version = importlib.metadata.version("dictionary-learning")
print(json.dumps({"version": f"dictionary_learning {version}, torch {torch.__version__.split('+')[0]}"}), flush=True)
for line in sys.stdin:
    request = json.loads(line)
    start = time.perf_counter()
    with contextlib.redirect_stdout(sys.stderr):
        check = {"gate": gate, "train": train}[request["task"]](*request["arguments"])
    seconds = time.perf_counter() - start
    usage = resource.getrusage(resource.RUSAGE_SELF)
    parts = {"cpu": usage.ru_utime + usage.ru_stime}
    answer = {"seconds": seconds, "check": check, "parts": parts, "peakMegabytes": usage.ru_maxrss / 1024}
    print(json.dumps(answer), flush=True)
