"""PPO in plain PyTorch: the maths of TRL 0.7.11 and nothing around it. See ppo-side.ts for the tasks."""

import sys
import time

import torch
from answering import answer, gemm
from data import BATCH, EPOCHS, MINI_BATCH, PROMPT, RATE, RESPONSE, rows, score

torch.set_num_threads(2)

import transformers  # noqa: E402


def token_log_probs(logits, ids):
    return torch.log_softmax(logits, -1).gather(-1, ids.unsqueeze(-1)).squeeze(-1)


def whiten(x):
    return (x - x.mean()) * torch.rsqrt(x.var() + 1e-8)


class Ppo:
    def __init__(self, directory):
        load = lambda: transformers.AutoModelForCausalLM.from_pretrained(directory, dtype=torch.float32)  # noqa: E731
        self.policy, self.reference = load(), load().eval()
        self.policy.generation_config.eos_token_id = self.policy.config.eos_token_id = None
        width = self.policy.config.hidden_size
        self.head = torch.nn.Linear(width, 1)
        torch.nn.init.zeros_(self.head.weight)
        torch.nn.init.zeros_(self.head.bias)
        self.parameters = [*self.policy.parameters(), *self.head.parameters()]
        self.optimiser = torch.optim.Adam(self.parameters, lr=RATE)
        self.vocabulary = self.policy.config.vocab_size
        self.beta = 0.2

    def forward(self, ids):
        """Log-probabilities and values of the responses: logits where they are needed, one trunk."""
        hidden = self.policy.gpt_neox(ids, use_cache=False).last_hidden_state[:, PROMPT - 1 : -1]
        logits = self.policy.get_output_embeddings()(hidden)
        return token_log_probs(logits, ids[:, PROMPT:]), self.head(hidden).squeeze(-1)

    def learn(self, ids, order):
        began = time.perf_counter()
        scores = torch.tensor([score(row[PROMPT:].tolist()) for row in ids])
        scored = time.perf_counter()
        with torch.no_grad():
            old, values = self.forward(ids)
            hidden = self.reference.gpt_neox(ids, use_cache=False).last_hidden_state[:, PROMPT - 1 : -1]
            kl = old - token_log_probs(self.reference.get_output_embeddings()(hidden), ids[:, PROMPT:])
            rewards = -self.beta * kl
            rewards[:, -1] += scores
            advantages, last = torch.zeros_like(rewards), 0.0
            for t in reversed(range(RESPONSE)):
                following = values[:, t + 1] if t + 1 < RESPONSE else 0.0
                last = rewards[:, t] + following - values[:, t] + 0.95 * last
                advantages[:, t] = last
            returns = advantages + values
            advantages = whiten(advantages)
        recorded = time.perf_counter()
        losses = []
        for _ in range(EPOCHS):
            shuffled = order()
            for start in range(0, BATCH, MINI_BATCH):
                b = shuffled[start : start + MINI_BATCH]
                logp, v = self.forward(ids[b])
                ratio = torch.exp(logp - old[b])
                policy = torch.max(-advantages[b] * ratio, -advantages[b] * torch.clamp(ratio, 0.8, 1.2)).mean()
                clipped = torch.clamp(v, values[b] - 0.2, values[b] + 0.2)
                value = 0.5 * torch.max((v - returns[b]) ** 2, (clipped - returns[b]) ** 2).mean()
                loss = policy + 0.1 * value
                self.optimiser.zero_grad(set_to_none=True)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(self.parameters, 1.0)
                self.optimiser.step()
                losses.append(loss.item())
        error = min(0.2, max(-0.2, kl.sum(1).mean().item() / 6 - 1))
        self.beta *= 1 + error * BATCH / 10000
        parts = {
            "score": scored - began,
            "log-probabilities": recorded - scored,
            "update": time.perf_counter() - recorded,
        }
        return losses, parts

    def gate(self, i):
        """A step on given completions, in the given order: its losses."""
        queries = torch.tensor(rows(BATCH, PROMPT, self.vocabulary, 1 + i))
        responses = torch.tensor(rows(BATCH, RESPONSE, self.vocabulary, 1001 + i))
        start = time.perf_counter()
        losses, _ = self.learn(torch.cat([queries, responses], 1), lambda: torch.arange(BATCH))
        return time.perf_counter() - start, losses, {}

    def step(self, i):
        queries = torch.tensor(rows(BATCH, PROMPT, self.vocabulary, 1 + i))
        start = time.perf_counter()
        with torch.no_grad():
            ids = self.policy.generate(
                queries, attention_mask=torch.ones_like(queries), do_sample=True, top_k=0, top_p=1.0,
                max_new_tokens=RESPONSE, min_new_tokens=RESPONSE, pad_token_id=0,
            )
        generated = time.perf_counter()
        _, parts = self.learn(ids, lambda: torch.randperm(BATCH))
        return time.perf_counter() - start, [], {"generate": generated - start, **parts}


ppo = Ppo(sys.argv[1])
answer(f"torch {torch.__version__}", {"gate": ppo.gate, "step": ppo.step, "gemm": gemm})
