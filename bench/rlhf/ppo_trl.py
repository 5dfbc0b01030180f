"""PPO by TRL 0.11's PPOTrainer: one request is one step. See ppo-side.ts for the tasks."""

import sys
import time
import warnings

import numpy
import torch

warnings.filterwarnings("ignore")
torch.set_num_threads(2)

import transformers  # noqa: E402
import trl  # noqa: E402
from answering import answer, gemm  # noqa: E402
from data import BATCH, EPOCHS, MINI_BATCH, PROMPT, RATE, RESPONSE, rows, score  # noqa: E402


class Tokenizer(transformers.PreTrainedTokenizer):
    """The trainer wants one for its padding alone."""

    vocab_files_names = {}

    def __init__(self):
        super().__init__(pad_token="[pad]", eos_token="[eos]")
        self.padding_side = "left"

    def get_vocab(self):
        return {}

    @property
    def vocab_size(self):
        return 1

    def _convert_token_to_id(self, token):
        return 0

    def _convert_id_to_token(self, index):
        return "[pad]"


class Ppo:
    def __init__(self, directory):
        self.model = trl.AutoModelForCausalLMWithValueHead.from_pretrained(directory)
        self.reference = trl.AutoModelForCausalLMWithValueHead.from_pretrained(directory)
        for head in (self.model.v_head, self.reference.v_head):
            head.summary.weight.data.zero_()
            head.summary.bias.data.zero_()
            head.dropout.p = 0.0
        self.vocabulary = self.model.config.vocab_size
        config = trl.PPOConfig(
            learning_rate=RATE, batch_size=BATCH, mini_batch_size=MINI_BATCH, ppo_epochs=EPOCHS, max_grad_norm=1.0, seed=0
        )
        self.trainer = trl.PPOTrainer(config, self.model, self.reference, Tokenizer())
        # A generator there, which the first clipping uses up: later ones would clip nothing.
        self.trainer.model_params = list(self.model.parameters())
        self.losses = []
        loss = self.trainer.loss

        def recorded(*args):
            policy, value, stats = loss(*args)
            self.losses.append((policy + value).item())
            return policy, value, stats

        self.trainer.loss = recorded

    def learn(self, queries, responses):
        self.losses = []
        began = time.perf_counter()
        scores = [torch.tensor(score(r.tolist())) for r in responses]
        scored = time.perf_counter()
        stats = self.trainer.step(queries, responses, scores)
        return {
            "score": scored - began,
            "log-probabilities": stats["time/ppo/forward_pass"] + stats["time/ppo/compute_rewards"],
            "update": stats["time/ppo/optimize_step"],
        }

    def gate(self, i):
        """A step on given completions, in the given order: its losses."""
        shuffle, numpy.random.permutation = numpy.random.permutation, numpy.arange
        start = time.perf_counter()
        self.learn(
            [torch.tensor(row) for row in rows(BATCH, PROMPT, self.vocabulary, 1 + i)],
            [torch.tensor(row) for row in rows(BATCH, RESPONSE, self.vocabulary, 1001 + i)],
        )
        numpy.random.permutation = shuffle
        return time.perf_counter() - start, self.losses, {}

    def step(self, i):
        queries = [torch.tensor(row) for row in rows(BATCH, PROMPT, self.vocabulary, 1 + i)]
        start = time.perf_counter()
        responses = self.trainer.generate(
            queries, batch_size=BATCH, return_prompt=False, do_sample=True, top_k=0, top_p=1.0, min_length=-1,
            max_new_tokens=RESPONSE, min_new_tokens=RESPONSE, pad_token_id=0, eos_token_id=None,
        )
        generated = time.perf_counter()
        parts = self.learn(queries, responses)
        return time.perf_counter() - start, [], {"generate": generated - start, **parts}


ppo = Ppo(sys.argv[1])
answer(f"trl {trl.__version__}, torch {torch.__version__}", {"gate": ppo.gate, "step": ppo.step, "gemm": gemm})
