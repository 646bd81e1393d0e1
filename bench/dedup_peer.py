"""datasketch's MinHashLSH on the documents of a file; run by bench/dedup.py in the peers' environment."""

import json
import resource
import sys
import time
from pathlib import Path

from datasketch import MinHash, MinHashLSH


def main(path: str) -> None:
    asked = json.loads(Path(path).read_text())
    lsh = MinHashLSH(threshold=asked["threshold"], num_perm=asked["permutations"])
    kept, found, verified = {}, [], []
    started = time.perf_counter()
    for id, text in asked["documents"]:
        padded = f" {text} "
        sketch = MinHash(num_perm=asked["permutations"])
        sketch.update_batch([gram.encode() for gram in {padded[i : i + 5] for i in range(len(padded) - 4)}])
        near = lsh.query(sketch)
        if near:
            found.append(id)
            if any(sketch.jaccard(kept[other]) >= asked["threshold"] for other in near):
                verified.append(id)
        else:
            lsh.insert(id, sketch)
            kept[id] = sketch
    seconds = time.perf_counter() - started
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": seconds, "found": found, "verified": verified, "rss_mb": rss}))


if __name__ == "__main__":
    main(sys.argv[1])
