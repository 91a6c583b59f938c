"""From an expert's table in the config to an expert."""

from __future__ import annotations

from moe_ipi.config import ComputeConfig, Config, ExpertConfig, FinnisSinclairExpert, ModelExpert
from moe_ipi.experts.expert import Expert
from moe_ipi.experts.finnis_sinclair import FinnisSinclair
from moe_ipi.experts.offsets import OffsetExpert
from moe_ipi.threads import set_threads, set_workers, threads


def load_expert(config: ExpertConfig, compute: ComputeConfig, *, name: str) -> Expert:
    """Load the expert that a config table describes.

    Args:
        config: the table ``[experts.NAME]``.
        compute: the table ``[compute]``: device, and how models are compiled.  The analytic expert needs none of it.
        name: its name, for messages.

    Raises:
        ModelError: the file cannot serve as an expert; the message says why and what to do.
    """
    if isinstance(config, FinnisSinclairExpert):
        return FinnisSinclair(config.parameters)
    # torch is slow to import
    from moe_ipi.experts.nequip.cache import CompileOptions
    from moe_ipi.experts.nequip.download import local_file
    from moe_ipi.experts.nequip.load import load_nequip_model

    expert = load_nequip_model(
        local_file(config.path),
        key=config.key,
        name=name,
        device=compute.device,
        compile=compute.compile,
        sha256=config.sha256,
        chunk=compute.chunk,
        options=CompileOptions(compute.tf32, compute.modifiers),
    )
    return OffsetExpert(expert, config.offsets, name) if config.offsets else expert


def load_pair(config: Config, *, device: str | None = None, compile: bool | None = None) -> tuple[Expert, Expert]:
    """Load the complex and the bulk expert that a config names, and let this process use its threads.

    Args:
        config: see :func:`moe_ipi.config.load_config`.
        device, compile: override the config's ``[compute]`` keys.

    Raises:
        ModelError: a model file cannot be used.
    """
    changes = {"device": device, "compile": compile}
    compute = config.compute.model_copy(update={key: value for key, value in changes.items() if value is not None})
    models = [each for each in (config.experts.complex, config.experts.bulk) if isinstance(each, ModelExpert)]
    if models:
        # Before they are loaded: a compiled model is made for so many calls at once.
        compiled_here = compute.compile and not any(model.path.name.endswith(".pt2") for model in models)
        share = set_workers if compiled_here and compute.device == "cpu" else set_threads
        share(compute.threads or threads())
    complex, bulk = (load_expert(getattr(config.experts, name), compute, name=name) for name in ("complex", "bulk"))
    return complex, bulk
