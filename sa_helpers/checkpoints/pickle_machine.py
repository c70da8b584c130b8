"""Read pickles as data: a machine that knows lists, dicts, numbers and text, and nothing else.

A pickle is a program for a small stack machine, and Python's own machine imports and calls whatever
the program names. This one runs the same instructions, but a name only ever stands for a function
of an allow-list, and none of those does more than keep its arguments. Long byte strings stay in the
file until somebody reads them.

Memory is bounded by the size of the file: every stated length is checked against it, no allowed
function copies its arguments, and the number of instructions is limited.

Source: the instructions are documented in Python's `pickletools`.
"""

import pickletools
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sa_helpers.checkpoints.errors import CheckpointError
from sa_helpers.checkpoints.spans import Span
from sa_helpers.runtime import FILE_FAULTS

MAX_INSTRUCTIONS = 500_000  # the largest published checkpoints need about a fifth of that
_MAX_TEXT_BYTES = 1 << 26
_MAX_INTEGER_BYTES = 256
_LAZY_BYTES = 1 << 12  # byte strings from this length on stay in the file
_BLOCK_BYTES = 1 << 16
_MARK = object()
_KEYS = (str, int, float, bytes, bool, type(None))

Allowed = Mapping[tuple[str, str], Callable[..., Any]]


@dataclass(frozen=True)
class Global:
    """A name in a pickle with the harmless function that it stands for here."""

    module: str
    name: str
    make: Callable[..., Any]


@dataclass
class Carried:
    """Stands for an object of a class that formats use: it keeps what it was given, no more.

    Attributes:
        arguments: Of the constructor.
        state: What the pickle would set on the object.
    """

    arguments: tuple[Any, ...] = ()
    state: Any = field(default_factory=dict)

    @classmethod
    def make(cls, *arguments: Any) -> "Carried":
        """Stand for a call of the class."""
        return cls(arguments)


def carried_dict(*arguments: Any) -> dict[Any, Any]:
    """Stand for the constructor of a dictionary, which pickles call without arguments.

    Raises:
        ValueError: There are arguments; copying them could fill the memory.
    """
    if arguments:
        raise ValueError("a dictionary with constructor arguments")
    return {}


class PickleMachine:
    """Runs one pickle after the other from a stretch of a file.

    Args:
        span: Where the pickles are.
        allowed: (module, name) to what stands for it.
        load_persistent: Makes the object for a persistent id; None refuses them.
    """

    def __init__(
        self,
        span: Span,
        *,
        allowed: Allowed,
        load_persistent: Callable[[Any], Any] | None = None,
    ) -> None:
        """Start at the first byte of the stretch."""
        self._reader = _Reader(span)
        self._path = span.path
        self._allowed = allowed
        self._load_persistent = load_persistent
        self._num_left = MAX_INSTRUCTIONS
        self._stack: list[Any] = []
        self._memo: dict[int, Any] = {}

    @property
    def position(self) -> int:
        """Offset, in the stretch, of the first byte after what was read."""
        return self._reader.position

    def load(self) -> Any:
        """Run up to the end of one pickle and return its object.

        Raises:
            CheckpointError: The pickle names what is not allowed, is damaged, or is too long.
        """
        self._stack, self._memo = [], {}
        start = self.position
        try:
            while (instruction := self._reader.byte()) != _STOP:
                self._step(instruction)
            (result,) = self._stack
        except CheckpointError:
            raise
        except FILE_FAULTS as error:
            raise CheckpointError(
                f"{self._path} holds a damaged pickle ({type(error).__name__}: {error}, between "
                f"bytes {start} and {self.position}). It was cut short or altered; download it "
                "again."
            ) from error
        return result

    def _step(self, instruction: int) -> None:
        self._num_left -= 1
        if self._num_left < 0:
            raise CheckpointError(
                f"{self._path} holds a pickle of more than {MAX_INSTRUCTIONS} instructions, more "
                "than any StyleGAN2 checkpoint needs. It is something else, or made to do harm."
            )
        run = _RUN.get(instruction)
        if run is None:
            name = _NAMES.get(instruction, f"byte {instruction:#x}")
            raise CheckpointError(
                f"{self._path} uses the pickle instruction {name}, which no StyleGAN2 checkpoint "
                "of protocol 2 to 5 needs, so nothing of it was run. Ask for the safetensors."
            )
        run(self)

    def _push(self, value: Any) -> None:
        self._stack.append(value)

    def _pop_to_mark(self) -> list[Any]:
        items = []
        while (item := self._stack.pop()) is not _MARK:
            items.append(item)
        return items[::-1]

    # Numbers, text and bytes.

    def _proto(self) -> None:
        version = self._reader.byte()
        if not 2 <= version <= 5:
            raise CheckpointError(
                f"{self._path} is a pickle of protocol {version}; 2 to 5 are read. Load it where "
                "it was made, if you trust it, and pickle it again with protocol 4."
            )

    def _frame(self) -> None:
        self._reader.number("<Q")

    def _none(self) -> None:
        self._push(None)

    def _newtrue(self) -> None:
        self._push(True)

    def _newfalse(self) -> None:
        self._push(False)

    def _binint(self) -> None:
        self._push(self._reader.number("<i"))

    def _binint1(self) -> None:
        self._push(self._reader.byte())

    def _binint2(self) -> None:
        self._push(self._reader.number("<H"))

    def _binfloat(self) -> None:
        self._push(self._reader.number(">d"))

    def _long1(self) -> None:
        self._push_long(self._reader.byte())

    def _long4(self) -> None:
        self._push_long(self._reader.number("<i"))

    def _push_long(self, length: int) -> None:
        if not 0 <= length <= _MAX_INTEGER_BYTES:
            raise ValueError(f"an integer of {length} bytes")
        self._push(int.from_bytes(self._reader.take(length), "little", signed=True))

    def _short_binunicode(self) -> None:
        self._push_text(self._reader.byte())

    def _binunicode(self) -> None:
        self._push_text(self._reader.number("<I"))

    def _binunicode8(self) -> None:
        self._push_text(self._reader.number("<Q"))

    def _push_text(self, length: int) -> None:
        if length > _MAX_TEXT_BYTES:
            raise ValueError(f"a text of {length} bytes")
        self._push(self._reader.take(length).decode("utf-8", "surrogatepass"))

    def _short_binbytes(self) -> None:
        self._push_bytes(self._reader.byte())

    def _binbytes(self) -> None:
        self._push_bytes(self._reader.number("<I"))

    def _binbytes8(self) -> None:
        self._push_bytes(self._reader.number("<Q"))

    def _push_bytes(self, length: int) -> None:
        is_short = length < _LAZY_BYTES
        self._push(self._reader.take(length) if is_short else self._reader.skip(length))

    # Containers.

    def _mark(self) -> None:
        self._push(_MARK)

    def _pop(self) -> None:
        self._stack.pop()

    def _pop_mark(self) -> None:
        self._pop_to_mark()

    def _empty_tuple(self) -> None:
        self._push(())

    def _tuple1(self) -> None:
        self._push_tuple(1)

    def _tuple2(self) -> None:
        self._push_tuple(2)

    def _tuple3(self) -> None:
        self._push_tuple(3)

    def _push_tuple(self, length: int) -> None:
        if len(self._stack) < length:
            raise IndexError("the stack is too short for a tuple")
        items = tuple(self._stack[-length:])
        self._stack[-length:] = [items]

    def _tuple(self) -> None:
        self._push(tuple(self._pop_to_mark()))

    def _empty_list(self) -> None:
        self._push([])

    def _append(self) -> None:
        item = self._stack.pop()
        self._extend([item])

    def _appends(self) -> None:
        self._extend(self._pop_to_mark())

    def _extend(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if type(target) is not list:
            raise TypeError(f"appending to {type(target).__name__}")
        target.extend(items)

    def _empty_dict(self) -> None:
        self._push({})

    def _setitem(self) -> None:
        value, key = self._stack.pop(), self._stack.pop()
        self._update([key, value])

    def _setitems(self) -> None:
        self._update(self._pop_to_mark())

    def _update(self, items: list[Any]) -> None:
        target = self._stack[-1]
        if type(target) is not dict:
            raise TypeError(f"setting items of {type(target).__name__}")
        if len(items) % 2:
            raise ValueError("a key without a value")
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, _KEYS):  # hashing nested tuples can take forever
                raise TypeError(f"a key of type {type(key).__name__}")
            target[key] = value

    # A set is kept as the list of its items, which need not be hashed then.

    def _empty_set(self) -> None:
        self._push([])

    def _additems(self) -> None:
        self._extend(self._pop_to_mark())

    # Memory.

    def _memoize(self) -> None:
        self._memo[len(self._memo)] = self._stack[-1]

    def _binput(self) -> None:
        self._memo[self._reader.byte()] = self._stack[-1]

    def _long_binput(self) -> None:
        self._memo[self._reader.number("<I")] = self._stack[-1]

    def _binget(self) -> None:
        self._push(self._memo[self._reader.byte()])

    def _long_binget(self) -> None:
        self._push(self._memo[self._reader.number("<I")])

    # Objects: the only place where anything is called, and only what is on the list.

    def _global(self) -> None:
        self._push_global(self._reader.line(), self._reader.line())

    def _stack_global(self) -> None:
        name, module = self._stack.pop(), self._stack.pop()
        self._push_global(module, name)

    def _push_global(self, module: Any, name: Any) -> None:
        if type(module) is not str or type(name) is not str:  # str() of what is nested can be long
            raise TypeError(f"a global named by {type(module).__name__}, {type(name).__name__}")
        make = self._allowed.get((module, name))
        if make is None:
            raise CheckpointError(
                f"{self._path} wants to use {module[:80]}.{name[:80]}, which no "
                "StyleGAN2 checkpoint needs, so the file was refused and nothing was run. If you "
                "did not expect that, delete it; if you trust its maker, ask for safetensors."
            )
        self._push(Global(module, name, make))

    def _reduce(self) -> None:
        self._call()

    def _newobj(self) -> None:
        self._call()

    def _call(self) -> None:
        arguments, called = self._stack.pop(), self._stack.pop()
        if not isinstance(called, Global) or not isinstance(arguments, tuple):
            raise TypeError(f"calling {type(called).__name__} with {type(arguments).__name__}")
        self._push(called.make(*arguments))

    def _build(self) -> None:
        state, target = self._stack.pop(), self._stack[-1]
        if isinstance(target, Carried):
            target.state = state
        elif type(target) is not dict:  # the attributes of dictionaries say nothing of weights
            raise TypeError(f"setting the state of {type(target).__name__}")

    def _binpersid(self) -> None:
        if self._load_persistent is None:
            raise CheckpointError(
                f"{self._path} refers to objects outside of it (a persistent id), which its format "
                "never does. It is of another kind, or altered; download it again."
            )
        self._push(self._load_persistent(self._stack.pop()))


class _Reader:
    """Reads a span in order, a block at a time."""

    def __init__(self, span: Span) -> None:
        self._span = span
        self._block, self._block_start = b"", 0
        self.position = 0

    def take(self, length: int) -> bytes:
        start = self.position - self._block_start
        if start < 0 or start + length > len(self._block):
            self._check(length)
            size = min(max(length, _BLOCK_BYTES), self._span.length - self.position)
            self._block = self._span.part(self.position, size).read()
            self._block_start, start = self.position, 0
        self.position += length
        return self._block[start : start + length]

    def skip(self, length: int) -> Span:
        self._check(length)
        skipped = self._span.part(self.position, length)
        self.position += length
        return skipped

    def byte(self) -> int:
        return self.take(1)[0]

    def number(self, form: str) -> Any:
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def line(self) -> str:
        content = bytearray()
        while (byte := self.byte()) != 10:
            content.append(byte)
            if len(content) > 1000:
                raise ValueError("a name of more than 1000 bytes")
        return content.decode()

    def _check(self, length: int) -> None:
        left = self._span.length - self.position
        if length > left:
            raise EOFError(f"{length} bytes are announced and {left} are left")


_NAMES = {ord(opcode.code): opcode.name for opcode in pickletools.opcodes}
_RUN: dict[int, Callable[[PickleMachine], None]] = {
    code: method
    for code, name in _NAMES.items()
    if (method := vars(PickleMachine).get(f"_{name.lower()}")) is not None
}
_STOP = next(code for code, name in _NAMES.items() if name == "STOP")
