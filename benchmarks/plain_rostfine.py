"""RoSTFine in the plainest eager way: the yardstick of `model_speed.py`.

It computes what `rostfine.models.RoSTFine` computes, with the same weights, as the published code
goes about it: every map of every layer is made and kept, whole sequences are cut and joined in each
block, and the selected tokens are gathered clip by clip.
"""

import torch
from einops import rearrange, repeat
from torch import Tensor, nn
from torch.nn import functional as F

from rostfine.models.outputs import ModelOutput
from rostfine.models.rostfine import RoSTFine


class PlainRoSTFine(nn.Module):
    """The weights of a RoSTFine, and a forward pass that spares nothing."""

    def __init__(self, model: RoSTFine) -> None:
        super().__init__()
        self.model = model

    def forward(self, clip: Tensor, speed: Tensor | None = None) -> ModelOutput:
        """Predict as the model itself does."""
        model, frames = self.model, clip.shape[2]
        tokens, maps = encode(model.encoder, clip)
        layers = maps[:, :, -model.attention_layers :]
        scores = layers[..., 0, 1:].sum(dim=(2, 3))
        selected = scores.topk(model.top_k, dim=-1).indices
        by_frame = rearrange(tokens[:, 1:], "b (p t) d -> b t p d", t=frames)
        chosen = torch.stack(
            [
                torch.stack([by_frame[b, t, selected[b, t]] for t in range(frames)])
                for b in range(len(clip))
            ]
        )
        cls = tokens[:, 0]
        rows = rearrange(chosen, "b t k d -> (b t) k d")
        spatial = gather(model.fgs, repeat(cls, "b d -> (b t) d", t=frames), rows)
        spatial = rearrange(spatial, "(b t) d -> b t d", t=frames).mean(dim=1)
        temporal = gather(model.fgt, cls, rearrange(chosen, "b t k d -> b (t k) d"))
        features = {"g": cls, "s": spatial, "t": temporal}
        logits = [model.heads[name](feature, speed) for name, feature in features.items()]
        return ModelOutput(torch.stack(logits), tuple(features), features, selected)


def encode(encoder: nn.Module, clip: Tensor) -> tuple[Tensor, Tensor]:
    """Return all tokens, and the spatial maps of all layers."""
    batch, _, frames = clip.shape[:3]
    images = rearrange(clip, "b c t h w -> (b t) c h w")
    patches = encoder.patch_embed.proj(images).flatten(2).transpose(1, 2)
    cls = encoder.cls_token.expand(len(patches), -1, -1)
    x = torch.cat([cls, patches], dim=1) + encoder.pos_embed
    cls = x[:batch, :1]
    patches = rearrange(x[:, 1:], "(b t) p d -> (b p) t d", b=batch) + encoder.time_embed
    x = torch.cat([cls, rearrange(patches, "(b p) t d -> b (p t) d", b=batch)], dim=1)
    maps = []
    for block in encoder.blocks:
        x, attention = pass_block(block, x, frames)
        maps.append(rearrange(attention, "(b t) h i j -> b t h i j", t=frames))
    return encoder.norm(x), torch.stack(maps, dim=2)


def pass_block(block: nn.Module, x: Tensor, frames: int) -> tuple[Tensor, Tensor]:
    """Attention in time, attention in space, MLP."""
    batch, patches = len(x), (x.shape[1] - 1) // frames
    rows = rearrange(x[:, 1:], "b (p t) d -> (b p) t d", t=frames)
    mixed, _ = attend(block.temporal_attn, block.temporal_norm1(rows))
    mixed = block.temporal_fc(rearrange(mixed, "(b p) t d -> b (p t) d", b=batch))
    in_time = x[:, 1:] + mixed
    cls = rearrange(x[:, :1].repeat(1, frames, 1), "b t d -> (b t) 1 d")
    rows = rearrange(in_time, "b (p t) d -> (b t) p d", t=frames)
    mixed, attention = attend(block.attn, block.norm1(torch.cat([cls, rows], dim=1)))
    cls = rearrange(mixed[:, 0], "(b t) d -> b t d", t=frames).mean(dim=1, keepdim=True)
    rows = rearrange(mixed[:, 1:], "(b t) p d -> b (p t) d", t=frames, p=patches)
    x = torch.cat([x[:, :1], in_time], dim=1) + torch.cat([cls, rows], dim=1)
    return x + mlp(block.mlp, block.norm2(x)), attention


def gather(branch: nn.Module, cls: Tensor, tokens: Tensor) -> Tensor:
    """What becomes of the class token in a branch."""
    x = torch.cat([cls[:, None], tokens], dim=1)
    for block in branch.blocks:
        x = x + attend(block.mhsa, block.norm1(x))[0]
        x = x + mlp(block.mlp, block.norm2(x))
    return x[:, 0]


def attend(attention: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Multi-head self-attention with its map."""
    qkv = rearrange(attention.qkv(x), "r n (i h w) -> i r h n w", i=3, h=attention.heads)
    query, key, value = qkv
    weights = (query @ key.transpose(-2, -1) * query.shape[-1] ** -0.5).softmax(dim=-1)
    return attention.proj(rearrange(weights @ value, "r h n w -> r n (h w)")), weights


def mlp(layers: nn.Module, x: Tensor) -> Tensor:
    """Two linear layers with a GELU between."""
    return layers.fc2(F.gelu(layers.fc1(x)))
