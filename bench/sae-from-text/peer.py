"""The peer of the benchmark from texts to a dictionary: dictionary_learning's ActivationBuffer and trainSAE.

    python bench/sae-from-text/peer.py MODEL TEXTS SETTINGS

Its buffer reads activations through nnsight 0.3, which does not run beside this PyTorch and transformers. What stands in for it
does what the buffer asks of it by a plain hook that stops at the layer, which costs less than nnsight's tracing.
"""

import contextlib
import importlib.machinery
import importlib.metadata
import json
import sys
import types

for name, attributes in {"nnsight": ["LanguageModel"], "wandb": []}.items():
    module = types.ModuleType(name)
    # transformers looks for packages by their specs.
    module.__spec__ = importlib.machinery.ModuleSpec(name, None)
    for attribute in attributes:
        setattr(module, attribute, type(attribute, (), {}))
    sys.modules[name] = module

import torch  # noqa: E402
import transformers  # noqa: E402
from answering import answer  # noqa: E402
from dictionary_learning.buffer import ActivationBuffer  # noqa: E402
from dictionary_learning.trainers.top_k import AutoEncoderTopK, TopKTrainer  # noqa: E402
from dictionary_learning.training import trainSAE  # noqa: E402

torch.set_num_threads(2)
MODEL, TEXTS, SETTINGS = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])


class Stop(Exception):
    pass


class Saved:
    """What nnsight gives for a value that is saved: known when the trace has ended."""

    value = None

    def save(self):
        return self

    def stop(self):
        pass


class Submodule:
    def __init__(self):
        self.output = Saved()


class HookedModel:
    dtype = torch.float32

    def __init__(self, directory, layer):
        self.tokenizer = transformers.AutoTokenizer.from_pretrained(directory)
        self.model = transformers.AutoModel.from_pretrained(directory, dtype=self.dtype).eval()
        self.submodule = Submodule()
        self.inputs = Saved()
        self.model.layers[layer].mlp.register_forward_hook(self.hook)

    def hook(self, _module, _arguments, output):
        self.submodule.output.value = output
        raise Stop

    @contextlib.contextmanager
    def trace(self, texts, invoker_args, **_):
        yield
        batch = self.tokenizer(texts, return_tensors="pt", padding=True, **invoker_args)
        self.inputs.value = ((), {"attention_mask": batch["attention_mask"]})
        with contextlib.suppress(Stop):
            self.model(batch["input_ids"], attention_mask=batch["attention_mask"], use_cache=False)


def texts():
    with open(f"{TEXTS}/texts.jsonl") as file:
        for line in file:
            yield json.loads(line)["text"]


def run(out):
    width = json.load(open(f"{MODEL}/config.json"))["hidden_size"]
    model = HookedModel(MODEL, SETTINGS["layer"])
    buffer = ActivationBuffer(
        texts(), model, model.submodule, d_submodule=width, n_ctxs=SETTINGS["buffered"], ctx_len=SETTINGS["length"],
        refresh_batch_size=32, out_batch_size=SETTINGS["batch"],
    )  # fmt: skip
    steps = SETTINGS["tokens"] // SETTINGS["batch"]
    configuration = dict(
        trainer=TopKTrainer, steps=steps, activation_dim=width, dict_size=SETTINGS["features"], k=SETTINGS["k"], layer=0,
        lm_name="none", device="cpu", seed=0, warmup_steps=steps // 20, decay_start=steps - steps // 5,
        threshold_start_step=steps // 2,
    )  # fmt: skip
    with contextlib.redirect_stdout(sys.stderr):
        trainSAE(data=buffer, trainer_configs=[configuration], steps=steps, save_dir=out, device="cpu")
    with torch.no_grad():
        dictionary = AutoEncoderTopK.from_pretrained(f"{out}/trainer_0/ae.pt", k=SETTINGS["k"], device="cpu")
        acts = next(buffer)
        error = acts - dictionary(acts)
        fvu = (error.square().sum() / (acts - acts.mean(0)).square().sum()).item()
    return 0, [fvu], {}


version = importlib.metadata.version("dictionary-learning")
answer(f"dictionary_learning {version}, torch {torch.__version__.split('+')[0]}", {"run": run})
