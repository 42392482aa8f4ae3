"""One byte into the store, and the same one read again and again."""

import ray

from ray_peer import Peer, expect_equal


def peers(variant, quick):
    times = 500 if quick else 5_000

    def body(one):
        if variant.startswith("get"):
            return sum(ray.get(one)[0] for _ in range(times))
        return sum(ray.get(ray.put(b"\7"))[0] for _ in range(times))

    def check(total):
        expect_equal(total, times * 7, "the sum of what was read")

    return {"ray": Peer(times, body, check, prepare=lambda: ray.put(b"\7"))}
