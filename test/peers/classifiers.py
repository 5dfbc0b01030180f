"""Loads every saved classifier with transformers: no tensor may be missing or left over, and labels and logits must be ours."""

import json
import pathlib
import sys

import torch
import transformers
from transformers import AutoModelForSequenceClassification

TOLERANCE = 1e-4
transformers.utils.logging.disable_progress_bar()
directory = pathlib.Path(sys.argv[1])
failed = 0
for name, expected in json.loads((directory / "expected.json").read_text()).items():
    model, info = AutoModelForSequenceClassification.from_pretrained(
        directory / name, dtype=torch.float32, output_loading_info=True, attn_implementation="eager"
    )
    problems = [f"{kind}: {sorted(map(str, found))}" for kind, found in info.items() if found]
    labels = [model.config.id2label[i] for i in range(model.config.num_labels)]
    if labels != expected["labels"]:
        problems.append(f"labels {labels}")
    rows, pad = expected["rows"], expected["pad"]
    width = max(map(len, rows))
    ids = torch.tensor([row + [pad] * (width - len(row)) for row in rows])
    mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
    with torch.no_grad():
        logits = model.eval()(ids, attention_mask=mask).logits
    difference = (logits - torch.tensor(expected["logits"])).abs().max().item()
    if not difference <= TOLERANCE:
        problems.append(f"logits differ by {difference:.2e}")
    failed += bool(problems)
    print(f"{'FAILED' if problems else 'ok':6}  {name:24} largest difference {difference:.1e}  {'; '.join(problems)}")
print(f"transformers {transformers.__version__}: {'all equal' if failed == 0 else f'{failed} failed'}, within {TOLERANCE}")
sys.exit(failed > 0)
