"""Reading C++ closely enough for the rules: no comments, no literals, where functions begin."""

import re

# In this order: a raw string may hold anything, a comment may hold quotes, a digit separator is
# not a quote.
LITERAL = re.compile(r"""
    (?P<raw>\b(?:u8|[uUL])?R"(?P<tag>[^()\\\s]{0,16})\(.*?\)(?P=tag)")
  | (?P<line_comment>//(?:\\\n|[^\n])*)
  | (?P<comment>/\*.*?\*/)
  | (?P<number>\b\d(?:'?[\w.])*)
  | (?P<string>"(?:\\.|[^"\\\n])*")
  | (?P<character>'(?:\\.|[^'\\\n])*')
""", re.VERBOSE | re.DOTALL)

SCOPE = re.compile(r"""^(?:\s|\[\[.*?\]\]|\b(?:inline|static|constexpr|typedef|export)\b)*
                       (?:namespace|class|struct|union|enum|extern)\b""", re.VERBOSE | re.DOTALL)


def blank(match):
    """Spaces in place of a comment or a literal, so that lines and columns stay."""
    text = match.group(0)
    if match.lastgroup == "number":
        return text
    if match.group("string") or match.group("character") or match.group("raw"):
        return '"' + re.sub(r"[^\n]", " ", text[1:-1]) + '"'
    return re.sub(r"[^\n]", " ", text)


def without_comments_and_literals(text):
    return LITERAL.sub(blank, text)


def without_comments(text):
    return LITERAL.sub(
        lambda match: blank(match) if match.group(0).startswith(("//", "/*")) else match.group(0),
        text)


def without_preprocessor(text):
    return re.sub(r"^[ \t]*\#(?:\\\n|[^\n])*", lambda match: re.sub(r"[^\n]", " ", match.group(0)),
                  text, flags=re.MULTILINE)


def without_template_heads(head):
    """Drops `template <...>`, whose parameters may be named with `class`."""
    while (found := re.search(r"\btemplate\s*<", head)) is not None:
        depth, end = 1, found.end()
        while depth and end < len(head):
            depth += {"<": 1, ">": -1}.get(head[end], 0)
            end += 1
        head = head[:found.start()] + head[end:]
    return head


def outside_parentheses(head):
    kept, depth = [], 0
    for character in head:
        depth += character == "("
        if depth == 0:
            kept.append(character)
        depth -= character == ")"
    return "".join(kept)


def is_scope(head):
    """Whether the brace after HEAD opens a namespace or a class: functions may stand in it."""
    return SCOPE.match(without_template_heads(head)) is not None


def is_function(head):
    """Whether the brace after HEAD opens a body: HEAD has parameters and initialises nothing."""
    outside = re.sub(r"operator\s*[^\s\w]+|[<>=!]=|\brequires\b.*", "",
                     outside_parentheses(without_template_heads(head)), flags=re.DOTALL)
    return "(" in head and re.search(r"=\s*(?!\s*\[)", outside) is None


def functions(text):
    """Yields (first line, last line) of every function at namespace or class scope."""
    code = without_preprocessor(without_comments_and_literals(text))
    scopes = 0          # open namespaces and classes
    position = 0        # where the head of what comes next begins
    begin = None        # where the function whose initialisers are being read begins
    for found in iter(lambda: next_of(code, position), None):
        character, at = found
        head = code[position:at]
        position = at + 1
        if character == ";":
            begin = None
        elif character == "}":
            scopes -= 1
        elif begin is None and is_scope(head):
            scopes += 1
        else:
            end = matching_brace(code, at)
            position = end + 1
            if begin is None and not is_function(head):
                continue
            if begin is None:
                begin = at - len(head.lstrip())
            # A constructor's `: a_{1}, b_{2} {` : the body is still to come.
            if not re.match(r"\s*[,{]|\s*catch\b", code[end + 1:end + 200]):
                yield line_of(code, begin), line_of(code, end)
                begin = None


def next_of(code, position):
    """The next `;`, `{` or `}` outside parentheses, with its place; None at the end."""
    depth = 0
    for found in re.finditer(r"[(){};]", code[position:]):
        character = found.group(0)
        depth += {"(": 1, ")": -1}.get(character, 0)
        if depth <= 0 and character in ";{}":
            return character, position + found.start()
    return None


def matching_brace(code, opening):
    depth = 0
    for found in re.finditer(r"[{}]", code[opening:]):
        depth += 1 if found.group(0) == "{" else -1
        if depth == 0:
            return opening + found.start()
    return len(code) - 1


def line_of(code, at):
    return code.count("\n", 0, at) + 1
