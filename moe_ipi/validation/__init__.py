"""Measurements that show whether a pair of experts may be trusted (``moe-ipi validate``)."""
