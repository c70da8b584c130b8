"""What a device has to do as the CPU does it: parity, determinism, memory, compiled graphs.

The same checks run on the CPU, so that their code is exercised, and on a GPU where there is one.
What is compiled runs in a process of its own, as the checks of shapes that tests install cannot be
traced.
"""

import contextlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from sa_helpers.datasets import TrainingImages
from sa_helpers.finetuning import Trainer, TrainingSettings, new_networks
from sa_helpers.latents import images_from_seeds, images_from_w_plus, w_plus_from_seeds
from sa_helpers.runtime import arithmetic, forget_peak, peak_bytes, wait_for

ROOT = Path(__file__).resolve().parent.parent
CHANNELS = {4: 12, 8: 12, 16: 8}
MAX_DISTANCE = 0.01  # root mean square, as a share of the largest value


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.cuda)])
def device(request):
    if request.param == "cuda" and not torch.cuda.is_available():
        pytest.skip("There is no GPU of NVIDIA in this machine, so CUDA is not tested.")
    return torch.device(request.param)


def make_networks():
    return new_networks(
        img_resolution=16, seed=0, channels=CHANNELS, latent_dim=8, num_mapping_layers=2
    )


def trained_weights(device, *, num_steps=2):
    generator, discriminator = make_networks()
    array = np.random.default_rng(0).integers(0, 256, (8, 16, 16, 3), dtype=np.uint8)
    trainer = Trainer(
        generator=generator,
        discriminator=discriminator,
        data=TrainingImages(array, {"kind": "noise"}),
        settings=TrainingSettings(total_kimg=1, batch_size=4),
        device=device,
        dtype=torch.float32,
    )
    for _ in range(num_steps):
        trainer.step()
    return {name: value.cpu() for name, value in trainer.generator.state_dict().items()}


def test_float32_gives_the_images_of_the_cpu(device):
    generator, _ = make_networks()
    reference = images_from_seeds(generator, range(3), truncation_psi=0.7)
    with arithmetic(is_exact=True):
        found = images_from_seeds(generator.to(device), range(3), truncation_psi=0.7)
    torch.testing.assert_close(found, reference, rtol=0, atol=1e-4 * float(reference.abs().max()))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_images_in_16_bits_are_near_those_in_32(device, dtype):
    generator = make_networks()[0].to(device)
    exact, rounded = (
        images_from_seeds(generator, range(3), truncation_psi=0.7, dtype=kind)
        for kind in (torch.float32, dtype)
    )
    distance = (rounded - exact).square().mean().sqrt() / exact.abs().max()
    assert 0 < distance < MAX_DISTANCE


def test_training_takes_the_same_steps_as_on_the_cpu(device):
    with arithmetic(is_exact=True):
        reference, found = (trained_weights(place) for place in (torch.device("cpu"), device))
    for name, values in reference.items():
        torch.testing.assert_close(found[name], values, rtol=0, atol=1e-4, msg=name)


def test_equal_seeds_give_equal_bits(device):
    generator = make_networks()[0].to(device)
    with arithmetic(is_exact=True):
        one, two = (images_from_seeds(generator, range(3), truncation_psi=0.7) for _ in range(2))
        first, second = (trained_weights(device) for _ in range(2))
    assert torch.equal(one, two)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_many_images_take_no_more_memory_than_some(device):
    generator, peaks = make_networks()[0].to(device), []
    w_plus = w_plus_from_seeds(generator, range(64), truncation_psi=0.7)
    for count in (16, 64):
        forget_peak(device)
        assert len(images_from_w_plus(generator, w_plus[:count])) == count
        wait_for(device)
        peaks.append(peak_bytes(device))
    if device.type == "cpu":
        assert peaks == [None, None], "nobody counts there"
    else:
        assert peaks[1] < 1.1 * peaks[0]


def test_arithmetic_is_put_back_after_an_error():
    kept = torch.backends.cudnn.allow_tf32, torch.backends.cudnn.deterministic
    with contextlib.suppress(ValueError), arithmetic(is_exact=True):
        assert not torch.backends.cudnn.allow_tf32
        assert torch.backends.cudnn.deterministic
        raise ValueError
    assert (torch.backends.cudnn.allow_tf32, torch.backends.cudnn.deterministic) == kept


_COMPILED = """
import sys
import torch
from sa_helpers.finetuning import new_networks
from sa_helpers.latents import w_plus_from_seeds
from sa_helpers.networks import CompiledSynthesis
from sa_helpers.runtime import arithmetic

device, backend = torch.device(sys.argv[1]), sys.argv[2]
channels = {4: 12, 8: 12, 16: 8}
generator, _ = new_networks(img_resolution=16, seed=0, channels=channels, latent_dim=8)
generator = generator.to(device).requires_grad_(False)
w_plus = w_plus_from_seeds(generator, range(5), truncation_psi=0.7)
draw = CompiledSynthesis(generator, batch_size=3, backend=backend)
with torch.inference_mode(), arithmetic(is_exact=True):
    expected = generator.synthesis(w_plus)
    limit = 1e-4 * float(expected.abs().max())
    first = draw(w_plus)
    kept = first.clone()
    torch.testing.assert_close(first, expected, rtol=0, atol=limit)
    torch.testing.assert_close(draw(w_plus[1:]), expected[1:], rtol=0, atol=limit)
    assert torch.equal(first, kept), "a later call wrote into the images of an earlier one"
assert torch._dynamo.utils.counters["stats"]["unique_graphs"] == 1, "compiled more than once"
"""


@pytest.mark.slow
def test_a_compiled_generator_draws_the_same(device):
    backend = "inductor" if device.type == "cuda" else "eager"
    command = [sys.executable, "-c", _COMPILED, device.type, backend]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_the_proof_runs_in_toy_size(device, tmp_path):
    backend = "inductor" if device.type == "cuda" else "eager"
    command = [sys.executable, "benchmarks/prove_cuda.py", "--toy", "--device", device.type]
    command += ["--backend", backend, "--out", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((tmp_path / "proof.json").read_text())
    assert report["parity"]["holds"]
    assert report["step_parity"]["holds"]
    assert all(row["images_per_sec"] > 0 for row in report["rows"] if not row["note"])
    rows = {(row["task"], row["way"]): row for row in report["rows"]}
    assert rows["inference", "float32"]["speed_up"] == 1.0
    assert rows["training", "bfloat16"]["share_of_peak"] > 0
    assert "| inference | 16 | float32, compiled |" in (tmp_path / "proof.md").read_text()
