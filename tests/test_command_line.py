"""Command lines of settings: what is typed arrives in the dataclass, the rest is as by default."""

import argparse
import dataclasses

import pytest
import torch

from sa_helpers.command_line import (
    add_num_threads,
    add_settings,
    settings_from,
    use_num_threads,
)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Cake:
    """Settings of every kind."""

    total_kg: float
    num_layers: int = 2
    is_iced: bool = True
    flour: str = "rye"
    sugar_g: float | None = 80.0
    stops_min: tuple[float, ...] = (5.0,)

    def __post_init__(self) -> None:
        if self.num_layers < 1:
            raise ValueError("a cake has layers")


def parse(*arguments: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_settings(parser, Cake)
    add_num_threads(parser)
    return parser.parse_args(arguments)


def test_what_is_not_said_is_the_default():
    assert settings_from(parse("--total-kg", "1"), Cake) == Cake(total_kg=1.0)


def test_every_kind_of_setting_arrives():
    line = "--total-kg 1 --num-layers 3 --no-is-iced --flour oat --sugar-g none --stops-min 2 4"
    expected = Cake(
        total_kg=1.0,
        num_layers=3,
        is_iced=False,
        flour="oat",
        sugar_g=None,
        stops_min=(2.0, 4.0),
    )
    assert settings_from(parse(*line.split()), Cake) == expected
    assert settings_from(parse("--total-kg", "1", "--sugar-g", "7.5"), Cake).sugar_g == 7.5
    assert settings_from(parse("--total-kg", "1", "--stops-min"), Cake).stops_min == ()


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("", "required: --total-kg"),
        ("--total-kg heavy", "--total-kg: invalid"),
        ("--total-kg 1 --num-layers 1.5", "--num-layers: invalid"),
        ("--total-kg 1 --num-threads 0", "--num-threads: 0 is below 1"),
    ],
)
def test_what_cannot_be_read_ends_the_command(line, named, capsys):
    with pytest.raises(SystemExit):
        parse(*line.split())
    assert named in capsys.readouterr().err.splitlines()[-1]


def test_settings_refuse_as_they_do_elsewhere():
    with pytest.raises(ValueError, match="a cake has layers"):
        settings_from(parse("--total-kg", "1", "--num-layers", "0"), Cake)


def test_threads_are_set_when_named():
    before = torch.get_num_threads()
    try:
        use_num_threads(parse("--total-kg", "1"))
        assert torch.get_num_threads() == before
        use_num_threads(parse("--total-kg", "1", "--num-threads", str(before + 1)))
        assert torch.get_num_threads() == before + 1
    finally:
        torch.set_num_threads(before)
