"""The PyTorch side of the benchmark of models: answers one JSON request a line, see side.ts for their meaning."""

import json
import resource
import sys
import time

import torch

torch.set_num_threads(2)


def numbers(count, vocabulary):
    """The same ids as in side.ts."""
    ids, state = [], 1
    for _ in range(count):
        state = (state * 1103515245 + 12345) % 2147483648
        ids.append((state >> 8) % vocabulary)
    return ids


class Side:
    def __init__(self, directory):
        from transformers import AutoModelForCausalLM

        self.directory = directory
        self.auto = AutoModelForCausalLM
        self.model = None
        self.optimiser = None

    def open(self):
        model = self.auto.from_pretrained(self.directory, dtype=torch.float32)
        model.config.eos_token_id = model.generation_config.eos_token_id = None
        return model

    def ready(self):
        if self.model is None:
            self.model = self.open()
            self.vocabulary = self.model.config.vocab_size
        return self.model

    def ids(self, batch, length):
        self.ready()
        return torch.tensor(numbers(batch * length, self.vocabulary)).reshape(batch, length)

    def gemm(self):
        if not hasattr(self, "a"):
            self.a, self.b = torch.rand(2048, 1024), torch.rand(1024, 2048)
        start = time.perf_counter()
        for _ in range(10):
            product = self.a @ self.b
        product[0, 0].item()
        return time.perf_counter() - start, []

    @torch.no_grad()
    def forward(self, stop):
        model = self.ready().eval()
        ids = self.ids(8, 128)
        start = time.perf_counter()
        if stop == "logits":
            result = model(ids, use_cache=False).logits
        elif stop == "hidden":
            result = model.gpt_neox(ids, use_cache=False).last_hidden_state
        else:
            result = self.until(model, ids, len(model.gpt_neox.layers) // 2 - 1)
        result[0, 0, 0].item()
        seconds = time.perf_counter() - start
        return seconds, result[7, 127, :4].tolist()

    def until(self, model, ids, layer):
        class Stop(Exception):
            pass

        found = []

        def hook(_module, _args, output):
            found.append(output[0] if isinstance(output, tuple) else output)
            raise Stop

        handle = model.gpt_neox.layers[layer].register_forward_hook(hook)
        try:
            model.gpt_neox(ids, use_cache=False)
        except Stop:
            pass
        handle.remove()
        return found[0]

    @torch.no_grad()
    def generate(self, batch):
        model = self.ready().eval()
        ids = self.ids(batch, 16)
        start = time.perf_counter()
        result = model.generate(
            ids, attention_mask=torch.ones_like(ids), do_sample=True, top_k=0, top_p=1.0, temperature=1.0,
            max_new_tokens=32, min_new_tokens=32, pad_token_id=0,
        )
        seconds = time.perf_counter() - start
        assert result.shape == (batch, 48), result.shape
        return seconds, []

    def train(self):
        model = self.ready().train()
        if self.optimiser is None:
            decay = [p for p in model.parameters() if p.dim() >= 2]
            plain = [p for p in model.parameters() if p.dim() < 2]
            groups = [{"params": decay, "weight_decay": 0.01}, {"params": plain, "weight_decay": 0.0}]
            self.optimiser = torch.optim.AdamW(groups, lr=1e-4, betas=(0.9, 0.95))
        block = self.ids(8, 129)
        start = time.perf_counter()
        logits = model(block[:, :-1], use_cache=False).logits
        loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), block[:, 1:].flatten())
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        self.optimiser.step()
        self.optimiser.zero_grad(set_to_none=True)
        value = loss.item()
        return time.perf_counter() - start, [value]

    def load(self):
        start = time.perf_counter()
        model = self.open()
        total = sum(p.detach().sum().item() for p in model.parameters())
        return time.perf_counter() - start, [total]

    @torch.no_grad()
    def first_token(self):
        start = time.perf_counter()
        logits = self.ready().eval()(self.ids(1, 16)).logits
        token = int(logits[0, -1].argmax())
        return time.perf_counter() - start, [token]


def main():
    side = Side(sys.argv[1])
    import transformers

    print(json.dumps({"version": f"torch {torch.__version__}, transformers {transformers.__version__}"}), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        seconds, check = getattr(side, request["task"])(*request.get("arguments", []))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"seconds": seconds, "check": check, "peakMegabytes": peak}), flush=True)


main()
