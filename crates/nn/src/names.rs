//! Checkpoint names: the one place where every tensor of a network is named.
//!
//! Letters: C model width, V vocabulary, E_i width of embedding cluster i
//! (E_0 = E), n_i its number of tokens, T positions, `l` block, A and n width
//! and heads of the attention in a dynamic convolution, k its kernel length. In a
//! grouped attention, Q and K are the widths of all heads of queries and of keys
//! together, d that of one.
//! Weight matrices are (out, in), as PyTorch lays them out.
//!
//! | name | shape | there when |
//! | --- | --- | --- |
//! | `embedding.{i}.table` | (n_i, E_i) | always; division 1 has the one table `embedding.0.table` of shape (V, E) |
//! | `embedding.{i}.projection.weight` | (C, E_i) | division > 1: every cluster; division 1: only i = 0, where E != C |
//! | `embedding.{i}.projection.bias` | (C) | as above, with `projection_bias` |
//! | `position.table` | (positions, E or C) | but where attention is relative |
//! | `segment.table` | (token_types, E or C) | token_types > 0 |
//! | `embedding.norm.gain`, `.bias` | (E) | `embedding.norm` |
//! | `block.{l}.query.weight`, `key`, `value` | (C, C); dynamic convolution (A, C) | attention, dynamic convolution |
//! | `block.{l}.query.bias`, `key`, `value` | (C) or (A) | same, not relative |
//! | `block.{l}.query.weight`; `key`, `value` | (Q, C); (K, C) | grouped attention |
//! | `block.{l}.query.bias`; `key`, `value` | (Q); (K) | same, with biases |
//! | `block.{l}.query.norm.gain`, `key` | (d), or (Q); (K) where they are whole | same, with norms; a LayerNorm has a `.bias` too |
//! | `block.{l}.relative_key.weight` | (C, C) | relative attention; no bias |
//! | `block.{l}.query.content.bias`, `block.{l}.query.position.bias` | (C) | same |
//! | `block.{l}.weighting.weight` | (C, C) | weighted attention; no bias |
//! | `block.{l}.transform.weight`, `.bias` | (C, C), (C) | linear transform |
//! | `block.{l}.convolution.depthwise.weight` | (C, 1, k) | dynamic convolution; no bias |
//! | `block.{l}.convolution.pointwise.weight`, `.bias` | (A, C), (A) | same |
//! | `block.{l}.convolution.kernel.weight`, `.bias` | (n k, A), (n k) | same |
//! | `block.{l}.convolution.output.weight`, `.bias` | (A, C), (A) | same |
//! | `block.{l}.out.weight`, `.bias` | (C, C), grouped (C, Q), (C) | attention, dynamic convolution; no bias where relative, or grouped without |
//! | `block.{l}.ffn.{j}.weight`, `.bias` | (hidden_j or C, hidden_{j-1} or C), (out) | always, j from 0 to the number of hidden widths; no bias where the feed-forward network has none |
//! | `block.{l}.ffn.gate.weight`, `.bias` | (hidden_0, C), (hidden_0) | gated feed-forward network; bias as above |
//! | `block.{l}.norm.0.gain`, `.bias` | (C) | the mixer's norm; not with a linear transform |
//! | `block.{l}.norm.1.gain`, `.bias` | (C) | the feed-forward network's norm |
//! | `block.{l}.norm.0.after.gain`, `norm.1.after`; `.bias` | (C) | the norms after both, where norms stand around |
//! | `final.norm.gain`, `.bias` | (C) | pre-norm, after the last block |
//! | `head.weight` | (V, C) | free head |
//! | `head.{i}.projection` | (C, E_i), used transposed | adaptive head, clusters with a projection of their own |
//! | `head.cluster.weight`, `.bias` | (clusters - 1, E), (clusters - 1) | adaptive head with several clusters |
//! | `head.bias` | (V) | adaptive head |
//! | `objective.dense.weight`, `.bias` | (E, C), (E) | masked-token objective |
//! | `objective.norm.gain`, `.bias` | (E) | same |
//! | `objective.bias` | (V) | same |
//!
//! Norms of kind RMS have no `.bias`, but that of the masked-token objective.
//!
//! Head tensors exist only under the next-token objective, which alone uses
//! them.
//!
//! Adaptive head with division 1: the clusters are row ranges of the one table
//! (E_i = E), and a cluster without a projection of its own shares
//! `embedding.0.projection.weight`.
