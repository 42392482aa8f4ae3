"""Many refs that are ready: by get on all, and one at a time by wait on those that are left."""

import re

import ray

from ray_peer import Peer, expect_equal


def refs_of(variant):
    return int(re.match(r"refs:(\d+)", variant).group(1))


def one_at_a_time(refs):
    total = 0
    while refs:
        ready, refs = ray.wait(refs, num_returns=1)
        total += ray.get(ready[0])
    return total


def peers(variant, _quick):
    """By wait for up to 2,000: it looks at all that are left each time, so more take minutes."""
    count = refs_of(variant)

    def ready_refs():
        return [ray.put(i) for i in range(count)]

    def check(total):
        expect_equal(total, count * (count - 1) // 2, "the sum of all values")

    by_get = {"ray_get": Peer(1, lambda refs: sum(ray.get(refs)), check, prepare=ready_refs)}
    if count > 2_000:
        return by_get
    return by_get | {"ray_wait": Peer(1, one_at_a_time, check, prepare=ready_refs, repetitions=1)}
