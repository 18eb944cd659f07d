"""What the gates do: an LSTM learns to remember the first of its inputs, and shows how.

The first step says + or -, then come numbers that mean nothing. After training, the forget gates
of the units that matter stay near 1: that is what remembering looks like.
"""

import torch
from torch import nn

from clew.nn import LSTM

torch.manual_seed(0)
lstm, answer = LSTM(2, 8, init="chrono", t_max=20), nn.Linear(8, 1)
optimizer = torch.optim.Adam([*lstm.parameters(), *answer.parameters()], lr=0.02)


def batch(size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """(T, B, 2), the sign at the first step of channel 0, noise in channel 1; the signs (B,)."""
    sign = torch.randint(0, 2, (size,)).float() * 2 - 1
    x = torch.zeros(20, size, 2)
    x[0, :, 0] = sign
    x[:, :, 1] = torch.randn(20, size)
    return x, sign


for _ in range(150):
    x, sign = batch(64)
    y, _ = lstm(x)
    loss = nn.functional.soft_margin_loss(answer(y[-1]).squeeze(-1), sign)
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(f"loss after training: {loss.item():.4f}\n")

trace = lstm.trace(batch(1)[0])
forget, cell = trace.f[0][:, 0], trace.c[0][:, 0]  # (T, H) each
spread = lstm.trace(batch(64)[0]).c[0][-1].std(dim=0)
keeper = int(spread.argmax())  # the unit whose memory differs most at the end
print(f"unit {keeper} keeps the answer. Its forget gate and its memory, step by step:")
for step in range(len(forget)):
    gate = forget[step, keeper].item()
    print(
        f"  {step:2d}  forget {gate:.2f} {'#' * round(20 * gate):20}  c {cell[step, keeper]:+.2f}"
    )
