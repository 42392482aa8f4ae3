"""One task submitted and waited for, again and again."""

import ray

from ray_peer import Peer, expect_equal


@ray.remote
def value_of(index):
    return index ^ 5


def peers(variant, quick):
    """None from idle: 2 ms of sleep before each task are what a task of Ray's takes."""
    if not variant.startswith("in_a_loop"):
        return {}
    tasks = 200 if quick else 2_000

    def body():
        return [ray.get(value_of.remote(i)) for i in range(tasks)]

    def check(values):
        expect_equal(values, [i ^ 5 for i in range(tasks)], "the list of results")

    return {"ray": Peer(tasks, body, check)}
