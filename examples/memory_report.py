"""How far back does it remember? A layer of torch learns to echo, and the instruments find it out.

At every step the right answer is the letter of six steps ago. Nobody tells the instruments: they
look at the trained torch.nn.LSTM from outside and say how far back it looks, and how they know.
"""

import torch
from torch import nn

from clew.memory import Settings, examine

LETTERS, AGO, STEPS = 4, 6, 40
torch.manual_seed(0)
lstm, readout = nn.LSTM(LETTERS, 48), nn.Linear(48, LETTERS)
optimizer = torch.optim.Adam([*lstm.parameters(), *readout.parameters()], lr=0.01)


def batch(size: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Letters (T, B, 4), one of them at each step, and those of six steps before (T, B)."""
    letters = torch.randint(0, LETTERS, (STEPS, size))
    return nn.functional.one_hot(letters, LETTERS).float(), letters.roll(AGO, 0)


for _ in range(400):
    x, y = batch(32)
    said = readout(lstm(x)[0])
    loss = nn.functional.cross_entropy(said[AGO:].flatten(0, 1), y[AGO:].flatten())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(f"loss after training: {loss.item():.4f}\n")

x, y = batch(100)
report = examine(
    lstm,
    list(x.unbind(1)),
    targets=list(y.unbind(1)),
    readout=readout,
    settings=Settings(("horizon", "gradient", "gates", "linear"), reach=24, lags=16),
)
for line in report.summary():
    print(line)
# report.save("echo") would write the page with the pictures, and every number.
