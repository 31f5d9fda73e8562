"""PyTorch, with all that it imports when it is first used: whoever fits on several threads imports this on one."""

from __future__ import annotations

from finq_predictor.domain.errors import ConfigurationError

try:
    import torch
except ImportError:
    raise ConfigurationError(
        "Networks over sequences are fitted with PyTorch, which is not installed; "
        "pip install 'finq-predictor[sequence]', or take them out of the race."
    ) from None

_weight = torch.zeros(1, requires_grad=True)
_optimizer = torch.optim.AdamW([_weight], foreach=True)
_optimizer.zero_grad(set_to_none=True)
_weight.sum().backward()
_optimizer.step()

__all__ = ["torch"]
