"""Reading a prompt and writing tokens by transformers, as Quern's `bench compare` measures it beside its own.

Greedy, on a model of GPT-2's or Llama's family with random weights, attention by PyTorch's scaled
dot product. With --compile 1 the cache is static, and writing a token goes through torch.compile.
Needs torch and transformers. Prints one JSON object.
"""

import argparse
import json
import resource
import statistics
import time

import torch
import transformers

parser = argparse.ArgumentParser()
for name in ("layers", "heads", "channels", "feed-forward", "vocabulary", "positions", "threads", "prompt", "tokens"):
    parser.add_argument("--" + name, type=int, required=True)
parser.add_argument("--family", required=True)
parser.add_argument("--groups", type=int)
parser.add_argument("--head-size", type=int)
parser.add_argument("--tied-head", default="true")
parser.add_argument("--precision", choices=("f32", "bf16"), default="f32")
parser.add_argument("--compile", type=int, default=0)
sizes, _ = parser.parse_known_args()

torch.set_num_threads(sizes.threads)
torch.set_grad_enabled(False)
torch.manual_seed(1)


def config():
    if sizes.family == "gpt2":
        return transformers.GPT2Config(
            vocab_size=sizes.vocabulary,
            n_positions=sizes.positions,
            n_embd=sizes.channels,
            n_inner=sizes.feed_forward,
            n_layer=sizes.layers,
            n_head=sizes.heads,
        )
    return transformers.LlamaConfig(
        vocab_size=sizes.vocabulary,
        max_position_embeddings=sizes.positions,
        hidden_size=sizes.channels,
        intermediate_size=sizes.feed_forward,
        num_hidden_layers=sizes.layers,
        num_attention_heads=sizes.heads,
        num_key_value_heads=sizes.groups,
        head_dim=sizes.head_size,
        tie_word_embeddings=sizes.tied_head == "true",
    )


dtype = torch.bfloat16 if sizes.precision == "bf16" else torch.float32
model = transformers.AutoModelForCausalLM.from_config(config(), dtype=dtype, attn_implementation="sdpa").eval()
write = torch.compile(model) if sizes.compile else model
prompt = torch.randint(0, sizes.vocabulary, (1, sizes.prompt))


def cache():
    if sizes.compile:
        return transformers.StaticCache(config=model.config, max_cache_len=sizes.prompt + sizes.tokens)
    return transformers.DynamicCache(config=model.config)


def read(forward, ids, memory):
    """The likeliest next token."""
    out = forward(input_ids=ids, past_key_values=memory, use_cache=True, logits_to_keep=1)
    return out.logits[:, -1:].argmax(-1)


def one_pass():
    memory = cache()
    start = time.perf_counter()
    token = read(model, prompt, memory)
    before = time.perf_counter()
    prefill = (before - start) * 1e3
    decode = []
    for _ in range(sizes.tokens):
        token = read(write, token, memory)
        now = time.perf_counter()
        decode.append((now - before) * 1e3)
        before = now
    return prefill, decode


def repeat(least, seconds):
    start, passes = time.perf_counter(), []
    while len(passes) < least or time.perf_counter() - start < seconds:
        passes.append(one_pass())
    return passes


# The first compiles.
repeat(2 if sizes.compile else 1, 0)
passes = repeat(2, 5)
prefill = statistics.median(time for time, _ in passes)
token = statistics.median(time for _, times in passes for time in times)
setting = sizes.precision + (", compiled, static cache" if sizes.compile else "")
print(
    json.dumps(
        {
            "peer": "transformers " + transformers.__version__ + " (" + setting + ")",
            "ms_per_step": token,
            "tokens_per_second": 1e3 / token,
            "prefill_ms": prefill,
            "prefill_tokens_per_second": sizes.prompt / prefill * 1e3,
            "peak_rss_gib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20,
        }
    )
)
