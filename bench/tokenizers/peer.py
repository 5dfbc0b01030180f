"""Seconds that the Python package takes for texts, one at a time, on one thread. Prints JSON.

    python bench/tokenizers/peer.py tokenizer.json texts.json
"""
import json
import sys
import time

import tokenizers

tokenizer = tokenizers.Tokenizer.from_file(sys.argv[1])
with open(sys.argv[2], encoding="utf-8") as file:
    texts = json.load(file)
start = time.perf_counter()
tokens = sum(len(tokenizer.encode(text).ids) for text in texts)
first = time.perf_counter() - start
start = time.perf_counter()
encoded = [tokenizer.encode(text).ids for text in texts]
again = time.perf_counter() - start
start = time.perf_counter()
for ids in encoded:
    tokenizer.decode(ids)
decoding = time.perf_counter() - start
print(json.dumps({"tokens": tokens, "first": first, "again": again, "decoding": decoding, "version": tokenizers.__version__}))
