"""Reading a ``moe.toml``: absolute paths, and one line that names the key of whatever is wrong."""

from __future__ import annotations

import tomllib
from pathlib import Path

from pydantic import ValidationError

from moe_ipi.config.tables import Config, ExpertConfig, ModelExpert
from moe_ipi.errors import ConfigError


def load_config(path: str | Path) -> Config:
    """Read and validate a ``moe.toml``.

    Args:
        path: the file.

    Returns:
        The configuration, with absolute paths.

    Raises:
        ConfigError: the file is missing, is not TOML, or has a key that cannot be used (named).
    """
    path = Path(path)
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"cannot read the config '{path}': {error.strerror or error}; give the path of a moe.toml"
        ) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"'{path}' is not valid TOML: {error}") from error
    try:
        config = Config.model_validate(data)
    except ValidationError as error:
        raise ConfigError(f"{path}: {_first_problem(error)}") from error
    return _with_absolute_paths(config, path.resolve().parent)


def _first_problem(error: ValidationError) -> str:
    problems = error.errors(include_url=False)
    first = problems[0]
    # pydantic puts the tag of a union (experts.NAME.TAG, rules.NUMBER.TAG) into the location; it is no key of the file.
    loc = first["loc"]
    where = [str(part) for k, part in enumerate(loc) if k < 2 or loc[k - 2] not in ("experts", "rules")]
    key = ".".join(where) or "the file"
    if first["type"] == "extra_forbidden":
        text = "is not a known key; remove it or check its spelling"
    elif first["type"] == "missing":
        text = "is missing; add it"
    else:
        text = first["msg"].removeprefix("Value error, ")
        text = text[0].lower() + text[1:]
        if not isinstance(first["input"], (dict, list)):
            text += f" (got {first['input']!r})"
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    return f"{key}: {text}{more}"


def _with_absolute_paths(config: Config, base: Path) -> Config:
    def absolute(expert: ExpertConfig) -> ExpertConfig:
        if isinstance(expert, ModelExpert) and not expert.remote:
            return expert.model_copy(update={"path": base / expert.path.expanduser()})
        return expert

    experts = config.experts.model_copy(
        update={"complex": absolute(config.experts.complex), "bulk": absolute(config.experts.bulk)}
    )
    template = base / config.template.expanduser() if config.template is not None else None
    validation = config.validation
    if validation is not None:
        files = {"labels": validation.labels, "crystal": validation.crystal}
        found = {key: base / path.expanduser() for key, path in files.items() if path is not None}
        validation = validation.model_copy(update=found)
    return config.model_copy(update={"experts": experts, "template": template, "validation": validation})
