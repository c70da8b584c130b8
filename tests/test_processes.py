"""Several processes, as torchrun starts them: equal results, one voice, and a clear end."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import psutil
import pytest
import shared_tasks
import together
import torch

from sa_helpers import images
from sa_helpers.checkpoints import load_model
from sa_helpers.commands import main
from sa_helpers.finetuning.portions import portions
from sa_helpers.networks.discriminator import append_minibatch_std

ROOT = Path(__file__).resolve().parent.parent


def largest_difference(first, second) -> float:
    names = ("generator", "discriminator", "generator_ema")
    return max(
        float((first[name][key] - second[name][key]).abs().max())
        for name in names
        for key in first[name]
    )


class TestPortions:
    @pytest.mark.parametrize(("num_processes", "num_rounds"), [(1, 1), (2, 1), (1, 4), (2, 2)])
    def test_all_images_are_shared_and_groups_stay_together(self, num_processes, num_rounds):
        features = torch.randn(16, 3, 4, 4)
        wanted = append_minibatch_std(features, group_size=4)
        seen = []
        for process in range(num_processes):
            for rows in portions(
                16,
                group_size=4,
                num_processes=num_processes,
                process=process,
                num_rounds=num_rounds,
            ):
                part = append_minibatch_std(features[rows], group_size=4)
                torch.testing.assert_close(part, wanted[rows])
                seen += rows.tolist()
        assert sorted(seen) == list(range(16))

    @pytest.mark.parametrize(("batch_size", "num_processes"), [(8, 4), (12, 2), (2, 2)])
    def test_what_would_divide_a_group_is_refused_with_a_size_that_works(
        self, batch_size, num_processes
    ):
        with pytest.raises(ValueError, match=f"that {4 * num_processes} divides"):
            portions(batch_size, group_size=4, num_processes=num_processes, process=0, num_rounds=1)


@pytest.fixture(scope="module")
def alone():
    return shared_tasks.train(20, 1, {})


@pytest.mark.slow
class TestTraining:
    @pytest.mark.parametrize(("count", "num_rounds"), [(1, 4), (2, 1), (4, 1)])
    def test_weights_do_not_depend_on_who_shares_a_batch(self, alone, count, num_rounds):
        if count == 1:
            results = [shared_tasks.train(20, num_rounds, {})]
        else:
            results = together.run(shared_tasks.train, 20, num_rounds, {}, count=count)
        for result in results:
            assert largest_difference(alone, result) < 1e-5
            assert result["ada_probability"] == alone["ada_probability"] > 0
            assert result["path_length_mean"] == pytest.approx(alone["path_length_mean"], rel=1e-5)
            for report, expected in zip(result["reports"], alone["reports"], strict=True):
                assert report.real_sign == pytest.approx(expected.real_sign)
                assert report.generator_loss == pytest.approx(expected.generator_loss, rel=1e-4)
        for result in results[1:]:
            assert largest_difference(results[0], result) == 0, "processes drift apart"


@pytest.mark.slow
class TestSharing:
    def test_results_come_in_order_and_inside_a_process_counts_as_alone(self):
        told = together.run(shared_tasks.speak, count=2)
        assert told[0][0] == told[1][0]
        assert [item[:2] for item in told[0][0]] == [(i, 1) for i in range(5)]
        assert [item[2] for item in told[0][0]] == [told[i % 2][4] for i in range(5)]
        assert [t[1] for t in told] == [0.5, 0.5]
        assert {t[2] for t in told} == {told[0][4]}
        assert sorted(t[3] for t in told) == [False, True], "one of them says it"

    def test_processes_that_differ_say_in_what(self):
        for said in together.run(shared_tasks.disagree, count=2):
            assert "differ in images: many in process 0, few in process 1" in said

    @pytest.mark.parametrize("task", ["survey", "search", "judge"])
    def test_long_jobs_find_the_same_bytes_in_any_number_of_processes(self, task, monkeypatch):
        monkeypatch.setattr(shared_tasks.quality, "_CHUNK", 4)
        work = getattr(shared_tasks, task)
        expected = together.run(work, count=1)[0]
        for found in together.run(work, count=2):
            assert found == expected


@pytest.fixture
def command(tmp_path) -> list[str]:
    rng = np.random.default_rng(0)
    for i in range(12):
        picture = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
        images.write_image(tmp_path / "data" / f"{i}.png", picture)
    return [
        "finetune", str(tmp_path / "data"), str(tmp_path / "run"), "--img-resolution", "8",
        "--channels", "4", "8", "8", "8", "--total-kimg", "0.8", "--batch-size", "8",
        "--state-kimg", "0.04", "--evaluation-kimg", "0.4", "--num-evaluation-images", "8",
        "--ada-target", "0.3", "--device", "cpu",
    ]  # fmt: skip


def torchrun(count: int, arguments: list[str]) -> subprocess.Popen[str]:
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    return subprocess.Popen(
        [*launch, "--nproc-per-node", str(count), "-m", "sa_helpers", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
    )


@pytest.mark.slow
class TestCommand:
    def test_when_one_is_killed_all_stop_with_a_word_and_another_number_goes_on(
        self, tmp_path, command, capsys
    ):
        launched = torchrun(2, command)
        while not (tmp_path / "run" / "state.pt").exists():
            assert launched.poll() is None, launched.communicate()[0]
            time.sleep(0.01)
        (second,) = (
            process
            for process in psutil.Process(launched.pid).children()
            if process.environ().get("RANK") == "1"
        )
        second.send_signal(signal.SIGKILL)
        said = launched.communicate(timeout=120)[0]
        assert launched.returncode != 0
        assert said.count("the same command continues from the last state") == 1, said
        assert not (tmp_path / "run" / "model.safetensors").exists()

        assert main([*command, "--num-rounds", "2"]) == 0
        out = capsys.readouterr().out
        assert "resumed at kimg" in out
        record = json.loads((tmp_path / "run" / "record.json").read_text())
        assert record["kimg"] == 0.8
        assert [row["kimg"] for row in record["distance"]["curve"]] == [0.0, 0.4, 0.8]
        assert load_model(tmp_path / "run" / "best").record["kimg"] in (0.4, 0.8)

        assert main([*command[:2], str(tmp_path / "whole"), *command[3:]]) == 0
        killed, whole = (
            load_model(tmp_path / name / "model").generator.state_dict()
            for name in ("run", "whole")
        )
        for name, weight in whole.items():  # stored in half precision: a unit of its last digit
            torch.testing.assert_close(killed[name], weight, atol=1e-4, rtol=1e-3)

    def test_a_verb_that_one_process_does_is_refused_by_several(self, monkeypatch, capsys):
        monkeypatch.setenv("TORCHELASTIC_RUN_ID", "test")
        monkeypatch.setenv("WORLD_SIZE", "2")
        assert main(["list"]) == 1
        assert "list runs in one process: call it without torchrun" in capsys.readouterr().err
