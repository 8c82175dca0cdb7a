"""Every message that the package has for a person, read from its code.

`messages` walks the syntax trees: each call of an error's class, and of each function that makes an
error of what it is told, with the text that it is given. Values are shown as words in capitals. A
message that is put together of parts is followed into functions that make the parts.
"""

from __future__ import annotations

import ast
import gc
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from itertools import islice, product
from pathlib import Path

import qbatch
from qbatch import errors
from qbatch.cli.error_topics import page_of_room, topic_for
from tests.guide.remedies import parted, remedy_elsewhere

HOME = Path(qbatch.__file__).parent

#: The classes that reach a person as they are.
PUBLIC = {
    name
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.QbatchError)
}
#: Those that are told as another one where they come in: with a place, or as a reason.
_TOLD = {
    *("ValueError", "TypeError", "KeyError", "IndexError", "ArithmeticError", "RuntimeError"),
    *("PydanticCustomError", "UsageError", "BadParameter", "TemplateAssertionError"),
    *("FileNotFoundError", "ConnectError"),
    "kind",  # a class that a function was given
}
#: Modules all of whose texts are said of a manifest, by way of tables and lists of pairs.
_SAYERS = {f"manifest.{name}" for name in ("columns", "complaints", "construction", "syntax")}
_SAYERS |= {"manifest.derived"}

#: One whose tables say nothing of a mistake: its functions do.
_TABLES = {"manifest.columns"}

#: Said by functions of words: what they add is a hint, or a list of names.
_HINTS = {"did_you_mean", "_nearest"}

#: Functions that write an instant.
_INSTANTS = {"in_zone", "told_briefly", "told_if_known"}

#: Functions that return the text that they are given, or its beginning.
_PASSING = {"repr", "str", "shortened", "visible", "said"}

#: Words of a table from which messages are made, none of which is one.
_FRAGMENT = re.compile(
    r"^(?:[;,(#]|name: |is itself$|stands below$|does not fit there$"
    r"|an? .*\b(?:index|value|bound|size|end)$|[\w.-]+$"
    r"|composite job \w+ (?:of|at) backend \w+$|composite job of \w+ at backend \w+$)"
)

#: What a list says that names nothing.
_NOTHING = re.compile(r"\((?:there (?:are|is)|no|none|nothing|it) [^()]*\)|\(none\)")

_MOST_FORMS, _DEEPEST = 16, 4


@dataclass(frozen=True, order=True)
class Message:
    """A message.

    Attributes:
        room: Module that has it, after ``qbatch.``.
        kind: Class of the error.
        text: With words in capitals for values.
        lines: Where in the module.
    """

    room: str
    kind: str
    text: str
    lines: set[int] = field(compare=False, default_factory=set)

    @property
    def topic(self) -> str:
        """The page of the guide that its error names."""
        kind = getattr(errors, self.kind, Exception)
        return topic_for(kind, self.text, self.room) or page_of_room(self.room)

    @property
    def place(self) -> str:
        """What stands first and tells where."""
        if self.is_of_file:
            return "FILE:LINE:COLUMN"
        if self._begins_with:
            return self._begins_with
        return "the command" if self.kind in {*PUBLIC, "UsageError"} else "another message"

    @property
    def _begins_with(self) -> str:
        found = re.match(r"([^\s:]+): ", self.text)
        return found[1] if found else ""

    @property
    def is_of_file(self) -> bool:
        """It is told with a place in a person's file."""
        kind = getattr(errors, self.kind, None)
        is_mistake = kind is not None and issubclass(kind, errors.SourceError)
        return is_mistake or self.kind == "PydanticCustomError"

    @property
    def parts(self) -> tuple[str, str]:
        """What is wrong, and how to mend it."""
        text = self.text if self.is_of_file else self.text.removeprefix(f"{self._begins_with}: ")
        said, remedy = parted(text)
        kind = getattr(errors, self.kind, None)
        return said, remedy or getattr(kind, "remedy", "") or remedy_elsewhere(
            text, self.kind, self.room
        )


@dataclass(frozen=True)
class _Carrier:
    """A function that makes an error of what it is told."""

    kind: str
    node: ast.FunctionDef
    module: _Module
    text: ast.expr


class _Module:
    """A module: its calls, each with the functions that it stands in, the innermost last."""

    def __init__(self, name: str, tree: ast.Module) -> None:
        self.tree = tree
        self.name = name
        self.calls: list[tuple[tuple[ast.FunctionDef, ...], ast.Call]] = []
        self.functions: dict[str, list[ast.FunctionDef]] = {}
        self.classes: list[ast.ClassDef] = []
        self.constants = {
            target.id: node.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            for name in node.targets
            for target in (name.elts if isinstance(name, ast.Tuple) else [name])
            if isinstance(target, ast.Name) and isinstance(node.value, ast.Constant | ast.JoinedStr)
        }
        self.imported: dict[str, str] = {}  # name -> module it is taken from
        self._read(tree, (), "")

    def _read(self, node: ast.AST, within: tuple[ast.FunctionDef, ...], owner: str) -> None:
        for child in ast.iter_child_nodes(node):
            inner, inner_owner = within, owner
            match child:
                case ast.FunctionDef():
                    self.functions.setdefault(child.name, []).append(child)
                    inner = (*within, child)
                case ast.Call(func=ast.Attribute(value=ast.Call(func=ast.Name(id="super")))):
                    if child.func.attr == "__init__":  # a class of errors that makes its text
                        made = ast.Call(ast.Name(owner), child.args, child.keywords)
                        self.calls.append((within, ast.copy_location(made, child)))
                case ast.Call():
                    self.calls.append((within, child))
                case ast.ClassDef():
                    self.classes.append(child)
                    inner_owner = child.name
                case ast.ImportFrom():
                    home = (child.module or "").removeprefix("qbatch").removeprefix(".")
                    self.imported |= {each.asname or each.name: home for each in child.names}
            self._read(child, inner, inner_owner)


@cache
def modules() -> tuple[_Module, ...]:
    """All modules of the package but those of emulated clouds, whose errors are the clouds' own."""
    found = []
    gc.disable()  # a million nodes that all stay
    for file in sorted(HOME.rglob("*.py")):
        parts = file.relative_to(HOME).with_suffix("").parts
        if parts[0] != "emulators":
            name = ".".join(parts).removesuffix(".__init__")
            found.append(_Module(name, ast.parse(file.read_text("utf-8"))))
    gc.enable()
    return tuple(found)


@cache
def own_kinds() -> frozenset[str]:
    """Names of all classes of errors that the package makes."""
    names = {"Exception", "ValueError", "OSError", *PUBLIC}
    for _ in range(4):
        for node in (node for each in modules() for node in each.classes):
            if names & {_name(base) for base in node.bases}:
                names.add(node.name)
    return frozenset(names - {"Exception", "OSError"}) | frozenset(_TOLD)


@cache
def messages() -> tuple[Message, ...]:
    """All messages, each once, by the module that has it."""
    carriers = _carriers()
    found: dict[tuple[str, str], Message] = {}
    for module in modules():
        for within, call in module.calls:
            for kind, texts in _said(call, within[-1] if within else None, module, carriers):
                for text in map(_clean, texts):
                    if _is_whole(text):
                        message = Message(module.name, kind, text)
                        message = found.setdefault((module.name, text), message)
                        message.lines.add(call.lineno)
    for module in (each for each in modules() if each.name in _SAYERS):
        for function, node in _outermost_texts(module.tree, None):
            if function is None and module.name in _TABLES:
                continue
            for text in map(_clean, _Scope(module, function, {}).texts(node)):
                if _is_whole(text):
                    message = Message(module.name, "ManifestError", _capitals(text))
                    found.setdefault((module.name, message.text), message)
    return tuple(sorted(each for each in found.values() if _full(each) not in found))


def _is_whole(text: str) -> bool:
    """Whether a text says something: two words, and not what another one is made of."""
    return len(re.findall(r"[a-z]{2,}", text)) >= 2 and not _FRAGMENT.search(text)


def _full(message: Message) -> tuple[str, str]:
    """Where the form of a message would stand that names what there is, where this one has none."""
    named = _NOTHING.sub("(NAMES)", message.text)
    return (message.room, named) if named != message.text else ("", "")


def _outermost_texts(
    node: ast.AST, function: ast.FunctionDef | None
) -> Iterator[tuple[ast.FunctionDef | None, ast.expr]]:
    """The texts of a module, whole, with the function that they stand in; no docstrings."""
    for child in ast.iter_child_nodes(node):
        match child:
            case ast.Constant(value=str()) | ast.JoinedStr():
                yield function, child
            case ast.Expr(value=ast.Constant()) | ast.Compare():
                pass
            case ast.Dict():  # what it is told by is no text of ours
                yield from _outermost_texts(ast.List(child.values), function)
            case ast.FunctionDef():
                yield from _outermost_texts(child, child)
            case _:
                yield from _outermost_texts(child, function)


def _capitals(text: str) -> str:
    """A text with what `str.format` puts into it in capitals."""
    return re.sub(r"\{(\w+)\}", lambda value: value[1].upper(), text)


def _said(
    call: ast.Call,
    function: ast.FunctionDef | None,
    module: _Module,
    carriers: Mapping[str, list[_Carrier]],
) -> Iterator[tuple[str, list[str]]]:
    """The kinds of error that a call makes, each with the texts that it may have."""
    name = _name(call.func)
    scope = _Scope(module, function, {})
    if name in own_kinds():
        for text in _texts_of(call, name):
            yield name, scope.texts(text)
    for carrier in carriers.get(name, ()):
        if _is_seen(carrier, module, call):
            given = _given(call, carrier.node, scope)
            yield carrier.kind, _Scope(carrier.module, carrier.node, given).texts(carrier.text)


def _carriers() -> Mapping[str, list[_Carrier]]:
    """Functions whose error says what they were told, by name; of methods, by the method's."""
    found: dict[str, list[_Carrier]] = {}
    for _ in range(3):
        for module in modules():
            for within, call in module.calls:
                if _name(call.func) not in own_kinds() and _name(call.func) not in found:
                    continue
                for function in within:
                    known = found.setdefault(function.name, [])
                    for kind, text in _texts_within(call, module, found):
                        told = _annotated_text(function) & _used(text, function)
                        if told and not any(each.node is function for each in known):
                            known.append(_Carrier(kind, function, module, text))
    return found


def _texts_within(
    call: ast.Call, module: _Module, carriers: Mapping[str, list[_Carrier]]
) -> Iterator[tuple[str, ast.expr]]:
    name = _name(call.func)
    for text in _texts_of(call, name) if name in own_kinds() else ():
        yield name, text
    for carrier in carriers.get(name, ()):
        for arg, value in _bound(call, carrier.node) if _is_seen(carrier, module, call) else ():
            if arg in _annotated_text(carrier.node) & _used(carrier.text, carrier.node):
                yield carrier.kind, value


class _Scope:
    """A function in which a text is put together, with what its arguments are."""

    def __init__(
        self,
        module: _Module,
        function: ast.FunctionDef | None,
        given: Mapping[str, list[str]],
        depth: int = 0,
    ) -> None:
        self._module = module
        self._function = function
        self._given = given
        self._depth = depth

    def texts(self, node: ast.expr) -> list[str]:
        """The forms that an expression's text may have."""
        return list(islice(dict.fromkeys(self._forms(node)), _MOST_FORMS))

    def _forms(self, node: ast.expr) -> Iterator[str]:
        match node:
            case ast.Constant(value=str(text)):
                yield text
            case ast.JoinedStr(values=values):
                for parts in product(*map(self.texts, values)):
                    yield "".join(parts)
            case ast.FormattedValue(value=value):
                yield from self._forms(value)
            case ast.BinOp(op=ast.Add(), left=left, right=right):
                for parts in product(self.texts(left), self.texts(right)):
                    yield "".join(parts)
            case ast.IfExp(body=body, orelse=other):
                yield from self._forms(body)
                yield from self._forms(other)
            case ast.BoolOp(values=values):
                forms = [form for value in values for form in self._forms(value)]
                yield from [form for form in forms if form] or forms
            case ast.Subscript(value=ast.JoinedStr() as value):
                yield from self._forms(value)
            case ast.Attribute(value=ast.Name(id=of), attr=name) if of in self._module.imported:
                homes = [each for each in modules() if each.name.endswith(f".{of}")]
                homes = [each for each in homes if name in each.constants]
                scope = _Scope(homes[0], None, {}) if homes else None
                yield from scope.texts(homes[0].constants[name]) if scope else [_placeholder(node)]
            case ast.Name(id=name):
                yield from self._named(name)
            case ast.Call():
                yield from self._called(node)
            case _:
                yield _placeholder(node)

    def _named(self, name: str) -> Iterator[str]:
        if name in self._given:
            yield from self._given[name]
            return
        found = [] if self._depth >= _DEEPEST else [*self._assigned(name)]
        home = _home_of(name, self._module)
        if not found and home is not None and name in home.constants:
            yield from _Scope(home, None, {}).texts(home.constants[name])
            return
        inner = _Scope(self._module, self._function, self._given, self._depth + 1)
        forms = [form for value in found for form in inner.texts(value)]
        said = [form for form in forms if re.search(r"[a-z]{2,}", form) or not form]
        yield from said or [_placeholder(ast.Name(name))]

    def _assigned(self, name: str) -> list[ast.expr]:
        return _assignments(self._function).get(name, []) if self._function else []

    def _called(self, node: ast.Call) -> Iterator[str]:
        name = _name(node.func)
        if name in _HINTS:
            yield ""
            return
        if name == "listed":
            yield "NAMES"
            return
        if name in _INSTANTS:
            yield "TIME"
            return
        if name in _PASSING and node.args:
            forms = self.texts(node.args[0])
            yield from map(_quoted, forms) if name == "repr" else forms
            return
        home = _home_of(name, self._module)
        functions = home.functions.get(name, []) if home else []
        if len(functions) == 1 and self._depth < _DEEPEST and _returns_text(functions[0]):
            given = _given(node, functions[0], self)
            inner = _Scope(home or self._module, functions[0], given, self._depth + 1)
            for each in ast.walk(functions[0]):
                if isinstance(each, ast.Return) and each.value is not None:
                    yield from inner._forms(each.value)
        else:
            yield _placeholder(node)


@cache
def _assignments(function: ast.FunctionDef) -> Mapping[str, list[ast.expr]]:
    """What is assigned to each name in a function."""
    found: dict[str, list[ast.expr]] = {}
    for node in ast.walk(function):
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                found.setdefault(name, []).append(value)
            case ast.NamedExpr(target=ast.Name(id=name), value=value):
                found.setdefault(name, []).append(value)
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)):
                for target, value in zip(names, values, strict=False):
                    if isinstance(target, ast.Name):
                        found.setdefault(target.id, []).append(value)
    return found


def _used(text: ast.expr, function: ast.FunctionDef) -> set[str]:
    """The names of which a text is made, by way of others too."""
    found: set[str] = set()
    waiting: list[ast.expr] = [text]
    while waiting:
        for node in ast.walk(waiting.pop()):
            if isinstance(node, ast.Name) and node.id not in found:
                found.add(node.id)
                waiting += _assignments(function).get(node.id, [])
    return found


def _texts_of(call: ast.Call, kind: str) -> list[ast.expr]:
    """The arguments of an error's class that may be its text."""
    if kind == "PydanticCustomError":
        return _problem_of(call)
    by_name = {each.arg: each.value for each in call.keywords}
    named = [by_name[word] for word in ("problem", "message") if word in by_name]
    public = getattr(errors, kind, None)
    if kind == "UnwritableError" and len(call.args) == 2:  # what is wrong, and how to mend it
        problem, remedy = call.args
        return [ast.BinOp(problem, ast.Add(), ast.BinOp(ast.Constant("; "), ast.Add(), remedy))]
    if public is None:
        return [*call.args, *named]
    at = 1 if issubclass(public, errors.SourceError) else 0
    return [*call.args[at : at + 1], *named]


def _problem_of(call: ast.Call) -> list[ast.expr]:
    """What a validator says of a value: ``{"problem": …}`` of the error that it makes."""
    return [
        value
        for each in call.args
        if isinstance(each, ast.Dict)
        for key, value in zip(each.keys, each.values, strict=True)
        if isinstance(key, ast.Constant) and key.value == "problem"
    ]


def _home_of(name: str, module: _Module) -> _Module | None:
    """The module in which a name that a module uses is made."""
    if name in module.functions or name in module.constants:
        return module
    if name not in module.imported:
        return None
    homes = [
        each
        for each in modules()
        if (name in each.functions or name in each.constants)
        and _is_within(each, module.imported[name])
    ]
    return homes[0] if len(homes) == 1 else None


def _given(call: ast.Call, function: ast.FunctionDef, scope: _Scope) -> dict[str, list[str]]:
    return {arg: scope.texts(value) for arg, value in _bound(call, function)}


def _bound(call: ast.Call, function: ast.FunctionDef) -> Iterator[tuple[str, ast.expr]]:
    """Arguments of a call by the function's names for them."""
    names = [arg.arg for arg in (*function.args.posonlyargs, *function.args.args)]
    if names[:1] in (["self"], ["cls"]):
        names = names[1:]
    yield from zip(names, call.args, strict=False)
    yield from ((each.arg, each.value) for each in call.keywords if each.arg)


def _arguments(function: ast.FunctionDef) -> list[ast.arg]:
    every = function.args
    return [*every.posonlyargs, *every.args, *every.kwonlyargs]


@cache
def _annotated_text(function: ast.FunctionDef) -> set[str]:
    return {
        arg.arg
        for arg in _arguments(function)
        if arg.annotation is not None and ast.unparse(arg.annotation) in ("str", "str | None")
    }


def _returns_text(function: ast.FunctionDef) -> bool:
    return function.returns is not None and ast.unparse(function.returns) == "str"


def _is_seen(carrier: _Carrier, module: _Module, call: ast.Call) -> bool:
    """Whether a module calls it: it is its own, is imported, or is a method of its room."""
    name = carrier.node.name
    of = _name(call.func.value) if isinstance(call.func, ast.Attribute) else ""
    if of in module.imported and carrier.module.name.endswith(f".{of}"):
        return True
    if carrier.module is module or name.startswith("_"):
        return carrier.module is module
    is_method = {arg.arg for arg in _arguments(carrier.node)[:1]} <= {"self", "cls"}
    if is_method:
        return carrier.module.name.split(".")[0] == module.name.split(".")[0]
    return _is_within(carrier.module, module.imported.get(name))


def _is_within(module: _Module, home: str | None) -> bool:
    """Whether a module is the one that is named, or one in the room that is."""
    return home is not None and f"{module.name}.".startswith(f"{home}." if home else "")


def _name(node: ast.expr) -> str:
    return node.attr if isinstance(node, ast.Attribute) else getattr(node, "id", "")


def _placeholder(node: ast.expr) -> str:
    """A word in capitals for a value: the last name of what makes it."""
    text = ast.unparse(node)
    words = [
        word for word in re.findall(r"[A-Za-z_]+", re.sub(r"'[^']*'", "", text)) if len(word) > 1
    ]
    plain = [word for word in words if word not in _PLAIN_WORDS]
    return (plain or words or ["value"])[-1].strip("_").upper()


_PLAIN_WORDS = {
    "join",
    "len",
    "listed",
    "sorted",
    "map",
    "str",
    "repr",
    "self",
    "for",
    "in",
    "if",
    "else",
    "shortened",
    "removeprefix",
    "strip",
    "name",
    "args",
    "each",
    "text",
    "one",
    "shown",
    "list",
}


def _quoted(text: str) -> str:
    return f"'{text}'"


def _clean(text: str) -> str:
    return " ".join(text.split())
