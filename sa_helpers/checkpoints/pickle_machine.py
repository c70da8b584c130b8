"""Read pickles as data: a machine that knows lists, dicts, numbers and text, and nothing else.

A pickle is a program for a small stack machine, and Python's own machine imports and calls whatever
the program names. This one runs the same instructions, but a name only ever stands for a function
of an allow-list, and none of those does more than keep its arguments. Bytes and long texts stay in
the file until somebody reads them.

Memory and time are bounded: every stated length is checked against the file, each instruction is
paid from a budget, calls take few arguments, and keys are texts or moderate integers. What comes
out may still be nested as deep as it has instructions, or refer to itself. So nobody compares,
hashes or shows a part of it before its type is known.

Source: the instructions are documented in Python's `pickletools`.
"""

import pickletools
import struct
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from sa_helpers.checkpoints.budget import Budget
from sa_helpers.checkpoints.errors import CheckpointError
from sa_helpers.checkpoints.file_parts import Span
from sa_helpers.runtime import shown

_MAX_INTEGER_BYTES = 16  # the magic number of torch's files has ten
_MAX_KEY = 1 << 60  # the hashes of larger integers repeat: a dict of those takes quadratic time
_MAX_ARGUMENTS = 10
_CALL_NODES = 4  # what a call costs besides its instruction: it takes longer and keeps more
_LONG_TEXT_BYTES = 1 << 12  # texts from this length on stay in the file
_BLOCK_BYTES = 1 << 16
_MARK = object()
_HINTS = {
    "pg_modules": "It is of a Projected GAN or StyleGAN-XL",
    "feature_networks": "It is of a Projected GAN or StyleGAN-XL",
    "timm": "It is of a Projected GAN or StyleGAN-XL",
    "torch.nn": "A whole model was pickled, as of StyleGAN-XL or by torch.save(net)",
    "model": "A whole model was pickled, as by torch.save(net)",
    "models": "A whole model was pickled, as by torch.save(net)",
    "training": "A whole model was pickled, as by torch.save(net)",
    "tensorflow": "It is of TensorFlow, but not of StyleGAN2",
    "diffusers": "It is of a diffusion model",
    "transformers": "It is of a language or vision model",
    "pytorch_lightning": "It is of PyTorch Lightning",
}

Allowed = Mapping[tuple[str, str], Callable[..., Any]]


@dataclass(frozen=True, eq=False, slots=True)
class Global:
    """A name in a pickle with the harmless function that it stands for here."""

    module: str
    name: str
    make: Callable[..., Any]


@dataclass(eq=False)
class Carried:
    """Stands for an object of a class that formats use: it keeps what it was given, no more.

    Attributes:
        arguments: Of the constructor.
        state: What the pickle would set on the object.
    """

    arguments: tuple[Any, ...] = ()
    state: Any = None

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
        budget: Pays for what the pickles make.
        load_persistent: Makes the object for a persistent id; None refuses them.
    """

    def __init__(
        self,
        span: Span,
        *,
        allowed: Allowed,
        budget: Budget,
        load_persistent: Callable[[Any], Any] | None = None,
    ) -> None:
        """Start at the first byte of the stretch."""
        self._reader = _Reader(span)
        self._path = span.path
        self._allowed = allowed
        self._budget = budget
        self._load_persistent = load_persistent
        self._globals: dict[tuple[str, str], Global] = {}
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
        except _FAULTS as error:
            raise CheckpointError(
                f"{self._path} holds a damaged pickle, between bytes {start} and "
                f"{self.position} ({type(error).__name__}: {shown(error)}). It was cut short or "
                "altered; download it again."
            ) from error
        return result

    def _step(self, instruction: int) -> None:
        self._budget.spend()
        run = _RUN.get(instruction)
        if run is None:
            name = _NAMES.get(instruction, f"byte {instruction:#x}")
            raise CheckpointError(
                f"{self._path} uses the pickle instruction {name}, which no StyleGAN2 checkpoint "
                "of protocol 2 to 5 needs, so nothing of it was run. It was altered, or is of "
                "another kind; download it again, or ask its maker for safetensors."
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
        if length >= _LONG_TEXT_BYTES:
            self._push(StoredText(self._reader.skip(length)))
            return
        self._budget.spend_text(length)
        self._push(self._reader.take(length).decode("utf-8", "surrogatepass"))

    def _short_binbytes(self) -> None:
        self._push_bytes(self._reader.byte())

    def _binbytes(self) -> None:
        self._push_bytes(self._reader.number("<I"))

    def _binbytes8(self) -> None:
        self._push_bytes(self._reader.number("<Q"))

    def _push_bytes(self, length: int) -> None:
        self._push(self._reader.skip(length))

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
            raise ValueError(f"appending to {type(target).__name__}")
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
            raise ValueError(f"setting items of {type(target).__name__}")
        if len(items) % 2:
            raise ValueError("a key without a value")
        for key, value in zip(items[::2], items[1::2], strict=True):
            is_integer = type(key) is int and abs(key) < _MAX_KEY
            if not is_integer and type(key) is not str:  # hashing nested tuples can take for ever
                raise ValueError(f"a key that is an odd {type(key).__name__}")
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
            raise ValueError(f"a global named by {type(module).__name__}, {type(name).__name__}")
        found = self._globals.get((module, name))
        if found is None:
            found = Global(module, name, self._meaning(module, name))
            self._globals[module, name] = found
        self._push(found)

    def _meaning(self, module: str, name: str) -> Callable[..., Any]:
        if (module, name) in self._allowed:
            return self._allowed[module, name]
        hints = [hint for start, hint in _HINTS.items() if f"{module}.".startswith(f"{start}.")]
        hint = f" {hints[0]}; this book reads StyleGAN2 alone, as weights." if hints else ""
        raise CheckpointError(
            f"{self._path} wants to use {shown(f'{module}.{name}')}, which no StyleGAN2 "
            f"checkpoint needs, so the file was refused and nothing was run.{hint} If you did not "
            "expect that, delete it; if you trust its maker, ask for a state dict or safetensors."
        )

    def _reduce(self) -> None:
        self._call()

    def _newobj(self) -> None:
        self._call()

    def _call(self) -> None:
        arguments, called = self._stack.pop(), self._stack.pop()
        if not isinstance(called, Global) or not isinstance(arguments, tuple):
            raise ValueError(f"calling {type(called).__name__} with {type(arguments).__name__}")
        if len(arguments) > _MAX_ARGUMENTS:  # each call would keep a copy of them
            raise ValueError(f"calling {called.name} with {len(arguments)} arguments")
        self._budget.spend(_CALL_NODES)
        self._push(called.make(*arguments))

    def _build(self) -> None:
        state, target = self._stack.pop(), self._stack[-1]
        if isinstance(target, Carried):
            target.state = state
        elif type(target) is not dict:  # the attributes of dictionaries say nothing of weights
            raise ValueError(f"setting the state of {type(target).__name__}")

    def _binpersid(self) -> None:
        if self._load_persistent is None:
            raise CheckpointError(
                f"{self._path} refers to numbers outside of it: it is the data.pkl from inside a "
                ".pt, whose weights lie beside it in that archive. Give the .pt itself, or zip its "
                "folder again, uncompressed."
            )
        self._push(self._load_persistent(self._stack.pop()))


@dataclass(frozen=True, slots=True)
class StoredText:
    """A long text, which stays in the file.

    Attributes:
        span: Its bytes, in UTF-8.
    """

    span: Span


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
        index = self.position - self._block_start
        if 0 <= index < len(self._block):  # the usual case, without the calls of the others
            self.position += 1
            return self._block[index]
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
# What instructions raise where they do not fit together.
_FAULTS = (EOFError, IndexError, KeyError, ValueError)
_STOP = next(code for code, name in _NAMES.items() if name == "STOP")
