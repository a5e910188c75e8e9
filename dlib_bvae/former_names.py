"""Names that gin parameters had in earlier versions: they are read as today's, in files, bindings and results."""

from __future__ import annotations

import io
import tokenize
from collections.abc import Iterator, Mapping

# former gin name → today's, of a configurable or of one parameter; results keep telling configurations apart by the former
FORMER_NAMES = {"fid": "frechet_curve", "validation.every": "validation.every_steps"}
FORMER_FILES = {"gin/models/fid_curve.gin": "gin/models/frechet_curve.gin"}


def current_key(key: str, names: Mapping[str, str] = FORMER_NAMES) -> str:
    """Today's name of a parameter: "fid.seed" → "frechet_curve.seed", with its scope and module; any other as it is."""
    scope, slash, selector = key.rpartition("/")
    *modules, configurable, parameter = ["", *selector.split(".")]
    renamed = names.get(f"{configurable}.{parameter}") or f"{names.get(configurable, configurable)}.{parameter}"
    return scope + slash + ".".join([*modules[1:], renamed]) if configurable else key


def current_names(text: str) -> tuple[str, list[str]]:
    """(gin statements with the former names in them replaced by today's, one sentence for each that was).

    Names within texts and comments stay. Text that is no gin comes back as it is; parsing it says why.
    """
    lines, edits, block = text.splitlines(keepends=True), [], ""
    try:
        for key, row, first, last, after in _selectors(text):
            inner = lines[row - 1][:first].isspace() and after == "=" and bool(block)
            if after == ":":
                block = key
            elif not inner and after == "=":
                block = ""
            if after == "@" or after == ":":
                new = current_key(f"{key}.x").removesuffix(".x")
            elif inner:
                new = current_key(f"{block}.{key}").rpartition(".")[2]
            else:
                new = current_key(key)
            if new != key:
                edits.append((row, first, last, key, new))
    except (tokenize.TokenError, SyntaxError):
        return text, []
    for row, first, last, _, new in reversed(edits):
        lines[row - 1] = lines[row - 1][:first] + new + lines[row - 1][last:]
    return "".join(lines), [f"{old} is now called {new}" for _, _, _, old, new in edits]


def _selectors(text: str) -> Iterator[tuple[str, int, int, int, str]]:
    """(name, row, first column, last column, what follows) of each bound name, "=" or ":", and of each reference, "@"."""
    begin, path, depth, reference = True, list[tokenize.TokenInfo](), 0, False
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        part = token.type == tokenize.NAME or token.string in (".", "/")
        if part and (begin or reference) and (not path or path[-1].end == token.start):
            path.append(token)
            continue
        if path and (reference or (begin and token.string in ("=", ":"))):
            name = "".join(each.string for each in path)
            yield name, path[0].start[0], path[0].start[1], path[-1].end[1], "@" if reference else token.string
        depth += (token.string in "([{") - (token.string in ")]}") if token.type == tokenize.OP else 0
        layout = token.type in (tokenize.NEWLINE, tokenize.NL, tokenize.COMMENT, tokenize.INDENT, tokenize.DEDENT)
        begin, path, reference = layout and depth == 0, [], token.string == "@"
