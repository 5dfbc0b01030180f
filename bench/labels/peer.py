"""Explains and scores the features of a file by SAEBench's AutoInterp, its own prompts, parsing and calls.

Only the gathering of windows from a model is left out: they are given. Arguments: file of features, file to write. The
address is OPENAI_BASE_URL.
"""

import asyncio
import importlib.machinery
import json
import sys
import types

# Imported by the module, not used by what runs here.
for name in ("sae_lens", "transformer_lens"):
    stub = types.ModuleType(name)
    stub.__spec__ = importlib.machinery.ModuleSpec(name, None)
    stub.SAE = stub.HookedTransformer = object
    sys.modules[name] = stub
for name in ("activation_collection", "dataset_utils", "general_utils", "sae_selection_utils"):
    stub = types.ModuleType(name)
    stub.get_saes_from_regex = None
    sys.modules[f"sae_bench.sae_bench_utils.{name}"] = stub

import sae_bench.sae_bench_utils as utils  # noqa: E402

for name in ("activation_collection", "dataset_utils", "general_utils"):
    setattr(utils, name, sys.modules[f"sae_bench.sae_bench_utils.{name}"])

import torch  # noqa: E402
from sae_bench.evals.autointerp.eval_config import AutoInterpEvalConfig  # noqa: E402
from sae_bench.evals.autointerp.main import AutoInterp, Example, Examples  # noqa: E402

source, target = sys.argv[1:3]
features = json.load(open(source))
windows = [window for one in features for window in one["explaining"] + one["scoring"]]
words = sorted({token for window in windows for token in window["tokens"]})
number = {word: i for i, word in enumerate(words)}


class Tokenizer:
    def to_str_tokens(self, tokens):
        return [words[i] for i in tokens.tolist()]


def examples(windows, shuffle):
    made = [
        Example([number[token] for token in window["tokens"]], window["activations"], 0.1, Tokenizer())
        for window in windows
    ]
    return Examples(made, shuffle=shuffle)


class Given(AutoInterp):
    def gather_data(self):
        generation = {one["feature"]: examples(one["explaining"], False) for one in features}
        scoring = {one["feature"]: examples(one["scoring"], True) for one in features}
        self.scoring = scoring
        return generation, scoring


config = AutoInterpEvalConfig(model_name="none", n_latents=None, override_latents=[one["feature"] for one in features])
auto = Given(config, Tokenizer(), None, torch.zeros(1, 1), torch.zeros(1), "cpu", "none")
results = asyncio.run(auto.run())

labels = []
for one in features:
    result = results.get(one["feature"])
    if result is None:
        labels.append({"feature": one["feature"], "label": None, "answers": None})
        continue
    # Right or wrong, whatever order the windows were shown in.
    right = [example.is_active for example in auto.scoring[one["feature"]]]
    judged = [i in result["predictions"] for i in range(1, len(right) + 1)]
    order = sorted(range(len(right)), key=lambda i: not right[i])
    answers = [judged[i] for i in order]
    labels.append({"feature": one["feature"], "label": result["explanation"], "answers": answers})
json.dump(labels, open(target, "w"))
