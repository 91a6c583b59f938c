"""``python -m moe_ipi``: the command ``moe-ipi``."""

from moe_ipi.cli import main

if __name__ == "__main__":
    main()
