"""WCT2 as a method: what the network is shown, where statistics go, and the authors' two files."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image as Pillow

from sshbench.benchmarks.composite import Composite, paste
from sshbench.methods.base import MethodError, WeightsError
from sshbench.methods.checkpoints.wct2 import read
from sshbench.methods.registry import get_method
from sshbench.methods.weights import WeightsCard, save_weights
from sshbench.networks.wct2 import WCT2
from sshbench.networks.whitening import LabelMaps
from tests.golden.golden_helper import fill_state_dict, image_u8, mask_hard, style_u8

WIDTH = 4


def filled(unpool="cat5"):
    network = WCT2(unpool, WIDTH)
    network.load_state_dict(fill_state_dict(network.state_dict(), keep=r"\.(LL|LH|HL|HH)\.weight$"))
    return network.eval()


@pytest.fixture
def weights(tmp_path):
    card = WeightsCard(method="wct2", architecture={"unpool": "cat5", "width": WIDTH})
    save_weights(tmp_path / "ours", filled().state_dict(), card, dtype="float32")
    return tmp_path / "ours"


def composite_of(height=96, width=128, apart=True):
    mask = mask_hard(height, width).astype(np.float32)
    foreground, background = image_u8(0, height, width), style_u8(1, height, width)
    pasted = paste(foreground, background, mask)
    return Composite("0", pasted, foreground, background if apart else pasted, mask)


def x01(image):
    return torch.from_numpy(image.transpose(2, 0, 1)[None].copy()).float() / 255


def test_foreground_takes_the_statistics_of_the_background(weights):
    composite = composite_of()
    mask = torch.from_numpy(composite.mask)[None].long()
    labels = LabelMaps(mask, torch.ones_like(mask))
    with torch.no_grad():
        made = filled()(x01(composite.composite), x01(composite.background), labels=labels).clamp(0, 1)
    found = get_method("wct2:short_side=96", weights=weights).harmonize([composite])[0]
    inside = composite.mask == 1
    np.testing.assert_allclose(found[inside], made[0].permute(1, 2, 0).numpy()[inside], atol=2e-5)
    np.testing.assert_allclose(found[~inside], composite.background[~inside] / 255, atol=1e-6)


def test_where_the_background_is_occluded_only_what_shows_counts(weights):
    composite = composite_of(apart=False)
    mask = torch.from_numpy(composite.mask)[None].long()
    with torch.no_grad():
        x = x01(composite.composite)
        made = filled()(x, x, labels=LabelMaps(mask, 1 - mask + 2 * mask)).clamp(0, 1)
    found = get_method("wct2:short_side=96", weights=weights).harmonize([composite])[0]
    inside = composite.mask == 1
    np.testing.assert_allclose(found[inside], made[0].permute(1, 2, 0).numpy()[inside], atol=2e-5)


def test_options_reach_the_network(weights):
    composite = composite_of()
    x, style = x01(composite.composite), x01(composite.background)
    with torch.no_grad():
        made = filled()(x, style, transfer="es", alpha=0.6).clamp(0, 1)
    name = "wct2:transfer=es,alpha=0.6,labels=none,short_side=96"
    found = get_method(name, weights=weights).harmonize([composite])[0]
    inside = composite.mask == 1
    np.testing.assert_allclose(found[inside], made[0].permute(1, 2, 0).numpy()[inside], atol=2e-5)


def test_the_style_is_resized_and_cropped_as_the_published_script_does(weights):
    composite = composite_of(90, 131)
    method = get_method("wct2:short_side=60,labels=none", weights=weights)
    seen = {}
    method.network.forward = lambda content, style, **options: seen.update(content=content, style=style) or content
    found = method.harmonize([composite])[0]
    small = Pillow.fromarray(composite.background).resize((60 * 131 // 90, 60), Pillow.Resampling.BILINEAR)
    # 87 x 60 to 80 x 48: 7 and 12 pixels too many, of which round(3.5) = 4 and 6 at the left and top
    expected = x01(np.asarray(small)[6:54, 4:84])
    torch.testing.assert_close(seen["style"], expected)
    assert seen["content"].shape == (1, 3, 64, 96)
    assert found.shape == composite.composite.shape


def test_as_a_map_the_background_stays_as_it_was(weights):
    composite = composite_of()
    found = get_method("wct2:output=map,short_side=96", weights=weights).harmonize([composite])[0]
    assert found.dtype == np.uint8
    np.testing.assert_array_equal(found[composite.mask == 0], composite.background[composite.mask == 0])


@pytest.mark.parametrize(
    ("options", "said"),
    [("transfer=x", "letters e, s and d"), ("alpha=2", "from 0 to 1"), ("short_side=8", "32 or more"),
     ("unpool=sum", "not of unpool=sum")],
)  # fmt: skip
def test_options_that_cannot_be_are_refused(options, said, weights):
    with pytest.raises(MethodError, match=said):
        get_method(f"wct2:{options}", weights=weights)


def authors_files(folder, unpool, prefix=""):
    network = filled(unpool)
    for part in ("encoder", "decoder"):
        state = getattr(network, part).state_dict()
        for name in state:
            if name.split(".")[-2] in ("LL", "LH", "HL", "HH"):  # one kernel seen many times, as the authors have it
                state[name] = state[name][:1].clone().expand_as(state[name])
        torch.save({prefix + name: value for name, value in state.items()}, folder / f"wave_{part}_{unpool}_l4.pth")
    return network.state_dict()


@pytest.mark.parametrize("unpool", ["cat5", "sum"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_the_authors_files_are_read_together(unpool, prefix, tmp_path):
    expected = authors_files(tmp_path, unpool, prefix)
    for path in (tmp_path, tmp_path / f"wave_encoder_{unpool}_l4.pth", tmp_path / f"wave_decoder_{unpool}_l4.pth"):
        state, architecture = read(path)
        assert architecture == {"unpool": unpool, "width": WIDTH}
        assert state.keys() == expected.keys()
        assert all(torch.equal(state[name], expected[name]) for name in expected)
        network = WCT2(**architecture)
        network.load_state_dict(state)


def test_half_of_the_authors_files_is_refused(tmp_path):
    authors_files(tmp_path, "sum")
    (tmp_path / "wave_decoder_sum_l4.pth").unlink()
    with pytest.raises(WeightsError, match=r"encoder alone; put its decoder beside it as wave_decoder_sum_l4\.pth"):
        read(tmp_path / "wave_encoder_sum_l4.pth")
    with pytest.raises(WeightsError, match="and not none"):
        read(tmp_path)
