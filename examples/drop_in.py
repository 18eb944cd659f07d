"""Change an import, keep the weights: clew.nn.LSTM in place of torch.nn.LSTM.

A small model from torch code is trained for a moment, then its weights move to Clew's layer, which
gives the same numbers but for the rounding of float32 (its sums are made in another order, and
differ by less than 1e-5). It also reads what torch refuses: an empty sequence.
"""

import torch
from torch import nn

import clew


class Reader(nn.Module):
    """Reads a sequence of numbers and says whether its sum is above 0."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.lstm = layer
        self.answer = nn.Linear(16, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """(T, B, 1) -> (B,), above 0 for yes."""
        _, (h, _) = self.lstm(x)
        return self.answer(h[-1]).squeeze(-1)


torch.manual_seed(0)
model = Reader(nn.LSTM(1, 16))
optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
for _ in range(100):
    x = torch.randn(12, 64, 1)
    loss = nn.functional.binary_cross_entropy_with_logits(model(x), (x.sum((0, 2)) > 0).float())
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
print(f"trained with torch.nn.LSTM: loss {loss.item():.3f}")

ours = Reader(clew.nn.LSTM(1, 16))
ours.load_state_dict(model.state_dict())  # the names are the same
print(f"largest difference between the two: {(ours(x) - model(x)).abs().max().item():.1e}")

y, (h, c) = ours.lstm(x[:, :3], lengths=torch.tensor([12, 5, 0]))
print("states after 12, 5 and 0 steps:", h[0].norm(dim=-1).tolist())
