"""Rendering cuts the recipe's crops, resizes them well and gives them the recipe's appearances, and nothing else."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from sshbench.images.decode import decode_photo
from sshbench.lut.apply import apply_lut
from sshbench.lut.bank import LutBank
from sshbench.lut.table import Lut, identity_table
from sshbench.triplets.appearance import TRANSFER_FUNCTIONS, saturate
from sshbench.triplets.masks import generate_mask, mask_part
from sshbench.triplets.recipe import Crop, Recipe, boxes, make_recipe
from sshbench.triplets.render import Rendered, RenderedComposite, crop_around, render
from sshbench.triplets.resize_box import resize_box
from sshbench.triplets.settings import TRANSFERS, Settings
from sshbench.triplets.source import Partners, SkippedImage, Source
from sshbench.triplets.sources import open_source

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def source() -> Source:
    return open_source("sample")


@pytest.fixture(scope="module")
def bank() -> LutBank:
    """The identity, the negative, and red and blue swapped."""
    identity = identity_table(9)
    luts = [Lut(values=identity), Lut(values=1 - identity), Lut(values=np.ascontiguousarray(identity[..., ::-1]))]
    return LutBank.from_luts(luts, size=9, names=["identity", "negative", "swapped"])


def reader(source: Source, short_side: int | None = None) -> Callable[[str], Pixels]:
    return lambda row: source.read(source.index(row), short_side)


def triplet(recipe: Recipe, settings: Settings, source: Source, bank: LutBank | None, **options: object) -> Rendered:
    result = render(recipe, settings, reader(source), bank, **options)  # type: ignore[arg-type]
    assert isinstance(result, Rendered)
    return result


def crops(recipe: Recipe, source: Source) -> tuple[Pixels, Pixels]:
    photo = source.read(source.index(recipe.row))
    content, reference = boxes(recipe, 224, photo.shape[1], photo.shape[0])
    return resize_box(photo, content, 224), resize_box(photo, reference, 224)


@pytest.mark.parametrize("views", [3, 4])
def test_views_are_crops_under_luts(source: Source, bank: LutBank, views: int) -> None:
    looks: dict[int, Callable[[Pixels], Pixels]] = {0: lambda p: p, 1: lambda p: 255 - p, 2: lambda p: p[..., ::-1]}
    for photo in source.photos():
        recipe = make_recipe(Settings(), photo.row, 1, 3)
        result = triplet(recipe, Settings(), source, bank, views=views)
        content, reference = crops(recipe, source)
        alpha, beta = looks[recipe.alpha], looks[recipe.beta]
        assert np.array_equal(result.content_alpha, alpha(content))
        assert np.array_equal(result.content_beta, beta(content))
        assert np.array_equal(result.reference_beta, beta(reference))
        if views == 4:
            assert result.reference_alpha is not None
            assert np.array_equal(result.reference_alpha, alpha(reference))
        else:
            assert result.reference_alpha is None
        assert result.foreground is result.content_alpha
        assert result.background is result.reference_beta
        assert result.ground_truth is result.content_beta


def test_strengths_go_to_their_own_views(source: Source, bank: LutBank) -> None:
    settings = Settings(strength=(0.0, 1.0))
    recipe = make_recipe(settings, "coffee.jpg", 0, 3)
    result = triplet(recipe, settings, source, bank)
    content, reference = crops(recipe, source)
    for view, crop, lut, strength in (
        (result.content_alpha, content, recipe.alpha, recipe.alpha_strength),
        (result.content_beta, content, recipe.beta, recipe.beta_strength),
        (result.reference_beta, reference, recipe.beta, recipe.beta_strength),
    ):
        assert np.array_equal(view, apply_lut(crop, bank, lut, strength=strength))


def test_a_single_crop_is_content_and_reference(source: Source, bank: LutBank) -> None:
    settings = Settings(crops="single")
    result = triplet(make_recipe(settings, "coffee.jpg", 0, 3), settings, source, bank)
    assert np.array_equal(result.reference_beta, result.content_beta)
    assert result.content_box == result.reference_box


def test_boxes_are_parts_of_the_photograph(source: Source, bank: LutBank) -> None:
    recipe = make_recipe(Settings(), "coffee.jpg", 0, 3)
    photo = source.read(source.index("coffee.jpg"))
    size = np.array([photo.shape[1], photo.shape[0]] * 2)
    result = triplet(recipe, Settings(), source, bank)
    for found, wanted in zip((result.content_box, result.reference_box), boxes(recipe, 224, *size[:2]), strict=True):
        assert np.array(found) * size == pytest.approx(np.array(wanted))


def psnr(one: Pixels, other: Pixels) -> float:
    return float(10 * np.log10(255**2 / np.mean((one.astype(float) - other) ** 2)))


def test_crops_are_near_a_lanczos_resize(source: Source, bank: LutBank) -> None:
    found = []
    for photo in source.photos():
        pixels = photo.read()
        for draw in range(3):
            recipe = replace(make_recipe(Settings(), photo.row, draw, 3), alpha=0)
            box = boxes(recipe, 224, pixels.shape[1], pixels.shape[0])[0]
            oracle = np.asarray(Image.fromarray(pixels).resize((224, 224), Image.Resampling.LANCZOS, box=box))
            found.append(psnr(triplet(recipe, Settings(), source, bank).content_alpha, oracle))
    assert np.mean(found) >= 45


def test_a_smaller_decode_keeps_the_geometry_and_the_quality(source: Source, bank: LutBank) -> None:
    for photo in [p for p in source.photos() if min(p.read().shape[:2]) == 360][:6]:
        large = Image.fromarray(photo.read())
        large = large.resize((large.width // 8 * 32, large.height // 8 * 32), Image.Resampling.BICUBIC)
        file = io.BytesIO()
        large.save(file, "JPEG", quality=95)
        recipe = replace(make_recipe(Settings(), photo.row, 0, 3), alpha=0)
        views = []
        for short_side in (None, 320):
            decoded = decode_photo(file.getvalue(), photo.row, short_side=short_side)
            views.append(render(recipe, Settings(), {photo.row: decoded}.__getitem__, bank))
        whole, small = views
        assert isinstance(whole, Rendered)
        assert isinstance(small, Rendered)
        assert whole.content_box == small.content_box
        assert psnr(whole.content_alpha, small.content_alpha) >= 45


def test_photographs_smaller_than_the_crop_are_skipped(source: Source, bank: LutBank) -> None:
    settings = Settings(crop=512, scale=(512, 600))
    with pytest.raises(SkippedImage, match="is 540 x 360 pixels; the short side needs 512"):
        render(make_recipe(settings, "coffee.jpg", 0, 3), settings, reader(source), bank)


def test_saturation_needs_no_luts(source: Source) -> None:
    settings = Settings(appearance="saturation")
    recipe = make_recipe(settings, "coffee.jpg", 0, 0)
    result = triplet(recipe, settings, source, None)
    content, reference = crops(recipe, source)
    assert np.array_equal(result.content_alpha, saturate(content, recipe.alpha_strength))
    assert np.array_equal(result.content_beta, saturate(content, recipe.beta_strength))
    assert np.array_equal(result.reference_beta, saturate(reference, recipe.beta_strength))


@pytest.mark.parametrize("transfer", TRANSFERS)
def test_colour_transfer_takes_colours_from_a_partner(source: Source, transfer: str) -> None:
    settings = Settings(appearance="color-transfer", transfers=(transfer,))  # type: ignore[arg-type]
    partners = Partners([source.row_id(i) for i in range(len(source))])
    recipe = make_recipe(settings, "coffee.jpg", 0, 0)
    result = triplet(recipe, settings, source, None, partners=partners)
    content, reference = crops(recipe, source)
    assert np.array_equal(result.content_beta, content)
    assert np.array_equal(result.reference_beta, reference)
    partner = source.read(source.index(next(partners.of(recipe.seed, "coffee.jpg"))))
    target = resize_box(partner, (0.0, 0.0, float(partner.shape[1]), float(partner.shape[0])), 224)
    both = TRANSFER_FUNCTIONS[transfer](np.concatenate([content, reference]), target)
    assert np.array_equal(result.content_alpha, both[:224])
    assert result.reference_alpha is not None
    assert np.array_equal(result.reference_alpha, both[224:])


def test_partners_that_cannot_be_read_are_passed_over(source: Source) -> None:
    settings = Settings(appearance="color-transfer", transfers=("histogram",))
    rows = [source.row_id(i) for i in range(len(source))]
    recipe = make_recipe(settings, "coffee.jpg", 0, 0)
    order = list(Partners(rows).of(recipe.seed, "coffee.jpg"))

    def read(row: str) -> Pixels:
        if row in broken:
            raise SkippedImage(row, "is empty")
        return source.read(source.index(row))

    broken = set(order[:3])
    passed = render(recipe, settings, read, None, partners=Partners(rows))
    without = render(recipe, settings, reader(source), None, partners=Partners([r for r in rows if r not in broken]))
    assert isinstance(passed, Rendered)
    assert isinstance(without, Rendered)
    assert np.array_equal(passed.content_alpha, without.content_alpha)
    broken = set(order)
    with pytest.raises(SkippedImage, match=r"coffee\.jpg: no other readable photograph"):
        render(recipe, settings, read, None, partners=Partners(rows))


@pytest.mark.parametrize("transfer", TRANSFERS)
def test_colour_transfer_goes_so_far_as_its_strength_says(source: Source, transfer: str) -> None:
    partners = Partners([source.row_id(i) for i in range(len(source))])
    recipe = make_recipe(Settings(appearance="color-transfer"), "coffee.jpg", 0, 0)
    chosen = Settings(appearance="color-transfer", transfers=(transfer,), strength=(0.0, 1.0))  # type: ignore[arg-type]
    whole, half, nothing = (
        triplet(replace(recipe, alpha=0, alpha_strength=strength), chosen, source, None, partners=partners)
        for strength in (1.0, 0.5, 0.0)
    )
    content, _ = crops(recipe, source)
    assert np.array_equal(nothing.content_alpha, content)
    assert not np.array_equal(whole.content_alpha, content)
    middle = (content.astype(int) + whole.content_alpha + 1) // 2  # halves are rounded up
    assert np.array_equal(half.content_alpha, middle)
    assert np.array_equal(half.content_beta, content)


COMPOSITES = Settings(kind="composites")


def composite(row: str, source: Source, bank: LutBank, mask: Pixels | None = None, draw: int = 0) -> RenderedComposite:
    recipe = replace(make_recipe(COMPOSITES, row, draw, 3), alpha=1)
    result = render(recipe, COMPOSITES, reader(source), bank, read_mask=lambda _: mask)
    assert isinstance(result, RenderedComposite)
    return result


def test_composites_change_the_foreground_alone(source: Source, bank: LutBank) -> None:
    result = composite("coffee.jpg", source, bank)
    recipe = make_recipe(COMPOSITES, "coffee.jpg", 0, 3)
    assert np.array_equal(result.real, crops(recipe, source)[0])
    assert np.array_equal(result.mask, generate_mask(recipe.seed, 224, (0.05, 0.5)))
    outside, inside = result.mask == 0, result.mask == 255
    assert np.array_equal(result.composite[outside], result.real[outside])
    assert np.array_equal(result.composite[inside], 255 - result.real[inside])
    part = result.mask[..., None] / 255.0
    blend = (255.0 - result.real) * part + result.real * (1 - part)
    assert np.abs(result.composite - blend).max() <= 0.5 + 1e-9


LOOKED = replace(COMPOSITES, background="look", strength=(0.3, 1.0))


@pytest.mark.parametrize("appearance", ["lut", "saturation", "color-transfer"])
def test_a_background_under_a_look_is_under_beta_and_so_is_the_real_image(
    source: Source, bank: LutBank, appearance: str
) -> None:
    settings = replace(LOOKED, appearance=appearance)
    partners = Partners([source.row_id(i) for i in range(len(source))])
    for row in ("coffee.jpg", "chelsea.jpg"):
        recipe = make_recipe(settings, row, 0, 3)
        result = render(recipe, settings, reader(source), bank, partners=partners)
        plain = render(recipe, replace(settings, background="photographed"), reader(source), bank, partners=partners)
        assert isinstance(result, RenderedComposite)
        assert isinstance(plain, RenderedComposite)
        inside, outside = result.mask == 255, result.mask == 0
        assert np.array_equal(result.mask, plain.mask)
        assert np.array_equal(result.composite[inside], plain.composite[inside])  # alpha is what it was
        assert np.array_equal(result.composite[outside], result.real[outside])
        assert not np.array_equal(result.real, plain.real)
        if appearance == "lut":
            expected = apply_lut(plain.real, bank, recipe.beta, strength=recipe.beta_strength)
        elif appearance == "saturation":
            expected = saturate(plain.real, recipe.beta_strength)
        else:
            expected = looked_by_transfer(recipe, settings, source, partners, plain.real)
        assert np.array_equal(result.real, expected)


def looked_by_transfer(recipe: Recipe, settings: Settings, source: Source, partners: Partners, real: Pixels) -> Pixels:
    """Beta of a composite, from the definition: the partner across the ring, which is not alpha's."""
    own = next(partners.of(recipe.seed, recipe.row))
    row = next(row for row in partners.of((recipe.seed + 2**62) % 2**63, recipe.row) if row != own)
    photo = source.read(source.index(row))
    partner = resize_box(photo, (0.0, 0.0, float(photo.shape[1]), float(photo.shape[0])), 224)
    moved = TRANSFER_FUNCTIONS[settings.transfers[recipe.beta]](real, partner)
    return np.floor(real + recipe.beta_strength * (moved.astype(float) - real) + 0.5).astype(np.uint8)


def test_both_sides_of_a_composite_take_colours_from_different_photographs(source: Source) -> None:
    settings = replace(LOOKED, appearance="color-transfer", transfers=("histogram",), strength=(1.0, 1.0))
    rows = [source.row_id(i) for i in range(3)]
    for draw in range(6):
        recipe = make_recipe(settings, rows[0], draw, 0)
        result = render(recipe, settings, reader(source), None, partners=Partners(rows))
        assert isinstance(result, RenderedComposite)
        inside = result.mask == 255
        assert not np.array_equal(result.composite[inside], result.real[inside])
    with pytest.raises(SkippedImage, match="no other readable photograph"):
        render(make_recipe(settings, rows[0], 0, 0), settings, reader(source), None, partners=Partners(rows[:2]))


def test_masks_are_cut_where_the_photograph_is(source: Source, bank: LutBank) -> None:
    """A mask made of the photograph itself, at half its size, shows the same part."""
    for photo in source.photos():
        pixels = photo.read()
        half = np.asarray(Image.fromarray(pixels[..., 1]).resize((pixels.shape[1] // 2, pixels.shape[0] // 2)))
        half = np.where(half > 120, 255, 0).astype(np.uint8)
        if not 0.2 < mask_part(half) < 0.8:
            continue
        result = composite(photo.row, source, bank, half)
        assert np.corrcoef(result.mask.ravel(), result.real[..., 1].ravel())[0, 1] > 0.6
        left, top, right, bottom = result.content_box
        box = (left * pixels.shape[1], top * pixels.shape[0], right * pixels.shape[1], bottom * pixels.shape[0])
        assert np.array_equal(resize_box(pixels, box, 224), result.real)


@pytest.mark.parametrize("corner", [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_the_crop_goes_where_the_mask_is(source: Source, bank: LutBank, corner: tuple[int, int]) -> None:
    mask = np.zeros((90, 135), np.uint8)
    mask[slice(0, 20) if corner[0] == 0 else slice(70, 90), slice(0, 20) if corner[1] == 0 else slice(115, 135)] = 255
    for draw in range(10):
        result = composite("coffee.jpg", source, bank, mask, draw)
        assert mask_part(result.mask) > 0.05
        left, top, right, bottom = result.content_box
        assert 0 <= left < right <= 1
        assert 0 <= top < bottom <= 1


def test_a_mask_in_the_crop_moves_nothing(source: Source, bank: LutBank) -> None:
    mask = np.zeros((360, 540), np.uint8)
    mask[160:200, 250:290] = 255
    recipe = replace(make_recipe(COMPOSITES, "coffee.jpg", 0, 3), content=Crop(256, 16, 16), window=32768)
    result = render(recipe, COMPOSITES, reader(source), bank, read_mask=lambda _: mask)
    assert isinstance(result, RenderedComposite)
    assert np.array(result.content_box) * [540, 360, 540, 360] == pytest.approx(boxes(recipe, 224, 540, 360)[0])


@pytest.mark.parametrize("value", [0, 255])
def test_masks_without_foreground_or_background_are_skipped(source: Source, bank: LutBank, value: int) -> None:
    with pytest.raises(SkippedImage, match=r"its mask covers (0|100)\.0% of the crop"):
        composite("coffee.jpg", source, bank, np.full((360, 540), value, np.uint8))


def test_rendering_twice_gives_the_same(source: Source, bank: LutBank) -> None:
    for settings in (Settings(), COMPOSITES, LOOKED, Settings(appearance="saturation")):
        recipe = make_recipe(settings, "chelsea.jpg", 5, 3)
        first, second = (render(recipe, settings, reader(source), bank) for _ in range(2))
        for name in ("content_alpha", "reference_beta", "composite", "mask"):
            if hasattr(first, name):
                assert np.array_equal(getattr(first, name), getattr(second, name))


@pytest.mark.parametrize(
    ("box", "centre", "moved"),
    [
        ((0.0, 0.0, 100.0, 100.0), (320, 60), (245.0, 0.0, 345.0, 100.0)),  # the centre comes to 3/4 of the width
        ((200.0, 100.0, 300.0, 200.0), (210, 110), (185.0, 85.0, 285.0, 185.0)),  # to a quarter of both sides
        ((50.0, 50.0, 150.0, 150.0), (100, 80), (50.0, 50.0, 150.0, 150.0)),  # it is in the middle half already
        ((0.0, 0.0, 100.0, 100.0), (395, 295), (300.0, 200.0, 400.0, 300.0)),  # the photograph ends there
        ((200.0, 100.0, 300.0, 200.0), (5, 5), (0.0, 0.0, 100.0, 100.0)),
    ],
)
def test_a_crop_moves_until_the_mask_is_in_its_middle_half(
    box: tuple[float, ...], centre: tuple[int, int], moved: tuple[float, ...]
) -> None:
    mask = np.full((300, 400), 127, np.uint8)  # less than half of a pixel is no foreground
    x, y = centre
    mask[y - 5 : y + 5, x - 5 : x + 5] = 128
    found, cut = crop_around(mask, box, 400, 300, 100)  # type: ignore[arg-type]
    assert found == moved
    left, top, right, bottom = map(int, moved)
    assert np.array_equal(cut, mask[top:bottom, left:right])
