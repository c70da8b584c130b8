"""How every command runs: options from annotations, errors in one line, and an end by Ctrl-C.

A command has verbs; each is a function whose arguments become options, and whose docstring becomes
their help. It is imported when it is called, so that the list of verbs comes at once.
"""

import contextlib
import contextvars
import difflib
import functools
import importlib
import io
import os
import re
import shlex
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TextIO

_MISUSED, _INTERRUPTED = 2, 130
_MAX_ERROR = 2000  # letters
REFUSALS = (ValueError, OSError, FloatingPointError)
_typed: contextvars.ContextVar[str] = contextvars.ContextVar("typed", default="")


@dataclass(frozen=True)
class Verb:
    """One verb of a command.

    Attributes:
        function: Where it is, as "module:name".
        summary: One sentence, with which its docstring begins.
        is_shared: Whether several processes can share its work, as torchrun starts them.
    """

    function: str
    summary: str
    is_shared: bool = False

    def load(self, words: Sequence[str]) -> Callable[..., None]:
        """Import it, with the defaults of what is typed.

        They come from a function beside it called `<name>_defaults`, if there is one, which takes
        the words and returns arguments by name.
        """
        module_name, _, name = self.function.partition(":")
        module = importlib.import_module(module_name)
        function: Callable[..., None] = getattr(module, name)
        defaults = getattr(module, f"{name}_defaults", None)
        return functools.partial(function, **defaults(words)) if defaults else function


def run_verb(
    program: str,
    description: str,
    verbs: Mapping[str, Verb],
    arguments: Sequence[str] | None = None,
) -> int:
    """Do what a command line asks.

    Args:
        program: What is typed before the verb.
        description: Said above the list of verbs.
        verbs: By name.
        arguments: None takes those of the process.

    Returns:
        The exit status: 0 done, 1 refused with a message, 2 no such verb, 130 interrupted.

    Raises:
        SystemExit: After the help of a verb (status 0), or of words that it does not take (2).
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or words[0] in ("-h", "--help"):
        print(_overview(program, description, verbs))
        return 0 if words else _MISUSED
    if words[0] not in verbs:
        near = difflib.get_close_matches(words[0], verbs, n=1)
        hint = f"did you mean {near[0]}?" if near else f"`{program} --help` lists them."
        print(f'error: There is no verb "{words[0]}"; {hint}', file=sys.stderr)
        return _MISUSED
    token = _typed.set(shlex.join([*program.split(), *words]))
    try:
        with _together(verbs[words[0]], words[0]):
            _call(verbs[words[0]], f"{program} {words[0]}", words[1:])
    except REFUSALS as error:
        return refuse(error)
    except KeyboardInterrupt as stop:
        _complain(f"interrupted; {str(stop) or 'the same command begins anew'}")
        return _INTERRUPTED
    finally:
        _typed.reset(token)
    return 0


def _overview(program: str, description: str, verbs: Mapping[str, Verb]) -> str:
    width = max(map(len, verbs))
    listed = (f"  {name:<{width}}  {verb.summary}" for name, verb in verbs.items())
    return "\n".join([f"usage: {program} VERB ...", "", description, "", *listed])


def _call(verb: Verb, program: str, words: Sequence[str]) -> None:
    import tyro  # which takes longer than the list of verbs

    config = (tyro.conf.PositionalMetavarFromFieldName,)
    function = verb.load(words)
    if not {"-h", "--help"} & {*words}:
        tyro.cli(function, prog=program, args=words, config=config)
        return
    with contextlib.redirect_stdout(_WithoutNone(sys.stdout)):
        tyro.cli(function, prog=program, args=words, config=config)


class _WithoutNone(io.TextIOBase):
    """Leaves out of a help text that nothing is the default; tyro says so and cannot be told."""

    _NOTHING = re.compile(r"\(default:(?: None)? ?\)")

    def __init__(self, stream: io.TextIOBase | TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        return self._stream.write(self._NOTHING.sub(lambda m: " " * len(m[0]), text))

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._stream.encoding

    def isatty(self) -> bool:
        return self._stream.isatty()


@contextlib.contextmanager
def _together(verb: Verb, name: str) -> Iterator[None]:
    """Join the processes that torchrun started; without it nothing happens, and quickly."""
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        yield
        return
    from sa_helpers import runtime

    if runtime.num_launched() > 1 and not verb.is_shared:
        raise ValueError(f"{name} runs in one process: call it without torchrun.")
    with runtime.joined():
        yield


def typed_command() -> str:
    """The command line that is being run, for records."""
    return _typed.get()


def refuse(error: BaseException) -> int:
    """Print an error, without what a terminal would obey, and return the exit status 1.

    What is printed may contain names and text from files that somebody else made.
    """
    from sa_helpers.runtime import shown

    _complain(f"error: {shown(str(error) or type(error).__name__, max_length=_MAX_ERROR)}")
    return 1


def _complain(line: str) -> None:
    """Print a line; of several processes that stop for one reason, one does."""
    if "TORCHELASTIC_RUN_ID" in os.environ:
        from sa_helpers import runtime

        if not runtime.is_first_to_say(line):
            return
    print(line, file=sys.stderr, flush=True)


@contextlib.contextmanager
def if_interrupted(sentence: str | Callable[[], str]) -> Iterator[None]:
    """Let Ctrl-C, or the loss of another process, end the command with a sentence.

    Args:
        sentence: What the same command will do; a function is asked after the interruption.
    """
    try:
        yield
    except KeyboardInterrupt as stop:
        if stop.args:  # what was interrupted inside has said more already
            raise
        raise KeyboardInterrupt(sentence if isinstance(sentence, str) else sentence()) from None
    except ConnectionError as lost:
        from sa_helpers.runtime import ProcessLostError

        if not isinstance(lost, ProcessLostError):
            raise
        said = sentence if isinstance(sentence, str) else sentence()
        raise ProcessLostError(f"{lost}; {said}") from lost


def say(line: object) -> None:
    """Print a line of progress at once, also into a pipe or a file; the first process does."""
    from sa_helpers.runtime import is_first

    if is_first():
        print(line, flush=True)
