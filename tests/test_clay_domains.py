"""The domains beside people: reproducible, mirrored fairly, and masks follow the factors."""

from typing import Any

import numpy as np
import pytest

from sa_helpers.clay import (
    REGIONS,
    domains,
    factor_specs,
    render,
    render_factors,
    sample_factors,
)
from sa_helpers.clay.dog.bust import disc_width, ear_angle
from sa_helpers.clay.engine import POSE, STAGE
from sa_helpers.clay.engine.painting import even_wave, patches, wave

# Domains that draw a factor from another law than the one they were made from.
OTHER_LAWS = {
    "dog_one_side": {"yaw_deg"},
    "dog_background": {"background_hue_deg", "background_saturation", "background_value"},
}
CHILDREN = tuple(name for name in domains() if name != "human")
SHIFTED = {"human_right": (0, 15), "human_down": (15, 0)}  # pixels down and right at SIZE
SYMMETRICAL = tuple(name for name in CHILDREN if name != "human_right")
WITH_FACES = ("dog", "toon", "cat", "wild")
SIZE = 64
BUST = set(REGIONS[: REGIONS.index("glasses") + 1])
FACE = ("skin", "eye", "nose", "cloth")
ALWAYS = {
    **dict.fromkeys(WITH_FACES, FACE),
    "church": ("sky", "ground", "tower"),
    "portrait": ("skin", "eye", "nose", "cloth"),
    "bedroom": ("wall", "floor", "bed", "pillow", "blanket"),
}
SEEN = {
    "dog": BUST - {"hair", "glasses"},
    "toon": BUST,
    "cat": BUST - {"brow", "glasses"},
    "wild": BUST - {"brow", "glasses"},
    "church": {"sky", "ground", "tree", "wall", "roof", "tower", "window", "door"},
    "portrait": BUST - {"glasses"} | {"hat"},
    "bedroom": {
        "wall",
        "floor",
        "bed",
        "pillow",
        "blanket",
        "furniture",
        "lamp",
        "picture",
        "rug",
        "window",
    },
}
FRONTAL = {"yaw_deg": 0.0, "pitch_deg": 0.0}


def _masks(domain: str, seed: int, changes: list[dict[str, Any]]) -> np.ndarray:
    given = [{**sample_factors(domain, seed), **FRONTAL, **change} for change in changes]
    return render_factors(domain, given, img_resolution=SIZE).masks


def _area(mask: np.ndarray, region: str) -> int:
    return int((mask == REGIONS.index(region)).sum())


def _mean_row(mask: np.ndarray, region: str) -> float:
    return float(np.nonzero(mask == REGIONS.index(region))[0].mean())


def test_children_are_registered() -> None:
    assert {"human", "toon", "dog", "cat", "wild", "church", "portrait", "bedroom"} <= set(
        domains()
    )


@pytest.mark.parametrize("domain", CHILDREN)
def test_a_seed_gives_the_same_bytes_in_any_batch(domain: str) -> None:
    together = render(domain, [5, 6, 7], img_resolution=SIZE)
    alone = render(domain, [6], img_resolution=SIZE, num_threads=1)
    np.testing.assert_array_equal(together.images[1], alone.images[0])
    np.testing.assert_array_equal(together.masks[1], alone.masks[0])
    assert {name: values[1] for name, values in together.factors.items()} == sample_factors(
        domain, 6
    )


@pytest.mark.parametrize("domain", SYMMETRICAL)
def test_negated_factors_give_the_mirrored_bust(domain: str) -> None:
    signed = [spec.name for spec in factor_specs(domain) if spec.mirrored == "negated"]
    given = [sample_factors(domain, seed) for seed in range(6)]
    mirrored = [{**one, **{name: -one[name] for name in signed}} for one in given]
    batch = render_factors(domain, given, img_resolution=SIZE)
    other = render_factors(domain, mirrored, img_resolution=SIZE)
    gap = np.abs(batch.images.astype(int) - other.images[:, :, ::-1])
    # Normals are differences along a tetrahedron, which has no mirror: creases differ a little.
    assert gap.mean() < 1.0
    assert (gap > 32).mean() < 0.002
    assert (batch.masks != other.masks[:, :, ::-1]).mean() < 0.002


@pytest.mark.parametrize("domain", CHILDREN)
def test_signed_factors_are_drawn_symmetrically(domain: str) -> None:
    drawn = [sample_factors(domain, seed) for seed in range(300)]
    for spec in factor_specs(domain):
        if spec.mirrored != "negated" or spec.name in OTHER_LAWS.get(domain, ()):
            continue
        values = np.array([one[spec.name] for one in drawn])
        assert spec.values[0] == -spec.values[1]
        assert abs(values.mean()) < 4.0 * values.std() / np.sqrt(len(values)), spec.name


@pytest.mark.slow
@pytest.mark.parametrize("domain", CHILDREN)
def test_every_category_occurs_and_every_value_is_in_its_range(domain: str) -> None:
    drawn = [sample_factors(domain, seed) for seed in range(600)]
    for spec in factor_specs(domain):
        values = [one[spec.name] for one in drawn]
        if spec.kind == "continuous":
            assert spec.values[0] <= min(values) < max(values) <= spec.values[1], spec.name
        else:
            assert set(values) == set(spec.values), spec.name
        assert spec.distribution, spec.name
        assert set(spec.correlates) <= {other.name for other in factor_specs(domain)}


def test_pose_and_light_come_from_the_same_families_as_in_human() -> None:
    human = {spec.name: spec for spec in factor_specs("human")}
    for spec in (*POSE, *STAGE):
        parent = human[spec.name]
        assert (spec.values, spec.unit, spec.mirrored, spec.distribution) == (
            parent.values, parent.unit, parent.mirrored, parent.distribution,
        )  # fmt: skip


@pytest.mark.parametrize("domain", [name for name in CHILDREN if name != "dog_one_side"])
def test_every_domain_turns_as_people_turn(domain: str) -> None:
    (yaw,) = (spec for spec in factor_specs(domain) if spec.name == "yaw_deg")
    assert (yaw.values, yaw.distribution) == (POSE[0].values, POSE[0].distribution)


@pytest.mark.slow
def test_domains_draw_independently() -> None:
    yaws = {
        domain: [sample_factors(domain, seed)["yaw_deg"] for seed in range(500)]
        for domain in ("human", *CHILDREN)
    }
    correlation = np.corrcoef(list(yaws.values()))
    assert np.abs(correlation[np.triu_indices(len(yaws), 1)]).max() < 4.0 / np.sqrt(500)


@pytest.mark.parametrize("domain", WITH_FACES)
def test_eyes_are_where_human_eyes_are(domain: str) -> None:
    rows = {}
    for name in ("human", domain):
        given = [{**sample_factors(name, seed), **FRONTAL, "gaze_y": 0.0} for seed in range(6)]
        masks = render_factors(name, given, img_resolution=SIZE).masks
        rows[name] = np.mean([_mean_row(mask, "eye") for mask in masks])
    assert rows[domain] == pytest.approx(rows["human"], abs=0.05 * SIZE)


@pytest.mark.parametrize("domain", SEEN)
def test_masks_hold_the_regions_of_the_domain(domain: str) -> None:
    masks = render(domain, range(24), img_resolution=SIZE).masks
    assert {REGIONS[index] for index in np.unique(masks)} == SEEN[domain]
    # A beard over a scarf hides the neck; nothing else ever disappears.
    for mask in masks:
        assert min(_area(mask, name) for name in ALWAYS[domain]) > 0


def test_pricked_ears_stand_up_and_hanging_ears_hang() -> None:
    droops = [{"ear_droop": droop} for droop in (0.0, 0.4, 1.0)]
    rows = [_mean_row(mask, "ear") for mask in _masks("dog", 3, droops)]
    assert rows[0] + 0.03 * SIZE < rows[1] < rows[2] - 0.05 * SIZE


def test_an_ear_bends_from_upright_to_straight_down() -> None:
    assert np.degrees(ear_angle(0.0, 1.0)) == pytest.approx(14.0)
    assert np.degrees(ear_angle(1.0, 1.0)) == pytest.approx(182.0)
    assert disc_width(0.0, 1.0) == pytest.approx(0.06)  # a pricked ear ends in a point


def test_a_longer_tongue_covers_more() -> None:
    lengths = [{"mouth_open": 0.5, "tongue": length} for length in (0.0, 0.4, 1.0)]
    areas = [_area(mask, "mouth") for mask in _masks("dog", 3, lengths)]
    assert areas[0] < areas[1] < areas[2]


def test_a_dogs_gaze_and_pattern_change_pixels_but_no_region() -> None:
    changes = [
        {"fur_colour": "rust", "pattern": "blaze", "gaze_x": 0.0},
        {"fur_colour": "rust", "pattern": "mask", "gaze_x": 0.0},
        {"fur_colour": "rust", "pattern": "blaze", "gaze_x": 0.8},
    ]
    given = [{**sample_factors("dog", 3), **FRONTAL, **change} for change in changes]
    batch = render_factors("dog", given, img_resolution=SIZE)
    for other in (1, 2):
        np.testing.assert_array_equal(batch.masks[0], batch.masks[other])
        assert (batch.images[0] != batch.images[other]).any()


@pytest.mark.parametrize("domain", ["dog", "cat"])
def test_a_collar_adds_cloth(domain: str) -> None:
    bare, collared = _masks(domain, 3, [{"collar": False}, {"collar": True}])
    assert _area(collared, "cloth") > _area(bare, "cloth") + 0.005 * SIZE**2


def test_a_cats_pupils_widen_and_its_coat_is_only_colour() -> None:
    changes = [{"pupil": 0.0}, {"pupil": 1.0}, {"coat": "calico", "fur_colour": "white"}]
    given = [{**sample_factors("cat", 0), **FRONTAL, **change} for change in changes]
    batch = render_factors("cat", given, img_resolution=SIZE)
    eye = batch.masks[0] == REGIONS.index("eye")
    dark = [int((image[eye].max(axis=-1) < 60).sum()) for image in batch.images[:2]]
    assert dark[1] > dark[0]
    np.testing.assert_array_equal(batch.masks[0], batch.masks[2])


def test_a_lion_has_a_mane_and_a_lioness_has_none() -> None:
    lion = {"species": "lion"}
    bare, maned = _masks("wild", 3, [{**lion, "mane": 0.0}, {**lion, "mane": 1.0}])
    assert _area(maned, "hair") > _area(bare, "hair") + 0.1 * SIZE**2
    drawn = [sample_factors("wild", seed) for seed in range(200)]
    assert {one["species"] for one in drawn if one["mane"] > 0.0} == {"lion"}


@pytest.mark.parametrize("domain", SHIFTED)
def test_a_shifted_domain_is_the_shifted_picture_of_the_same_person(domain: str) -> None:
    given = [sample_factors("human", seed) for seed in range(4)]
    plain = render_factors("human", given, img_resolution=SIZE)
    moved = render_factors(domain, given, img_resolution=SIZE)
    down, right = SHIFTED[domain]
    old, new = np.s_[:, : SIZE - down, : SIZE - right], np.s_[:, down:, right:]
    assert (plain.masks[old] != moved.masks[new]).mean() < 0.001
    assert np.abs(plain.images[old].astype(int) - moved.images[new]).mean() < 0.1


def test_a_flipped_person_is_the_flipped_picture() -> None:
    given = [sample_factors("human", seed) for seed in range(4)]
    plain = render_factors("human", given, img_resolution=SIZE)
    flipped = render_factors("human_flipped", given, img_resolution=SIZE)
    assert (plain.masks[:, ::-1] != flipped.masks).mean() < 0.001
    assert np.abs(plain.images[:, ::-1].astype(int) - flipped.images).mean() < 0.1


@pytest.mark.parametrize("domain", OTHER_LAWS)
def test_a_domain_of_another_law_differs_from_dogs_in_that_alone(domain: str) -> None:
    changed = {
        spec.name
        for spec, dog in zip(factor_specs(domain), factor_specs("dog"), strict=True)
        if spec != dog
    }
    assert changed == OTHER_LAWS[domain]
    one = {**sample_factors("dog", 5), "yaw_deg": 12.0}
    drawn = [render_factors(name, [one], img_resolution=SIZE) for name in (domain, "dog")]
    np.testing.assert_array_equal(drawn[0].images, drawn[1].images)


def test_one_sided_dogs_turn_as_far_as_others_and_to_one_side() -> None:
    yaws = np.array([sample_factors("dog_one_side", seed)["yaw_deg"] for seed in range(600)])
    others = np.array([sample_factors("dog", seed)["yaw_deg"] for seed in range(600)])
    assert yaws.min() >= 0.0
    assert yaws.mean() == pytest.approx(np.abs(others).mean(), abs=1.5)


def test_backgrounds_of_another_law_are_dark_and_blue() -> None:
    backgrounds = render("dog_background", range(12), img_resolution=SIZE)
    shown = backgrounds.images[backgrounds.masks == 0]
    plain = render("dog", range(12), img_resolution=SIZE)
    assert shown.mean() < 0.6 * plain.images[plain.masks == 0].mean()
    assert shown[:, 2].mean() > 1.2 * shown[:, 0].mean()


def test_people_of_another_palette_have_other_colours_and_nothing_else() -> None:
    given = [sample_factors("human", seed) for seed in range(4)]
    plain, other = (
        render_factors(name, given, img_resolution=SIZE) for name in ("human", "human_palette")
    )
    np.testing.assert_array_equal(plain.masks, other.masks)
    # Light has a tint of its own and pixels at an edge mix with the background.
    inside = plain.masks == REGIONS.index("cloth")
    gap = np.abs(plain.images[inside][:, [2, 0, 1]].astype(int) - other.images[inside])
    assert np.median(gap) < 12
    assert np.abs(plain.images[inside].astype(int) - other.images[inside]).mean() > 25
    np.testing.assert_array_equal(plain.images[:, 0, 0], other.images[:, 0, 0])


def test_people_of_another_geometry_have_bigger_ears_and_noses() -> None:
    given = [{**sample_factors("human", 1), **FRONTAL, "hair_length": 0.2, "curl": 0.0}]
    plain, other = (
        render_factors(name, given, img_resolution=SIZE).masks[0]
        for name in ("human", "human_geometry")
    )
    for region in ("ear", "nose"):
        assert _area(other, region) > 1.4 * _area(plain, region)
    np.testing.assert_array_equal(plain[0], other[0])


def test_another_camera_stands_nearer_and_lower() -> None:
    given = [{**sample_factors("human", seed), **FRONTAL} for seed in range(12)]
    plain, other = (
        render_factors(name, given, img_resolution=SIZE) for name in ("human", "human_camera")
    )
    for before, after in zip(plain.masks, other.masks, strict=True):
        # From below the nose covers less of the way to the eyes, and the shoulders are nearer.
        gaps = [_mean_row(mask, "nose") - _mean_row(mask, "eye") for mask in (before, after)]
        assert gaps[1] < gaps[0]
        widths = [(mask[-1] == REGIONS.index("cloth")).sum() for mask in (before, after)]
        assert widths[1] > widths[0]
    pitched = [{**one, "pitch_deg": 12.0} for one in given]
    assert (render_factors("human_camera", pitched, img_resolution=SIZE).masks != other.masks).any()


def test_a_taller_tower_reaches_higher_and_twins_are_two() -> None:
    plain = {"tower_place": "front", "tower_top": "battlement", "trees": "none"}
    changes = [{**plain, "tower_height": -1.0}, {**plain, "tower_height": 1.0}]
    low, high = _masks("church", 0, changes)
    tower = REGIONS.index("tower")
    assert np.nonzero(high == tower)[0].min() < np.nonzero(low == tower)[0].min() - 2
    (twins,) = _masks("church", 0, [{**plain, "tower_place": "twin"}])
    columns = (twins == tower).any(axis=0).astype(int)
    assert np.count_nonzero(np.diff(columns) == 1) == 2


def test_hats_and_collars_cover_a_painted_person() -> None:
    plain = {"headwear": "none", "collar": "lace", "chain": False}
    bare, hatted = _masks("portrait", 1, [plain, {**plain, "headwear": "hat"}])
    assert _area(bare, "hat") == 0
    assert _area(hatted, "hat") > 0.03 * SIZE**2


def test_paint_changes_the_picture_and_not_the_mask() -> None:
    base = {**sample_factors("portrait", 1), "varnish": 0.2, "brush": 0.3}
    changes = [{}, {"varnish": 1.0}, {"brush": 1.0}]
    batch = render_factors("portrait", [base | change for change in changes], img_resolution=SIZE)
    means = batch.images.mean(axis=(1, 2))
    for other in (1, 2):
        np.testing.assert_array_equal(batch.masks[0], batch.masks[other])
        assert (batch.images[0] != batch.images[other]).any()
    assert means[1, 2] / means[1, 0] < means[0, 2] / means[0, 0] - 0.05  # yellow takes blue


def test_waves_of_paint_are_odd_and_even() -> None:
    turns = np.linspace(-2.0, 2.0, 81, dtype=np.float32)[None]
    np.testing.assert_allclose(even_wave(-turns), even_wave(turns), atol=1e-5)
    assert np.abs(wave(turns) + wave(-turns)).max() < 1e-5
    assert np.abs(wave(turns) - np.sin(2.0 * np.pi * turns)).max() < 0.06


def test_patches_keep_an_edge_and_flatten_noise() -> None:
    noise = np.random.default_rng(0).normal(0.0, 0.02, (32, 32, 3)).astype(np.float32)
    step = np.where(np.arange(32)[None, :, None] < 16, 0.2, 0.8).astype(np.float32)
    calm = patches(step + noise, 2)
    assert np.abs(calm[:, 15] - 0.2).max() < 0.06
    assert np.abs(calm[:, 16] - 0.8).max() < 0.06
    assert np.std(calm - step) < 0.75 * np.std(noise)


def test_a_bedroom_shows_what_its_factors_name() -> None:
    bare = {"rug": "none", "picture": "none", "tables": "none"}
    full = {"rug": "round", "picture": "wide", "tables": "both"}
    without, furnished = _masks("bedroom", 2, [bare, full])
    for region in ("rug", "picture", "furniture", "lamp"):
        assert _area(without, region) == 0
        assert _area(furnished, region) > 0


def test_toon_hair_and_glasses_appear_only_when_asked_for() -> None:
    plain = {"hair_style": "bald", "beard": 0.0, "glasses": False}
    bare, haired, bespectacled = _masks(
        "toon", 4, [plain, {**plain, "hair_style": "long"}, {**plain, "glasses": True}]
    )
    assert _area(bare, "hair") == _area(bare, "glasses") == 0
    assert _area(haired, "hair") > 0.1 * SIZE**2
    assert _area(bespectacled, "glasses") > 0


def test_an_unknown_pattern_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"'pattern'.*'stripes'.*'tan_points'"):
        render_factors("dog", [{**sample_factors("dog", 0), "pattern": "stripes"}])
