"""The emulated driver beside the hardware: facts in which they differ, and the figures of both."""


def compare(results):
    """Takes the results of stage 1; each check was asked of both drivers."""
    asked = {}
    for result in results:
        if "data" in result:
            asked.setdefault(result["data"]["check"], {})[result["data"]["driver"]] = result["data"]
    checks = []
    for name, of_driver in asked.items():
        cuda, emulated = of_driver.get("cuda"), of_driver.get("emulated")
        checks.append({
            "check": name,
            "complete": cuda is not None and emulated is not None,
            "errors": {driver: data["error"] for driver, data in of_driver.items()
                       if "error" in data},
            "differences": _differences(cuda, emulated),
            "figures": {driver: data["figures"] for driver, data in of_driver.items()},
        })
    return {"checks": checks,
            "facts_compared": sum(len(_common(of_driver)) for of_driver in asked.values()),
            "facts_that_differ": sum(len(check["differences"]) for check in checks)}


def _common(of_driver):
    return set(of_driver.get("cuda", {}).get("facts", {})) & set(
        of_driver.get("emulated", {}).get("facts", {}))


def _differences(cuda, emulated):
    """A fact that only one driver answered differs too."""
    if cuda is None or emulated is None:
        return {}
    left, right = cuda["facts"], emulated["facts"]
    names = [*left, *(name for name in right if name not in left)]
    return {name: {"cuda": left.get(name), "emulated": right.get(name)}
            for name in names if left.get(name) != right.get(name)}
