"""A GPT's training step in PyTorch, as Quern's `bench compare` measures it beside its own.

Forward, backward and AdamW on random tokens. In bf16 matrix products run under autocast; with
--compile 1 the model goes through torch.compile and AdamW is the fused one. Needs only torch.
Prints one JSON object.
"""

import argparse
import json
import resource
import statistics
import time

import torch
from torch import nn
from torch.nn import functional

parser = argparse.ArgumentParser()
for name in ("layers", "heads", "channels", "feed-forward", "vocabulary", "positions", "batch", "context", "threads"):
    parser.add_argument("--" + name, type=int, required=True)
parser.add_argument("--precision", choices=("f32", "bf16"), default="f32")
parser.add_argument("--compile", type=int, default=0)
# The other sizes that Quern names say nothing new about GPT-2.
sizes, _ = parser.parse_known_args()

torch.set_num_threads(sizes.threads)
torch.manual_seed(1)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        width = sizes.channels
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.qkv, self.projection = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, sizes.feed_forward), nn.Linear(sizes.feed_forward, width)

    def attention(self, x):
        batch, length, width = x.shape
        heads = [part.view(batch, length, sizes.heads, -1).transpose(1, 2) for part in self.qkv(x).split(width, 2)]
        mixed = functional.scaled_dot_product_attention(*heads, is_causal=True)
        return self.projection(mixed.transpose(1, 2).reshape(batch, length, width))

    def forward(self, x):
        x = x + self.attention(self.norm1(x))
        return x + self.down(functional.gelu(self.up(self.norm2(x)), approximate="tanh"))


class Gpt(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens = nn.Embedding(sizes.vocabulary, sizes.channels)
        self.positions = nn.Embedding(sizes.positions, sizes.channels)
        self.blocks = nn.ModuleList(Block() for _ in range(sizes.layers))
        self.norm = nn.LayerNorm(sizes.channels)
        for parameter in self.parameters():
            if parameter.dim() > 1:
                nn.init.normal_(parameter, 0, 0.02)

    def forward(self, ids, labels):
        x = self.tokens(ids) + self.positions(torch.arange(ids.size(1)))
        for block in self.blocks:
            x = block(x)
        logits = functional.linear(self.norm(x), self.tokens.weight)
        return functional.cross_entropy(logits.view(-1, sizes.vocabulary), labels.view(-1))


model = Gpt()
fused = {"fused": True} if sizes.compile else {}
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-4, betas=(0.9, 0.95), weight_decay=0.1, **fused)
loss_of = torch.compile(model) if sizes.compile else model
ids = torch.randint(0, sizes.vocabulary, (sizes.batch, sizes.context))
labels = torch.randint(0, sizes.vocabulary, (sizes.batch, sizes.context))


def step():
    start = time.perf_counter()
    with torch.autocast("cpu", torch.bfloat16, enabled=sizes.precision == "bf16"):
        loss = loss_of(ids, labels)
    loss.backward()
    optimizer.step()
    optimizer.zero_grad(set_to_none=True)
    return (time.perf_counter() - start) * 1e3


def repeat(least, seconds):
    start, times = time.perf_counter(), []
    while len(times) < least or time.perf_counter() - start < seconds:
        times.append(step())
    return times


repeat(3, 0.5)
times = repeat(5, 5)
median = statistics.median(times)
setting = sizes.precision + (", compiled, fused AdamW" if sizes.compile else "")
print(
    json.dumps(
        {
            "peer": "PyTorch " + torch.__version__ + " (" + setting + ")",
            "ms_per_step": median,
            "tokens_per_second": sizes.batch * sizes.context / median * 1e3,
            "steps": len(times),
            "peak_rss_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        }
    )
)
