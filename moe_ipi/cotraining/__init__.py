"""Training two experts together, with NequIP's own training stack, so that they agree where they meet.

A training config names what stands here by its path, for instance ``moe_ipi.cotraining.CoTrainingModule``;
``training/pt_co/pair.yaml`` is an example of all of it.
"""

from moe_ipi.cotraining.assignment import AssignmentTransform
from moe_ipi.cotraining.crystals import UnlabelledCells
from moe_ipi.cotraining.experts import two_experts
from moe_ipi.cotraining.frame_order import FrameOrder
from moe_ipi.cotraining.loss import CoTrainingLoss, CoTrainingMetrics
from moe_ipi.cotraining.module import CoTrainingModule
from moe_ipi.cotraining.sparse_products import SparseProducts

__all__ = [
    "AssignmentTransform",
    "CoTrainingLoss",
    "CoTrainingMetrics",
    "CoTrainingModule",
    "FrameOrder",
    "SparseProducts",
    "UnlabelledCells",
    "two_experts",
]
