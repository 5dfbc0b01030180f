"""DPO by TRL's DPOTrainer: the steps of one `train()` are answered one by one. See dpo-side.ts for the tasks."""

import contextlib
import sys
import tempfile
import time
import warnings

import torch

warnings.filterwarnings("ignore")
torch.set_num_threads(2)

import datasets  # noqa: E402
import tokenizers  # noqa: E402
import transformers  # noqa: E402
import trl  # noqa: E402
from answering import answer  # noqa: E402
from data import RATE, rows  # noqa: E402

datasets.disable_progress_bars()
transformers.utils.logging.set_verbosity_error()
PAIRS, LENGTH, PROMPT = 8, 128, 32


def word_tokenizer(vocabulary):
    """Ids written as words; the last id is the end of a text, which the trainer appends."""
    model = tokenizers.models.WordLevel({f"t{i}": i for i in range(vocabulary)}, unk_token="t0")
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.WhitespaceSplit()
    end = f"t{vocabulary - 1}"
    return transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=end, pad_token=end)


class Timer(transformers.TrainerCallback):
    def __init__(self):
        self.seconds, self.begun = [], 0.0

    def on_step_begin(self, *args, **kwargs):
        self.begun = time.perf_counter()

    def on_step_end(self, *args, **kwargs):
        self.seconds.append(time.perf_counter() - self.begun)


def texts(steps, vocabulary):
    for i in range(steps):
        prompts = rows(PAIRS, PROMPT, vocabulary - 1, 1 + i)
        sides = rows(2 * PAIRS, LENGTH - PROMPT, vocabulary - 1, 1001 + i)
        for n in range(PAIRS):
            words = [" ".join(f"t{t}" for t in ids) for ids in (prompts[n], sides[n][:-1], sides[PAIRS + n][:-1])]
            yield {"prompt": words[0], "chosen": f" {words[1]}", "rejected": f" {words[2]}"}


class Dpo:
    def __init__(self, directory, stored):
        self.directory, self.stored = directory, stored

    def run(self, steps):
        """`steps` steps in one run: seconds of each, and their losses."""
        load = lambda: transformers.AutoModelForCausalLM.from_pretrained(self.directory, dtype=torch.float32)  # noqa: E731
        model = load()
        vocabulary = model.config.vocab_size
        with tempfile.TemporaryDirectory() as out:
            config = trl.DPOConfig(
                out, per_device_train_batch_size=PAIRS, max_steps=steps, learning_rate=RATE, lr_scheduler_type="constant",
                weight_decay=0.0, max_grad_norm=1.0, beta=0.1, max_length=LENGTH, bf16=False, gradient_checkpointing=False,
                precompute_ref_log_probs=self.stored, report_to="none", logging_steps=1, save_strategy="no",
                disable_tqdm=True, use_cpu=True, dataloader_pin_memory=False,
            )
            timer = Timer()
            trainer = trl.DPOTrainer(
                model, None if self.stored else load(), config, train_dataset=datasets.Dataset.from_list(list(texts(steps, vocabulary))),
                processing_class=word_tokenizer(vocabulary), callbacks=[timer],
            )
            trainer._get_train_sampler = lambda *args: torch.utils.data.SequentialSampler(trainer.train_dataset)
            losses, compute = [], trainer.compute_loss

            def recorded(*args, **kwargs):
                loss = compute(*args, **kwargs)
                losses.append((loss[0] if isinstance(loss, tuple) else loss).item())
                return loss

            trainer.compute_loss = recorded
            # It prints what it logs.
            with contextlib.redirect_stdout(sys.stderr):
                trainer.train()
        return 0.0, losses, {f"step{i}": seconds for i, seconds in enumerate(timer.seconds)}


dpo = Dpo(sys.argv[1], sys.argv[2] == "stored")
answer(f"trl {trl.__version__}, torch {torch.__version__}", {"run": dpo.run})
