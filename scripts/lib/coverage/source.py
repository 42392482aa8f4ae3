"""What the source says of its branches: on which lines a statement decides, where exceptions are
caught, which switches name every value. It is read as far as semicolons, braces and a few words."""

import re

from tidy.cpp_text import without_comments_and_literals, without_preprocessor

DECIDES = re.compile(r"\b(?:if|for|while|switch|case|default|and|or)\b|[?]|&&|\|\|")
# What stands before a brace that holds statements or members; before any other it holds values.
BODY = re.compile(r"""(?:\)|:|\b(?:else|do|try|const|noexcept|override|final|mutable)
                       |->[\w\s:<>,&*]+)\s*$""", re.VERBOSE)
SCOPE = re.compile(r"\b(?:namespace|class|struct|union|enum|extern)\b")


class Piece:
    """A statement, or the values between two braces, without what stands in braces in it."""

    def __init__(self, statement):
        self.statement = statement
        self.first_line = None
        self.text = ""
        self.parentheses = 0

    def add(self, character, line):
        if self.first_line is None and not character.isspace():
            self.first_line = line
        if self.first_line is not None:
            self.text += character
        self.parentheses += {"(": 1, ")": -1}.get(character, 0)

    def opens_body(self, before):
        """Whether a brace that comes next, after the character `before`, holds statements."""
        if self.statement and (self.first_line is None or before == "}"):
            return True
        return BODY.search(self.text) is not None or SCOPE.search(self.text) is not None

    def lines(self, last_line):
        """All its lines, if it decides something."""
        if self.first_line is None or not DECIDES.search(self.text):
            return ()
        return range(self.first_line, last_line + 1)


def deciding_lines(text):
    """The lines of all statements that decide something: no other line has a branch."""
    code = without_preprocessor(without_comments_and_literals(text))
    found, outer, piece, line, before = set(), [], Piece(True), 1, ";"
    for character in code:
        if character == "{":
            body = piece.opens_body(before)
            if body and piece.statement and piece.parentheses == 0:
                found.update(piece.lines(line))
                piece = Piece(True)
            piece.add("{" if piece.first_line else " ", line)
            outer.append(piece)
            piece = Piece(body)
        elif character == "}":
            found.update(piece.lines(line))
            piece = outer.pop() if outer else Piece(True)
        elif character == ";" and piece.parentheses == 0:
            found.update(piece.lines(line))
            piece = Piece(piece.statement)
        else:
            piece.add(character, line)
        line += character == "\n"
        before = before if character.isspace() else character
    return found


def catching_lines(text):
    """The lines of the statements within `catch` clauses."""
    code = without_comments_and_literals(text)
    lines = set()
    for found in re.finditer(r"\bcatch\s*\([^()]*\)\s*\{", code):
        first = code.count("\n", 0, found.end()) + 1
        last = first + code.count("\n", found.end(), end_of(code, found.end()))
        lines.update(range(first, last + 1))
    return lines


def end_of(code, at):
    """Behind the brace that closes what stands at AT."""
    depth = 1
    while depth and at < len(code):
        depth += {"{": 1, "}": -1}.get(code[at], 0)
        at += 1
    return at


def full_switches(text):
    """The lines of those `switch`es over an enumeration that have no `default`: the compiler's
    -Wswitch, which is an error here, holds them to name every value."""
    code = without_preprocessor(without_comments_and_literals(text))
    lines = set()
    for found in re.finditer(r"\bswitch\s*\(", code):
        begin = code.index("{", found.end())
        body = code[begin:end_of(code, begin + 1)]
        labels = re.findall(r"\bcase\b([^;{}]*?)(?<!:):(?!:)", body)
        if labels and "default" not in body and all("::" in label for label in labels):
            first = code.count("\n", 0, found.start()) + 1
            lines.update(range(first, code.count("\n", 0, begin) + 2))
    return lines
