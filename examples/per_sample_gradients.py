"""The gradient of each sequence of a batch, all at once, with torch.func.vmap.

Which sequence pulls hardest at the weights? A batch's gradient is the mean of its sequences'
gradients; this keeps them apart. torch's own recurrent layers refuse.
"""

import torch
from torch.func import functional_call, grad, vmap

from clew.nn import GRU

torch.manual_seed(0)
gru = GRU(3, 8)
x = torch.randn(10, 6, 3)  # (T, B, D)
x[:, 4] *= 5  # one sequence is louder than the others
weights = {name: p.detach() for name, p in gru.named_parameters()}


def loss(weights: dict[str, torch.Tensor], one: torch.Tensor) -> torch.Tensor:
    """Of one sequence (T, D)."""
    y, _ = functional_call(gru, weights, (one,))
    return y.pow(2).mean()


each = vmap(grad(loss), in_dims=(None, 1))(weights, x)  # name -> (B, *shape)
lengths = torch.stack([g.flatten(1).norm(dim=1) for g in each.values()]).norm(dim=0)
for number, length in enumerate(lengths.tolist()):
    print(f"sequence {number}: gradient of length {length:.4f} {'#' * round(100 * length)}")

total = sum(loss(dict(gru.named_parameters()), x[:, b]) for b in range(6)) / 6
total.backward()
difference = max(
    (each[name].mean(0) - p.grad).abs().max().item() for name, p in gru.named_parameters()
)
print(f"their mean differs from the batch's gradient by {difference:.1e}")
