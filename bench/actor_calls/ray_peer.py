"""Calls of one process to one actor, many under way at once or one at a time."""

import ray

from ray_peer import Peer, expect_equal


@ray.remote
class Counter:
    def __init__(self):
        self.value = 0

    def add(self, n):
        self.value += n
        return self.value


def new_counter():
    counter = Counter.remote()
    ray.get(counter.add.remote(0))
    return counter


def peers(variant, quick):
    calls = 500 if quick else 5_000

    def body(counter):
        if variant.startswith("one_at_a_time"):
            return [ray.get(counter.add.remote(1)) for _ in range(calls)]
        return ray.get([counter.add.remote(1) for _ in range(calls)])

    def check(values):
        expect_equal(sum(values), calls * (calls + 1) // 2, "the sum of all results")

    return {"ray": Peer(calls, body, check, prepare=new_counter)}
