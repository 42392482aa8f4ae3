"""A large vector for ten tasks that add it up: by value to each, or put into the store once."""

import re

import numpy
import ray

from ray_peer import Peer, expect_equal

TASKS = 10


@ray.remote
def sum_of(values):
    return float(values.sum())


def peers(variant, _quick):
    elements = int(re.match(r"MB:(\d+)", variant).group(1)) * 1_000_000 // 8
    values = numpy.tile(numpy.arange(10.0), elements // 10)

    def check(sums):
        expect_equal(sums, [elements // 10 * 45.0] * TASKS, "the list of sums")

    def by_put():
        ref = ray.put(values)
        return ray.get([sum_of.remote(ref) for _ in range(TASKS)])

    def by_value():
        return ray.get([sum_of.remote(values) for _ in range(TASKS)])

    return {"ray_put": Peer(1, by_put, check, repetitions=3),
            "ray_by_value": Peer(1, by_value, check, repetitions=3)}
