"""A cheap bulk expert for a model that exists (``moe-ipi distill``)."""
