"""Optuna's samplers on functions whose minimum is known: what functions.ts and side.ts do.

    python peer.py '[{"function": "branin", "sampler": "tpe", "trials": 100, "seeds": 30}, ...]'

prints {"version", "runs": [{..., "regrets": [one list a seed: the least regret after half of the trials and after all]}]}.
"""
import json
import math
import sys
import warnings

import numpy as np
import optuna

optuna.logging.set_verbosity(optuna.logging.ERROR)
warnings.simplefilter("ignore")

ALPHA = np.array([1, 1.2, 3, 3.2])
A = np.array([[10, 3, 17, 3.5, 1.7, 8], [0.05, 10, 17, 0.1, 8, 14], [3, 3.5, 1.7, 10, 17, 8], [17, 8, 0.05, 10, 0.1, 14]])
P = 1e-4 * np.array([
    [1312, 1696, 5569, 124, 8283, 5886], [2329, 4135, 8307, 3736, 1004, 9991],
    [2348, 1451, 3522, 2883, 3047, 6650], [4047, 8828, 8732, 5743, 1091, 381],
])


def branin(x, y):
    b = 5.1 / (4 * math.pi**2)
    return (y - b * x * x + 5 / math.pi * x - 6) ** 2 + 10 * (1 - 1 / (8 * math.pi)) * math.cos(x) + 10


def hartmann(x):
    return float(-(ALPHA * np.exp(-(A * (np.array(x) - P) ** 2).sum(axis=1))).sum())


def rosenbrock(x):
    return sum(100 * (b - a * a) ** 2 + (1 - a) ** 2 for a, b in zip(x, x[1:]))


def ackley(x):
    x = np.array(x)
    return float(-20 * np.exp(-0.2 * np.sqrt((x**2).mean())) - np.exp(np.cos(2 * np.pi * x).mean()) + 20 + np.e)


def mixed(trial):
    rate = trial.suggest_float("rate", 1e-6, 1, log=True)
    width = trial.suggest_int("width", 4, 1024, log=True)
    depth = trial.suggest_int("depth", 1, 8)
    shift = {"a": 1.5, "b": 0, "c": 2, "d": 3}[trial.suggest_categorical("variant", ["a", "b", "c", "d"])]
    return ackley([math.log10(rate) + 3, math.log2(width / 64), depth - 3, shift])


def several(trial, count, low, high):
    return [trial.suggest_float(f"x{i}", low, high) for i in range(count)]


FUNCTIONS = {
    "branin": (lambda t: branin(t.suggest_float("x", -5, 10), t.suggest_float("y", 0, 15)), 0.39788735772973816),
    "hartmann-6": (lambda t: hartmann(several(t, 6, 0, 1)), -3.322368011415515),
    "rosenbrock-4": (lambda t: rosenbrock(several(t, 4, -2.048, 2.048)), 0),
    "ackley-mixed": (mixed, 0),
}
SAMPLERS = {
    "random": optuna.samplers.RandomSampler,
    "tpe": optuna.samplers.TPESampler,
    "gp": optuna.samplers.GPSampler,
    "cma-es": optuna.samplers.CmaEsSampler,
}


def regrets(function, sampler, trials, seed):
    objective, minimum = FUNCTIONS[function]
    study = optuna.create_study(sampler=SAMPLERS[sampler](seed=seed))
    study.optimize(objective, n_trials=trials)
    values = [trial.value - minimum for trial in study.trials]
    return [min(values[: trials // 2]), min(values)]


def run(wanted):
    for one in wanted:
        results = [regrets(one["function"], one["sampler"], one["trials"], seed) for seed in range(one["seeds"])]
        yield {**one, "regrets": results}


if __name__ == "__main__":
    print(json.dumps({"version": f"optuna {optuna.__version__}", "runs": list(run(json.loads(sys.argv[1])))}))
