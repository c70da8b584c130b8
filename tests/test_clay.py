"""The clay world: distances against closed forms, bytes against seeds, pixels against factors."""

import json
import math
from pathlib import Path

import numpy as np
import pytest

from sa_helpers import clay
from sa_helpers.clay.engine import Scene, Style, rotation
from sa_helpers.clay.engine import primitives as P
from sa_helpers.clay.engine.geometry import frame_along
from sa_helpers.clay.engine.rendering import render_scenes

NUM_SEEDS = 6
GOLDEN = Path(__file__).parent / "fixtures" / "clay_golden.json"
REGION = {name: index for index, name in enumerate(clay.REGIONS)}


@pytest.fixture(scope="module")
def people() -> clay.ClayBatch:
    return clay.render("human", range(NUM_SEEDS), num_threads=1)


def plain_scene() -> Scene:
    scene = Scene(style=Style(occlusion=0.0, shadow=0.0, rim=0.0, shine=0.0))
    scene.set_camera(height=3.0, center_y=0.0, distance=10.0)
    return scene


def drawn(scene: Scene, *, img_resolution: int = 128) -> tuple[np.ndarray, np.ndarray]:
    images, masks = render_scenes([scene], 1, img_resolution=img_resolution)
    return images[0], masks[0]


def distance_to(kind: int, size: list[float], point: tuple[float, float, float]) -> float:
    row = np.zeros(P.ROW_LENGTH, np.float32)
    row[P.AXES : P.AXES + 9] = np.eye(3).ravel()
    row[P.SIZE : P.SIZE + 4] = size
    points = np.array(point, np.float32)[:, None]
    answer = np.empty(1, np.float32)
    P.primitive_distance(row, kind, points, 1, answer)
    return float(answer[0])


@pytest.mark.parametrize(
    ("kind", "size", "point", "expected"),
    [
        (P.ELLIPSOID, [0.5, 0.5, 0.5, 0.0], (0.0, 3.0, 4.0), 4.5),
        (P.ELLIPSOID, [0.5, 0.25, 1.0, 0.0], (0.5, 0.0, 0.0), 0.0),
        (P.CAPSULE, [1.0, 0.2, 0.2, 0.0], (0.5, 0.7, 0.0), 0.3),
        (P.CAPSULE, [1.0, 0.1, 0.3, 0.0], (0.0, 2.0, 0.0), 0.7),
        (P.BOX, [1.0, 1.0, 1.0, 0.1], (4.0, 5.0, 0.0), 5.0 + 0.1 * (math.sqrt(2) - 1)),
        (P.BOX, [1.0, 2.0, 3.0, 0.1], (0.5, 0.0, 0.0), -0.5),
        (P.RING, [2.0, 2.0, 0.25, 0.0], (0.0, 5.0, 4.0), 4.75),
        (P.ROOF, [2.0, 1.0, 5.0, 0.0], (1.0 + math.sqrt(0.5), math.sqrt(0.5), 0.0), 1.0),
        (P.ROOF, [1.0, 1.0, 1.0, 0.0], (0.0, -3.0, 0.0), 2.0),
        (P.ROOF, [1.0, 1.0, 1.0, 0.0], (0.0, 0.0, 3.0), 2.0),
        (P.ROOF, [1.0, 0.5, 1.0, 1.0], (0.0, 0.0, 0.5 + math.sqrt(0.5)), 0.5),
    ],
)
def test_distances_of_primitives_have_their_closed_form(kind, size, point, expected):
    tolerance = 0.05 if kind == P.BOX else 1e-5  # the corner's arc is not what (4, 5) is nearest to
    assert distance_to(kind, size, point) == pytest.approx(expected, abs=tolerance)


def test_smooth_union_of_equal_distances_lies_a_quarter_blend_below():
    total, other = np.float32([0.3, 0.9]), np.float32([0.3, 0.1])
    P.unite(total, other, np.float32(0.2), 2)
    assert total[0] == pytest.approx(0.3 - 0.2 / 4)
    assert total[1] == pytest.approx(0.1)


def test_carving_leaves_the_part_outside():
    total, other = np.float32([-0.5, -0.5]), np.float32([-0.2, 0.9])
    P.carve(total, other, np.float32(0.01), 2)
    assert total == pytest.approx([0.2, -0.5])


def test_a_sphere_covers_the_area_that_perspective_gives():
    scene = plain_scene()
    scene.add_sphere((0, 0, 0), 1.0, colour=(0.8, 0.5, 0.3), region="skin", gloss=0.0)
    _, mask = drawn(scene)
    expected_px = 10.0 * math.tan(math.asin(0.1)) / 1.5 * 64
    radius_px = math.sqrt(np.count_nonzero(mask == REGION["skin"]) / math.pi)
    assert radius_px == pytest.approx(expected_px, abs=0.5)


def test_front_depths_find_a_sphere_in_a_turned_frame():
    scene = plain_scene()
    with scene.frame(rotation(yaw_deg=30.0, pitch_deg=10.0), pivot=(0.3, -0.5, 0.2)):
        scene.add_sphere((0.2, 0.1, 0.4), 0.7)
        depths = scene.front_depths([(0.2, 0.1), (0.5, 0.1), (5.0, 0.1)])
    assert depths[:2] == pytest.approx([1.1, 0.4 + math.sqrt(0.49 - 0.09)], abs=0.004)
    assert np.isnan(depths[2])


def test_a_lit_sphere_is_brightest_towards_the_light():
    scene = plain_scene()
    scene.set_light(azimuth_deg=40.0, elevation_deg=0.0)
    scene.add_sphere((0, 0, 0), 1.0, colour=(0.5, 0.5, 0.5), region="skin", gloss=0.0)
    image, mask = drawn(scene)
    brightness = np.where(mask > 0, image.sum(axis=-1).astype(float), 0.0)
    row = brightness[64]
    expected_px = 64 + math.sin(math.radians(40.0)) / 1.5 * 64
    plateau = np.flatnonzero(row >= row.max() - 2.0)
    assert plateau.mean() == pytest.approx(expected_px, abs=4.0)
    assert brightness[32, 64] == pytest.approx(brightness[95, 64], rel=0.15)


def test_a_caster_darkens_what_lies_behind_it_and_nothing_else():
    def floor(casts: float) -> np.ndarray:
        scene = plain_scene()
        scene.style = Style(occlusion=0.0, rim=0.0, shine=0.0, shadow=1.0)
        scene.set_light(azimuth_deg=-45.0, elevation_deg=0.0)
        scene.add_box((0, 0, -1), (3, 3, 0.1), colour=(0.6, 0.6, 0.6), region="cloth", gloss=0.0)
        scene.start_group()
        scene.add_sphere((0, 0, 0), 0.4, colour=(0.6, 0.6, 0.6), region="skin", casts=casts)
        image, mask = drawn(scene)
        return np.where(mask == REGION["cloth"], image[..., 1].astype(int), 0)

    lighter, darker = floor(0.0), floor(1.0)
    assert lighter[64, 100] - darker[64, 100] > 30
    assert lighter[64, 20] == darker[64, 20]
    assert lighter[10, 100] == darker[10, 100]


def test_paint_changes_colour_and_region_within_its_group_only():
    scene = plain_scene()
    scene.add_sphere((-0.7, 0, 0), 0.5, colour=(0.2, 0.2, 0.8), region="skin", gloss=0.0)
    scene.start_group()
    scene.add_sphere((0.7, 0, 0), 0.5, colour=(0.2, 0.2, 0.8), region="skin", gloss=0.0)
    scene.add_ellipsoid(
        (0, 0, 0.5), (2, 0.2, 0.5), colour=(0.9, 0.1, 0.1), region="mouth", operation=P.PAINT
    )
    image, mask = drawn(scene)
    left, right = (64, int(64 - 0.7 / 1.5 * 64)), (64, int(64 + 0.7 / 1.5 * 64))
    assert (mask[left], mask[right]) == (REGION["skin"], REGION["mouth"])
    assert image[left][2] > image[left][0]
    assert image[right][0] > image[right][2]


def test_an_outline_surrounds_the_silhouette():
    scene = plain_scene()
    scene.style = Style(line_darkness=1.0, line_width=0.05)
    scene.add_sphere((0, 0, 0), 1.0, colour=(0.9, 0.9, 0.9), region="skin")
    image, _ = drawn(scene)
    row = image[64].astype(int).sum(axis=-1)
    edge = 64 + round(10.0 * math.tan(math.asin(0.1)) / 1.5 * 64)
    assert row[edge : edge + 2].min() < 60
    assert row[64] > 400


def test_frames_along_a_line_are_rotations():
    for end in ((0.0, 0.0, 2.0), (1.0, -2.0, 0.5), (0.0, -1.0, 0.0)):
        turn, length = frame_along((0.0, 0.0, 0.0), end)
        assert turn.T @ turn == pytest.approx(np.eye(3), abs=1e-12)
        assert np.linalg.det(turn) == pytest.approx(1.0)
        assert turn[:, 1] * length == pytest.approx(np.array(end))


@pytest.mark.parametrize("domain", clay.domains())
def test_bytes_depend_on_the_seed_alone(domain):
    first = clay.render(domain, [3, 8, 5], img_resolution=64, num_threads=1)
    second = clay.render(domain, [5, 3], img_resolution=64, num_threads=3)
    for name in ("images", "masks"):
        assert np.array_equal(getattr(first, name)[[2, 0]], getattr(second, name))
    assert not np.array_equal(first.images[0], first.images[1])


@pytest.mark.parametrize("domain", clay.domains())
def test_rendering_sampled_factors_is_rendering_the_seed(domain):
    by_seed = clay.render(domain, [11], img_resolution=64)
    by_factors = clay.render_factors(domain, [clay.sample_factors(domain, 11)], img_resolution=64)
    assert np.array_equal(by_seed.images, by_factors.images)
    assert np.array_equal(by_seed.masks, by_factors.masks)
    for name, values in by_seed.factors.items():
        assert values[0] == by_factors.factors[name][0]


def test_resolutions_show_the_same_picture():
    small = clay.render("human", [2], img_resolution=64).images[0].astype(float)
    large = clay.render("human", [2], img_resolution=256).images[0].astype(float)
    averaged = large.reshape(64, 4, 64, 4, 3).mean(axis=(1, 3))
    assert np.abs(averaged - small).mean() < 3.0


def test_people_have_all_their_regions(people):
    for mask, glasses in zip(people.masks, people.factors["glasses"], strict=True):
        seen = {clay.REGIONS[value] for value in np.unique(mask)}
        assert {"background", "skin", "eye", "nose", "mouth", "cloth"} <= seen
        assert ("glasses" in seen) == bool(glasses)
    head = np.isin(people.masks, [REGION[name] for name in ("skin", "nose", "hair", "eye")])
    rows = head.any(axis=2).sum(axis=1) / people.masks.shape[1]
    assert np.all((rows > 0.55) & (rows < 0.98))


@pytest.mark.parametrize("domain", [name for name in clay.domains() if name != "human_right"])
def test_mirrored_factors_give_the_mirrored_bust(domain):
    negated = [spec.name for spec in clay.factor_specs(domain) if spec.mirrored == "negated"]
    chosen = [clay.sample_factors(domain, seed) for seed in range(3)]
    turned = [{k: -v if k in negated else v for k, v in f.items()} for f in chosen]
    straight = clay.render_factors(domain, chosen, img_resolution=64)
    mirrored = clay.render_factors(domain, turned, img_resolution=64)
    assert np.mean(straight.masks != mirrored.masks[:, :, ::-1]) < 0.004
    difference = straight.images.astype(float) - mirrored.images[:, :, ::-1]
    assert np.abs(difference).mean() < 2.5
    assert np.abs(straight.images.astype(float) - straight.images[:, :, ::-1]).mean() > 4.0


def test_a_factor_changes_its_own_place():
    base = clay.sample_factors("human", 4) | {"glasses": False, "lipstick": 0.0, "yaw_deg": 0.0}
    edits = [base, base | {"glasses": True}, base | {"lipstick": 1.0}, base | {"yaw_deg": 30.0}]
    batch = clay.render_factors("human", edits)
    plain, glasses, lipstick, turned = batch.images.astype(int)
    assert np.count_nonzero(batch.masks[0] == REGION["glasses"]) == 0
    assert np.count_nonzero(batch.masks[1] == REGION["glasses"]) > 100
    assert np.abs(glasses - plain)[100:].max() == 0
    changed = np.abs(lipstick - plain).max(axis=-1) > 30
    assert np.mean(batch.masks[0][changed] == REGION["mouth"]) > 0.9
    nose = [np.argwhere(mask == REGION["nose"])[:, 1].mean() for mask in batch.masks[[0, 3]]]
    assert nose[1] - nose[0] > 10.0
    assert np.abs(turned - plain)[:10, :10].max() == 0


@pytest.mark.parametrize("domain", clay.domains())
def test_the_first_images_of_a_domain_stay(domain):
    golden = json.loads(GOLDEN.read_text())[domain]
    batch = clay.render(domain, range(NUM_SEEDS), img_resolution=64)
    assert batch.images.mean(axis=(0, 1, 2)) == pytest.approx(golden["colour"], abs=0.5)
    cells = batch.images.reshape(NUM_SEEDS, 4, 16, 4, 16, 3).mean(axis=(0, 2, 4, 5))
    assert cells == pytest.approx(np.array(golden["brightness"]), abs=0.5)
    shares = {name: float((batch.masks == index).mean()) for name, index in REGION.items()}
    shown = {name: share for name, share in shares.items() if share}
    assert shown == pytest.approx(golden["shares"], abs=0.002)


@pytest.mark.parametrize("domain", clay.domains())
def test_specs_document_what_is_drawn(domain):
    specs = clay.factor_specs(domain)
    samples = [clay.sample_factors(domain, seed) for seed in range(400)]
    names = [spec.name for spec in specs]
    assert all(list(sample) == names for sample in samples)
    for index, spec in enumerate(specs):
        values = [sample[spec.name] for sample in samples]
        assert spec.distribution
        assert spec.kind in ("continuous", "categorical", "binary")
        assert set(spec.correlates) <= set(names[:index]), "a factor depends on earlier ones only"
        if spec.kind == "continuous":
            low, high = spec.values
            assert low <= min(values) < max(values) <= high
        else:
            assert set(values) == set(spec.values)


@pytest.mark.slow
def test_people_have_the_stated_correlations():
    samples = [clay.sample_factors("human", seed) for seed in range(1200)]
    column = {name: np.array([sample[name] for sample in samples]) for name in samples[0]}
    short, dark = column["hair_length"] < 0.45, column["skin_tone"] > 0.5
    assert np.mean(column["beard"][short] > 0) == pytest.approx(0.55, abs=0.06)
    assert np.mean(column["beard"][~short] > 0) == pytest.approx(0.02, abs=0.02)
    assert np.mean(column["lipstick"][~short] > 0) > 0.55 > np.mean(column["lipstick"][short] > 0)
    assert not np.any((column["beard"] > 0) & (column["lipstick"] > 0))
    assert not np.any(np.isin(column["hair_colour"][dark], ["blond", "red"]))
    grey = column["hair_colour"] == "grey"
    assert column["age_years"][grey].min() > 47.0
    assert abs(column["yaw_deg"].mean()) < 1.5
    assert np.mean(np.abs(column["yaw_deg"]) > 25.0) == pytest.approx(0.105, abs=0.03)


def test_unsuitable_requests_say_what_would_suit():
    with pytest.raises(ValueError, match="domain 'goat' is unknown; known are human"):
        clay.render("goat", [0])
    with pytest.raises(ValueError, match="img_resolution is 100; expected a multiple of 8"):
        clay.render("human", [0], img_resolution=100)
    with pytest.raises(ValueError, match="seed is -1"):
        clay.sample_factors("human", -1)
    given = clay.sample_factors("human", 0)
    with pytest.raises(ValueError, match=r"unknown \['horns'\], missing \[\]"):
        clay.render_factors("human", [given | {"horns": 2.0}])
    with pytest.raises(ValueError, match="'smile' of domain 'human' is 3"):
        clay.render_factors("human", [given | {"smile": 3.0}])
    with pytest.raises(ValueError, match="'collar' of domain 'human' is 'ruff'; expected one of"):
        clay.render_factors("human", [given | {"collar": "ruff"}])
    crowded = Scene()
    for _ in range(513):
        crowded.add_sphere((0, 0, 0), 0.1)
    with pytest.raises(ValueError, match="at most 512 fit"):
        crowded.arrays()


def test_kernels_compile_without_a_place_for_the_cache(monkeypatch):
    import numba

    from sa_helpers.clay.engine.kernels import compiled

    genuine = numba.njit

    def without_cache(**options):
        if options.get("cache"):
            raise RuntimeError("cannot cache function: no locator available")
        return genuine(**options)

    monkeypatch.setattr(numba, "njit", without_cache)

    def double(value):
        return value + value

    assert compiled(double)(4.0) == 8.0


def test_a_frame_ends_where_its_block_does_even_by_an_error():
    scene = Scene()
    turn, shift = scene._turn.copy(), scene._shift.copy()
    with pytest.raises(ValueError, match="stop"), scene.frame(rotation(yaw_deg=30.0)):
        raise ValueError("stop")
    np.testing.assert_array_equal(scene._turn, turn)
    np.testing.assert_array_equal(scene._shift, shift)
