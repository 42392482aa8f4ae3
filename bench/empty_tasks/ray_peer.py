"""Empty tasks from one process, and all their values."""

import ray

from ray_peer import Peer, expect_equal


@ray.remote
def value_of(index):
    return index ^ 5


def peers(_variant, quick):
    tasks = 1_000 if quick else 20_000

    def body():
        return ray.get([value_of.remote(i) for i in range(tasks)])

    def check(values):
        expect_equal(values, [i ^ 5 for i in range(tasks)], "the list of results")

    return {"ray": Peer(tasks, body, check)}
