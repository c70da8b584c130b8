"""Both commands: verbs at once, options from settings, and the same ends of every kind."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from tyro.conf import OmitArgPrefixes, Positional

import sa_helpers.commands
import workshop.__main__
from sa_helpers.commands.options import Count, NumThreads, use_num_threads
from sa_helpers.commands.running import Verb, if_interrupted, run_verb, typed_command

ROOT = Path(__file__).resolve().parent.parent
COMMANDS = {
    "sa-helpers": sa_helpers.commands.VERBS,
    "python -m workshop": workshop.__main__.VERBS,
}
ALL_VERBS = [(program, name) for program, verbs in COMMANDS.items() for name in verbs]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cake:
    """Settings of every kind.

    Args:
        total_kg: How heavy.
    """

    total_kg: float
    num_layers: int = 2
    is_iced: bool = True
    flour: str = "rye"
    sugar_g: float | None = 80.0
    stops_min: tuple[float, ...] = (5.0,)

    def __post_init__(self) -> None:
        if self.num_layers < 1:
            raise ValueError("a cake has layers")


def bake(
    path: Positional[Path],
    *,
    cake: OmitArgPrefixes[Cake],
    num_guests: Count = 3,
    num_threads: NumThreads = None,
) -> None:
    """Bake a cake."""
    del num_guests
    use_num_threads(num_threads)
    baked.append((path, cake, typed_command()))
    if cake.flour == "sand":
        raise ValueError("sand \x1b[2J makes no cake")
    if cake.flour == "patience":
        with if_interrupted("nothing is said twice"), if_interrupted("the same command goes on"):
            raise KeyboardInterrupt
    if cake.flour == "haste":
        raise KeyboardInterrupt


baked: list[tuple[Path, Cake, str]] = []


def run(*words: str) -> int:
    verbs = {"bake": Verb(f"{__name__}:bake", "Bake a cake.")}
    return run_verb("kitchen", "Bake.", verbs, words)


class TestOptions:
    @pytest.fixture(autouse=True)
    def clean(self):
        baked.clear()

    def test_what_is_not_said_is_the_default(self):
        assert run("bake", "shelf", "--total-kg", "1") == 0
        assert baked == [(Path("shelf"), Cake(total_kg=1.0), "kitchen bake shelf --total-kg 1")]

    def test_every_kind_of_setting_arrives(self):
        line = "--total-kg 1 --num-layers 3 --no-is-iced --flour oat --sugar-g None --stops-min 2 4"
        run("bake", *line.split(), "--", "shelf")
        expected = Cake(
            total_kg=1.0,
            num_layers=3,
            is_iced=False,
            flour="oat",
            sugar_g=None,
            stops_min=(2.0, 4.0),
        )
        assert baked[0][1] == expected

    @pytest.mark.parametrize(
        ("line", "said"),
        [
            ("", "--total-kg"),
            ("--total-kg heavy", "--total-kg: could not convert"),
            ("--total-kg 1 --num-layers 1.5", "--num-layers: invalid literal"),
            ("--total-kg 1 --num-layers 0", "a cake has layers"),
            ("--total-kg 1 --num-threads 0", "--num-threads: 0 is below 1"),
            ("--total-kg 1 --num-guests 0", "--num-guests: 0 is below 1"),
            ("--total-kg 1 --num-layer 3", "--num-layers"),
        ],
    )
    def test_what_cannot_be_read_ends_the_command_with_2(self, line, said, capsys):
        with pytest.raises(SystemExit) as caught:
            run("bake", "shelf", *line.split())
        assert caught.value.code == 2
        assert said in " ".join(capsys.readouterr().err.replace("│", "").split())
        assert not baked

    def test_threads_are_set_when_named(self):
        before = torch.get_num_threads()
        try:
            run("bake", "shelf", "--total-kg", "1")
            assert torch.get_num_threads() == before
            run("bake", "shelf", "--total-kg", "1", "--num-threads", str(before + 1))
            assert torch.get_num_threads() == before + 1
        finally:
            torch.set_num_threads(before)


class TestEnds:
    def test_a_refusal_is_one_safe_line_and_1(self, capsys):
        assert run("bake", "shelf", "--total-kg", "1", "--flour", "sand") == 1
        assert capsys.readouterr().err == "error: sand \\x1b[2J makes no cake\n"

    @pytest.mark.parametrize(
        ("flour", "said"),
        [
            ("patience", "interrupted; the same command goes on\n"),
            ("haste", "interrupted; the same command begins anew\n"),
        ],
    )
    def test_an_interruption_is_one_sentence_and_130(self, flour, said, capsys):
        assert run("bake", "shelf", "--total-kg", "1", "--flour", flour) == 130
        assert capsys.readouterr().err == said

    def test_unknown_verbs_and_none_end_with_2(self, capsys):
        assert run("boke") == 2
        assert capsys.readouterr().err == 'error: There is no verb "boke"; did you mean bake?\n'
        assert run("dance") == 2
        assert "`kitchen --help` lists them" in capsys.readouterr().err
        assert run() == 2
        assert "bake  Bake a cake." in capsys.readouterr().out

    @pytest.mark.slow
    def test_a_training_tells_what_the_same_command_will_do(self, tmp_path):
        words = ["finetune", "clay:human", str(tmp_path), "--img-resolution", "8"]
        words += ["--num-images", "8", "--num-evaluation-images", "8", "--total-kimg", "100"]
        words += ["--state-kimg", "0.08", "--batch-size", "8", "--device", "cpu"]
        # A shell lets what runs in its background ignore Ctrl-C, and these tests may run there.
        code = "signal.signal(signal.SIGINT, signal.default_int_handler); sys.exit(main())"
        code = f"import signal, sys; from sa_helpers.commands import main; {code}"
        process = subprocess.Popen(
            [sys.executable, "-c", code, *words],
            cwd=ROOT,
            env={**os.environ, "SA_CACHE_DIR": str(tmp_path / "cache"), "TQDM_DISABLE": "1"},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        while not (tmp_path / "state.pt").exists():
            assert process.poll() is None, "the run ended before it saved a state"
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        said = process.communicate(timeout=300)[1]
        assert process.returncode == 130
        assert said == "interrupted; the same command continues from the last state\n"


class TestVerbs:
    @pytest.mark.parametrize(("program", "name"), ALL_VERBS)
    def test_help_begins_with_the_summary_and_shows_an_example(self, program, name, capsys):
        verb = COMMANDS[program][name]
        with pytest.raises(SystemExit) as caught:
            run_verb(program, "", {name: verb}, [name, "--help"])
        assert caught.value.code == 0
        said = capsys.readouterr().out
        assert said.startswith(f"usage: {program} {name} ")
        assert f"\n\n{verb.summary}\n\n" in said
        assert f"\n  {program} {name} " in said

    @pytest.mark.parametrize("module", ["sa_helpers", "workshop"])
    def test_the_list_of_verbs_comes_without_what_takes_long(self, module):
        code = f"""
import sys
from runpy import run_module
sys.argv = ["{module}", "--help"]
try:
    run_module("{module}", run_name="__main__")
except SystemExit as stop:
    assert stop.code == 0, stop
slow = {{"torch", "numpy", "tyro", "PIL", "scipy"}} & sys.modules.keys()
assert not slow, slow
"""
        command = [sys.executable, "-c", code]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
        verbs = sa_helpers.commands.VERBS if module == "sa_helpers" else workshop.__main__.VERBS
        for name, verb in verbs.items():
            assert f"  {name} " in done.stdout
            assert verb.summary in done.stdout
