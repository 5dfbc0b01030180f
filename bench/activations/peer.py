"""The peers of the benchmark of captured activations: PyTorch's hooks with safetensors, or SAELens' cache runner.

    python bench/activations/peer.py hooks|saelens MODEL SCRATCH

answers one JSON request a line, see side.ts.
"""

import json
import resource
import shutil
import sys
import tempfile
import time

import torch

torch.set_num_threads(2)
LENGTH = 128
BATCH = 32
SHARD = 32 * 2**20


def numbers(count, vocabulary):
    """The same ids as in side.ts."""
    ids, state = [], 1
    for _ in range(count):
        state = (state * 1103515245 + 12345) % 2147483648
        ids.append((state >> 8) % vocabulary)
    return ids


class Hooks:
    """The bare decoder, no unembedding; each layer's rows to files of 32 MiB, as ours, without digests or statistics."""

    def __init__(self, directory):
        import transformers

        self.version = f"torch {torch.__version__.split('+')[0]}, transformers {transformers.__version__}, hooks"
        self.model = transformers.AutoModel.from_pretrained(directory, dtype=torch.float32).eval()
        self.ids = torch.tensor(numbers(1024 * LENGTH, self.model.config.vocab_size)).reshape(1024, LENGTH)

    @torch.no_grad()
    def capture(self, layers, sequences, out):
        from safetensors.torch import save_file

        held = {layer: [] for layer in layers}
        shards = {layer: 0 for layer in layers}
        per_shard = SHARD // (4 * self.model.config.hidden_size)

        def write(layer, last):
            rows = torch.cat(held[layer])
            while len(rows) >= per_shard or (last and len(rows) > 0):
                shard = rows[:per_shard].contiguous()
                save_file({"acts": shard}, f"{out}/layer-{layer}-{shards[layer]:04}.safetensors")
                shards[layer] += 1
                rows = rows[per_shard:]
            held[layer] = [rows]

        handles = [
            self.model.layers[layer].mlp.register_forward_hook(
                lambda _m, _a, output, layer=layer: held[layer].append(output.flatten(0, 1))
            )
            for layer in layers
        ]
        start = time.perf_counter()
        for first in range(0, sequences, BATCH):
            self.model(self.ids[first : first + BATCH], use_cache=False)
            check = [held[layer][-1][-1, :4].tolist() for layer in layers]
            for layer in layers:
                write(layer, first + BATCH >= sequences)
        seconds = time.perf_counter() - start
        for handle in handles:
            handle.remove()
        return seconds, sum(check, [])


class SaeLens:
    """One layer, with the model as transformers has it, on a tokenised data set."""

    def __init__(self, directory):
        import sae_lens
        from datasets import Dataset

        self.version = f"sae-lens {sae_lens.__version__}"
        self.directory = directory
        with open(f"{directory}/config.json") as file:
            self.config = json.load(file)
        ids = torch.tensor(numbers(1024 * LENGTH, self.config["vocab_size"])).reshape(1024, LENGTH)
        self.dataset = Dataset.from_dict({"input_ids": ids.tolist()}).with_format("torch")

    def capture(self, layers, sequences, out):
        from sae_lens import CacheActivationsRunner, CacheActivationsRunnerConfig

        (layer,) = layers
        runner = CacheActivationsRunner(
            CacheActivationsRunnerConfig(
                dataset_path="given", model_name=self.directory, model_class_name="AutoModelForCausalLM",
                model_batch_size=BATCH, hook_name=f"gpt_neox.layers.{layer}.mlp", d_in=self.config["hidden_size"],
                training_tokens=sequences * LENGTH, context_size=LENGTH, new_cached_activations_path=out, shuffle=False,
                device="cpu", prepend_bos=False, streaming=False, buffer_size_gb=0.05,
            ),
            override_dataset=self.dataset,
        )  # fmt: skip
        start = time.perf_counter()
        data = runner.run()
        seconds = time.perf_counter() - start
        row = torch.tensor(data[sequences - 1][f"gpt_neox.layers.{layer}.mlp"])
        return seconds, row[LENGTH - 1, :4].tolist()


kind, directory, scratch = sys.argv[1:]
answers, sys.stdout = sys.stdout, sys.stderr
side = {"hooks": Hooks, "saelens": SaeLens}[kind](directory)
print(json.dumps({"version": side.version}), file=answers, flush=True)
for line in sys.stdin:
    layers, sequences = json.loads(line)["arguments"]
    out = tempfile.mkdtemp(dir=scratch)
    seconds, check = side.capture(layers, sequences, out)
    shutil.rmtree(out)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "check": check, "peakMegabytes": peak}), file=answers, flush=True)
