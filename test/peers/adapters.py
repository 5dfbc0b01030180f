"""Loads every exported adapter with peft on top of its base model: the logits must be those of our merged model, and merging
with peft must give our merged weights. A tensor that peft misses or does not know is a failure."""

import json
import pathlib
import sys
import warnings

import peft
import torch
import transformers
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

TOLERANCE = 1e-4
transformers.utils.logging.disable_progress_bar()
warnings.filterwarnings("error", message=".*(missing|unexpected|not found).*keys?.*")
directory = pathlib.Path(sys.argv[1])


CLASSES = {"language-model": AutoModelForCausalLM, "classifier": AutoModelForSequenceClassification}


def load(path: pathlib.Path):
    return of_task.from_pretrained(path, dtype=torch.float32, attn_implementation="eager").eval()


failed = 0
for name, expected in json.loads((directory / "expected.json").read_text()).items():
    of_task = CLASSES[expected["task"]]
    base = load(directory / name / "base")
    ids = torch.tensor(expected["ids"])
    with torch.no_grad():
        before = base(ids, use_cache=False).logits
        model = PeftModel.from_pretrained(base, directory / name / "adapter").eval()
        logits = model(ids, use_cache=False).logits
    difference = (logits - torch.tensor(expected["logits"])).abs().max().item()
    moved = (logits - before).abs().max().item()
    problems = []
    if not difference <= TOLERANCE:
        problems.append(f"logits differ by {difference:.2e}")
    if not moved > 100 * TOLERANCE:
        problems.append(f"the adapter does next to nothing: {moved:.2e}")
    ours = load(directory / name / "merged").state_dict()
    theirs = model.merge_and_unload().state_dict()
    weights = max((theirs[key] - value).abs().max().item() for key, value in ours.items())
    if ours.keys() != theirs.keys() or not weights <= TOLERANCE:
        problems.append(f"merged weights differ by {weights:.2e}")
    failed += bool(problems)
    print(
        f"{'FAILED' if problems else 'ok':6}  {name:32} largest difference {difference:.1e}, weights {weights:.1e}  "
        f"{'; '.join(problems)}"
    )
print(f"peft {peft.__version__}: {'all equal' if failed == 0 else f'{failed} failed'}, within {TOLERANCE}")
sys.exit(failed > 0)
