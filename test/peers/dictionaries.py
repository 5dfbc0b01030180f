"""Dictionaries in both directions: those that we export opened by SAELens, and those that SAELens, dictionary_learning and
sparsify write read by us. Features, and which of them fire, and reconstructions must be the same.

    dictionaries.py DIRECTORY --make    has the packages write theirs
    dictionaries.py DIRECTORY           compares
"""

import json
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "fixtures" / "make"))

import dictionaries as made
import torch
from sae_lens import SAE

TOLERANCE = 1e-5
WIDTH, FEATURES, ROWS = 64, 256, 100


def make(directory: pathlib.Path) -> None:
    (directory / "theirs").mkdir()
    made.make(directory / "theirs", D=WIDTH, F=FEATURES, seed=5)
    torch.manual_seed(6)
    (directory / "x.json").write_text(json.dumps(torch.randn(ROWS, WIDTH).tolist()))


def compute(directory: pathlib.Path, x: torch.Tensor):
    if directory.parent.name == "theirs":
        return made.compute(directory, x)
    with torch.no_grad():
        sae = SAE.load_from_disk(directory)
        return sae.encode(x), sae(x)


def largest(ours: list, theirs: torch.Tensor) -> float:
    """Relative to the largest number there is."""
    return ((torch.tensor(ours) - theirs).abs().max() / theirs.abs().max()).item()


def compare(directory: pathlib.Path) -> int:
    expected = json.loads((directory / "expected.json").read_text())
    x = torch.tensor(expected["x"])
    failed = 0
    for name, ours in expected["dictionaries"].items():
        features, reconstruction = compute(directory / name, x)
        difference = max(largest(ours["features"], features), largest(ours["reconstruction"], reconstruction))
        # A pre-activation within rounding of a threshold may fall on either side; there must be next to none.
        fired = ((torch.tensor(ours["features"]) > 0) != (features > 0)).sum().item()
        share = (features > 0).float().mean().item()
        problems = []
        if not difference <= TOLERANCE:
            problems.append(f"differs by {difference:.2e}")
        if fired > 0:
            problems.append(f"{fired} features fire in one of the two only")
        if not 0.001 < share < 0.999:
            problems.append(f"says nothing: {share:.3f} of its features fire")
        failed += bool(problems)
        status = "FAILED" if problems else "ok"
        print(f"{status:6}  {name:48} largest difference {difference:.1e}, {share:.2f} firing  {'; '.join(problems)}")
    versions = ", ".join(f"{name} {version}" for name, version in made.versions().items())
    print(f"{versions}: {'all equal' if failed == 0 else f'{failed} failed'}, within {TOLERANCE}")
    return failed


target = pathlib.Path(sys.argv[1])
torch.set_num_threads(1)
if "--make" in sys.argv:
    make(target)
else:
    sys.exit(compare(target) > 0)
