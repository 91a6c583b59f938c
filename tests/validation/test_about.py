"""What a report says of its subject."""

from moe_ipi.config.regions import RegionsConfig
from moe_ipi.validation.about import growth_text, rule_text


def test_rules_in_words():
    regions = RegionsConfig.model_validate(
        {
            "radius_in": 5.0,
            "radius_out": 5.5,
            "dwell": 2,
            "rules": [
                {"type": "coordination", "species": ["Pt"], "cutoff": 3.4, "below": 7.5, "average": True},
                {"type": "slab", "axis": "z", "min": 1.0, "max": 2.5},
            ],
        }
    )
    assert [rule_text(rule) for rule in regions.rules] == [
        "coordination: species Pt, cutoff 3.4 Å, below 7.5, average yes",
        "slab: axis z, min 1 Å, max 2.5 Å",
    ]
    assert growth_text(regions) == (
        "atoms within 5 Å of a seed become complex, and stay so within 5.5 Å, for 2 segments at least"
    )
    assert "every atom is bulk" in growth_text(RegionsConfig(radius=3.0))
