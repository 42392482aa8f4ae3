"""The rules that scripts/check-tidy holds the tree to."""

from tidy import code, files, includes, places

RULES = {**includes.RULES, **code.RULES, **files.RULES, **places.RULES}


def check(tree, names=None):
    """Returns the violations of the rules NAMES (all unless given), in order of path and line."""
    found = []
    for name, rule in RULES.items():
        if names is None or name in names:
            found += [violation.of(name) for violation in rule(tree)]
    return sorted(found, key=lambda violation: (violation.path, violation.line, violation.rule))
