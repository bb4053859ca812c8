"""How fast heads are found, against torchvision's own network that does no more.

    python benchmarks/heads_speed.py [--backbone resnet50-fpn-v2] [--image-px 512] [--pictures 8]

Both have the same weights, drawn at random, and find as many instances as they may. Ours also makes
run lengths of each mask; torchvision's pastes each mask into an array of the picture's size. The
video is one of the same pictures, decoded, linked, drawn, written, with all tables.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from torchvision.models.detection.transform import GeneralizedRCNNTransform

from rostfine.model_params import HeadNetParams
from rostfine.models.anchors import PUBLISHED
from rostfine.models.mask_rcnn import INTENSITIES, build_head_net
from rostfine.morphology.params import ClassParams, load_morphology_params
from rostfine.morphology.pool import to_image
from rostfine.morphology.predictor import HeadPredictor
from rostfine.morphology.saved import HeadSettings
from rostfine.morphology.use import find_heads
from rostfine.simulate.heads import HeadSettings as Simulated
from rostfine.simulate.heads import draw_picture
from rostfine.video.write import CODECS, write_video

ROUNDS = 5
CLASSES = {"good": ClassParams(("Normal",), "good"), "bad": ClassParams(("Other",), "bad")}
VIEW = Simulated(width_px=1280, height_px=1024, um_per_px=0.12, sperm_per_picture=(12, 16))
RATE_HZ = 25.0


def seconds(work: Callable[[], object]) -> float:
    """Return what `work` takes by the clock."""
    began = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - began


def make_both(net: HeadNetParams, *, pastes: bool) -> tuple[HeadPredictor, Any]:
    """Return our predictor, and the same network as torchvision runs it."""
    settings = load_morphology_params(Path("morphology/params.yaml")).experiments["modern"]
    torch.manual_seed(0)
    ours, bare = (build_head_net(net, len(CLASSES), PUBLISHED).eval() for _ in range(2))
    bare.load_state_dict(ours.state_dict())
    if pastes:
        del bare.net.transform.postprocess
        assert isinstance(bare.net.transform, GeneralizedRCNNTransform)
    said = HeadSettings("heads", "speed", "", "", settings, tuple(CLASSES), CLASSES, PUBLISHED, 0.1)
    if torch.cuda.is_available():
        ours, bare = ours.cuda(), bare.cuda()
    return HeadPredictor(ours, said), bare.net


@torch.inference_mode()
def run_bare(net: Any, images: Sequence[torch.Tensor], device: torch.device) -> None:
    """Let torchvision's network look at pictures one by one."""
    for image in images:
        net([image.to(device).float() / INTENSITIES])


def main(net: HeadNetParams, count: int) -> None:
    """Print pictures a second of each, medians of interleaved rounds, and the ratios."""
    predictor, bare = make_both(net, pastes=False)
    _, pasting = make_both(net, pastes=True)
    device = next(predictor.model.parameters()).device
    pictures = [draw_picture(VIEW, index) for index in range(count)]
    images = [to_image(one) for one in pictures]
    with tempfile.TemporaryDirectory() as made:
        video = Path(made, "view.mp4")
        write_video(video, iter(pictures), codec=CODECS["h264"], frame_rate_hz=RATE_HZ)
        ways: dict[str, Callable[[], object]] = {
            "torchvision, masks not pasted": lambda: run_bare(bare, images, device),
            "torchvision": lambda: run_bare(pasting, images, device),
            "rostfine, pictures": lambda: [predictor.find(one, least_score=0) for one in pictures],
            "rostfine, a video and all files": lambda: find_heads(
                video, predictor, Path(made, "o")
            ),
        }
        for work in ways.values():
            work()  # what is slow the first time is not asked for
        took = {name: list[float]() for name in ways}
        for _ in range(ROUNDS):
            for name, work in ways.items():
                took[name].append(seconds(work))
    rates = {name: count / statistics.median(times) for name, times in took.items()}
    found = statistics.mean(len(predictor.find(one, least_score=0)) for one in pictures)
    print(f"{net.backbone}, {net.image_px} px, pictures of {VIEW.width_px}x{VIEW.height_px} px")
    print(f"{found:.0f} instances a picture, on {device.type}")
    for name, rate in rates.items():
        ratio = rate / rates["torchvision"]
        print(f"{name:32} {rate:6.2f} pictures/s, {ratio:.2f} of torchvision")


if __name__ == "__main__":
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--backbone", default="resnet50-fpn-v2")
    asked.add_argument("--image-px", type=int, default=512)
    asked.add_argument("--pictures", type=int, default=8)
    args = asked.parse_args()
    width = 64 if args.backbone == "resnet18-fpn" else 256
    wanted = HeadNetParams(
        backbone=args.backbone, pretrained=None, norm="batch", width=width,
        image_px=args.image_px, anchors="published", rois=200, score=0.5, nms=0.3, detections=20,
    )  # fmt: skip
    main(wanted, args.pictures)
