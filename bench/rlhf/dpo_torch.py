"""DPO in plain PyTorch. See dpo-side.ts for the tasks."""

import sys
import time

import torch
from answering import answer
from data import RATE, rows

torch.set_num_threads(2)

import transformers  # noqa: E402

PAIRS, LENGTH, PROMPT = 8, 128, 32


def load(directory):
    return transformers.AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32)


class Dpo:
    def __init__(self, directory, stored):
        self.policy, self.reference = load(directory), load(directory).eval()
        self.optimiser = torch.optim.AdamW(self.policy.parameters(), lr=RATE, weight_decay=0.0)
        self.vocabulary = self.policy.config.vocab_size
        self.stored = stored
        self.known = {}

    def ids(self, i):
        prompts = rows(PAIRS, PROMPT, self.vocabulary - 1, 1 + i)
        sides = rows(2 * PAIRS, LENGTH - PROMPT, self.vocabulary - 1, 1001 + i)
        end = [self.vocabulary - 1]
        return torch.tensor([prompts[n % PAIRS] + side[:-1] + end for n, side in enumerate(sides)])

    def log_probs(self, model, ids):
        hidden = model.gpt_neox(ids, use_cache=False).last_hidden_state[:, PROMPT - 1 : -1]
        logits = model.get_output_embeddings()(hidden)
        return torch.log_softmax(logits, -1).gather(-1, ids[:, PROMPT:].unsqueeze(-1)).squeeze(-1).sum(1)

    @torch.no_grad()
    def reference_log_probs(self, i):
        if not self.stored:
            return self.log_probs(self.reference, self.ids(i))
        if i not in self.known:
            self.known[i] = self.log_probs(self.reference, self.ids(i))
        return self.known[i]

    def step(self, i):
        ids = self.ids(i)
        if self.stored:
            self.reference_log_probs(i)
        start = time.perf_counter()
        reference = self.reference_log_probs(i)
        ratio = self.log_probs(self.policy, ids) - reference
        loss = -torch.nn.functional.logsigmoid(0.1 * (ratio[:PAIRS] - ratio[PAIRS:])).mean()
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.policy.parameters(), 1.0)
        self.optimiser.step()
        return time.perf_counter() - start, [loss.item()], {}


dpo = Dpo(sys.argv[1], sys.argv[2] == "stored")
answer(f"torch {torch.__version__}", {"step": dpo.step})
