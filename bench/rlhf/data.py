"""What all sides of the benchmarks of RLHF share: the same ids and scores as in data.ts."""

PROMPT = 16
RESPONSE = 32
BATCH = 16
MINI_BATCH = 8
EPOCHS = 4
RATE = 1e-5


def numbers(count, vocabulary, seed=1):
    ids, state = [], seed
    for _ in range(count):
        state = (state * 1103515245 + 12345) % 2147483648
        ids.append((state >> 8) % vocabulary)
    return ids


def score(response):
    """The function that rewards: of the ids alone."""
    return sum((token % 7) - 3 for token in response) / 10


def rows(count, length, vocabulary, seed):
    ids = numbers(count * length, vocabulary, seed)
    return [ids[i * length : (i + 1) * length] for i in range(count)]
