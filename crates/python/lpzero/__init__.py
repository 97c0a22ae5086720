"""Find zero-cost proxies for language models, and score any PyTorch module with them."""

from ._lpzero import *  # noqa: F403
