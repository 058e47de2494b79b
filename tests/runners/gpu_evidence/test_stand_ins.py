"""What stands in for a missing library gives what the library gives: renderer, JPEG, bars."""

import io
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from datasets.images import decode, jpeg
from datasets.images.open import ImageFault
from datasets.synthwalk import presets
from datasets.synthwalk.renderer import frames, tracklet
from datasets.synthwalk.world import population
from runners.gpu_evidence.stand_ins import numba as stand_in_numba
from runners.gpu_evidence.stand_ins import simplejpeg as stand_in_simplejpeg
from runners.gpu_evidence.stand_ins import tqdm as stand_in_tqdm
from runners.gpu_evidence.stand_ins.plain_renderer import frames as plain
from runners.gpu_evidence.stand_ins.plain_renderer import pool


@pytest.mark.parametrize(("size", "style", "seed"), [((48, 24), "street", 103), ((64, 32), "hall", 104)])
def test_plain_frames_are_the_compiled_ones(monkeypatch, size, style, seed):
    """Frames, twins and both masks, of people in front, people behind, things, bags and skirts."""
    world = presets.preset(
        "tiny", seed=seed, height=size[0], width=size[1], style=style, occluded_share=0.8, crowd_share=0.5
    )
    studio, tracks = tracklet.open_studio(world), population.populate(world).tracks
    pixels = wrong = 0
    kinds: set[int] = set()
    for track in tracks[::5]:
        compiled = tracklet.render_tracklet(studio, track)
        with monkeypatch.context() as patch:
            patch.setattr(frames, "render_frames", plain.render_frames)
            ours = tracklet.render_tracklet(studio, track)
        for name in ("frames", "twins"):
            apart = np.abs(getattr(ours, name).astype(int) - getattr(compiled, name))
            assert apart.max() <= 1  # NumPy's sine and exponential may differ in the last bit
            pixels, wrong = pixels + apart.size, wrong + int((apart > 0).sum())
        for name in ("labels", "occluders", "touched"):
            assert (getattr(ours, name) != getattr(compiled, name)).mean() < 1e-4, name
        kinds |= set(np.unique(compiled.occluders).tolist())
    assert wrong <= 1e-4 * pixels
    assert len(kinds) > 2  # something of several kinds did stand in front


def test_the_two_renderers_take_the_same_arguments():
    compiled = frames.render_frames.py_func.__code__
    count = plain.render_frames.__code__.co_argcount
    assert plain.render_frames.__code__.co_varnames[:count] == compiled.co_varnames[:count]


def test_processes_render_what_this_one_does(monkeypatch):
    """Whoever renders uses threads; the plain renderer then works in processes, each drawing what it would here."""
    world = presets.preset("tiny", seed=105, height=32, width=16, train_ids=1, test_ids=1, distractors=1, junk=0)
    studio, tracks = tracklet.open_studio(world), population.populate(world).tracks[:3]
    with monkeypatch.context() as patch, ThreadPoolExecutor(2) as threads:
        patch.setattr(frames, "render_frames", plain.render_frames)
        here = [tracklet.render_tracklet(studio, track) for track in tracks]
        patch.setattr(frames, "render_frames", pool.render_frames)
        there = list(threads.map(lambda track: tracklet.render_tracklet(studio, track), tracks))
    for one, other in zip(here, there, strict=True):
        for name in ("frames", "twins", "labels", "occluders", "touched"):
            np.testing.assert_array_equal(getattr(one, name), getattr(other, name))


def test_numba_stands_in_for_the_renderer_alone():
    """Others have a road of their own where its import fails, so that it has to fail for them."""
    njit = stand_in_numba.njit
    assert njit(cache=True)(frames.see.py_func) is frames.see.py_func
    kernel = frames.render_frames.py_func
    assert njit(cache=True)(kernel) is not kernel
    with pytest.raises(ImportError, match="total"):
        njit(nogil=True)(total)


def total(values):
    return sum(values)


def test_pillow_stands_in_for_simplejpeg(monkeypatch):
    noise = np.random.default_rng(0).integers(0, 256, (40, 24, 3))
    ramp = np.linspace(0, 200, 40)[:, None, None] + 0.1 * noise
    pixels = np.broadcast_to(ramp, (40, 24, 3)).astype(np.uint8)
    by_simplejpeg = {chroma: jpeg.encode(pixels, 90, chroma) for chroma in ("420", "444")}
    decoded = {chroma: jpeg.decode(data) for chroma, data in by_simplejpeg.items()}
    monkeypatch.setattr(jpeg, "simplejpeg", stand_in_simplejpeg)
    assert jpeg.library().startswith("pillow ")
    assert decode.version() == jpeg.library()
    assert presets.encoder() == jpeg.library()
    for chroma, data in by_simplejpeg.items():
        assert jpeg.is_jpeg(data)
        np.testing.assert_array_equal(jpeg.decode(data), decoded[chroma])
        ours = jpeg.encode(pixels, 90, chroma)
        with Image.open(io.BytesIO(ours)) as image:
            assert image.layer[0][1:3] == ((2, 2) if chroma == "420" else (1, 1))
        lost = [np.abs(each.astype(int) - pixels).mean() for each in (jpeg.decode(ours), decoded[chroma])]
        assert lost[0] == pytest.approx(lost[1], rel=0.1)
    assert not jpeg.is_jpeg(b"\x89PNG")
    out = np.zeros_like(pixels)
    assert jpeg.decode_into(by_simplejpeg["444"], out)
    np.testing.assert_array_equal(out, decoded["444"])
    assert not jpeg.decode_into(by_simplejpeg["444"], out[:20].copy())
    for cut in (2, 20, 200):
        with pytest.raises(ImageFault):
            jpeg.decode(by_simplejpeg["420"][:cut])


def test_lines_stand_in_for_the_bar_of_tqdm(capsys, monkeypatch):
    monkeypatch.setattr(stand_in_tqdm, "_SECONDS", 0.0)
    with stand_in_tqdm.tqdm(total=4, desc="training", unit=" frames", initial=0, disable=False) as bar:
        bar.set_postfix_str("loss 1.5")
        bar.update(3)
    assert list(stand_in_tqdm.tqdm(range(3), total=3, desc="reading", unit="file")) == [0, 1, 2]  # no terminal: silent
    said = capsys.readouterr().err
    assert said.startswith("training: 3 of 4 frames (") and said.endswith(" s left, loss 1.5)\n")
