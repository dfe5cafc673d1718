"""Values that nobody thought of: either they render well, or they are refused with a sentence."""

import re
from typing import Any

from hypothesis import HealthCheck, given, settings, strategies as st
import kubernetes_validate

from tests.chart.chart import PRESETS, Refused, render

NAMES = st.sampled_from(["a", "lamp", "garden-pump", "x1", "Wrong", "home-assistant"])
ZONES = st.sampled_from(["hall", "attic", "nowhere"])
PRINTABLE = st.characters(codec="utf-8", exclude_categories=["C", "Z"])
TEXT = st.text(PRINTABLE, max_size=12) | st.sampled_from(
    ['"', "'", "{{ x }}", "a: b", "- a", "#", "%", "\\", "null", "1e3", "yes", "\n"]
)
QUANTITIES = st.sampled_from(["1Gi", "100m", "0", "1.5", "a lot", "", 5])
ADDRESSES = st.sampled_from(["192.168.1.0/24", "10.1.2.3/32", "home", "fd00::/8"])

VOLUMES = st.fixed_dictionaries(
    {"path": st.sampled_from(["/data", "/a b", "data"])},
    optional={
        "size": QUANTITIES.filter(lambda value: isinstance(value, str)),
        "nfs": st.just({"server": "nas", "path": "/x"}),
        "emptyDir": st.just(True),
        "existingClaim": st.just("claim"),
        "readOnly": st.booleans(),
        "keep": st.booleans(),
    },
)
DEVICES = st.fixed_dictionaries(
    {},
    optional={
        "preset": st.sampled_from([*PRESETS, "unheard-of"]),
        "image": st.sampled_from(["a/b:1", "a/b", "r:5000/x@sha256:00", "x:y"]),
        "zone": ZONES,
        "connects": st.lists(NAMES, max_size=2, unique=True),
        "availability": st.sampled_from(["pinned", "roaming"]),
        "priority": st.sampled_from(["essential", "normal", "comfort"]),
        "env": st.dictionaries(
            st.sampled_from(["A", "B_2"]),
            TEXT | st.integers() | st.booleans(),
            max_size=2,
        ),
        "ports": st.dictionaries(
            st.sampled_from(["web", "mqtt"]),
            st.fixed_dictionaries(
                {"port": st.integers(1, 65535)},
                optional={"hostPort": st.integers(1, 65535)},
            ),
            max_size=2,
        ),
        "service": st.fixed_dictionaries(
            {"type": st.sampled_from(["ClusterIP", "LoadBalancer", "None"])}
        ),
        "storage": st.dictionaries(
            st.sampled_from(["data", "media"]), VOLUMES, max_size=2
        ),
        "usb": st.fixed_dictionaries(
            {},
            optional={
                "resource": st.sampled_from(["squat.ai/zigbee", "zigbee"]),
                "network": st.sampled_from(
                    ["tcp://10.0.0.1:1", "tcp://slzb:6638", "x"]
                ),
            },
        ),
        "autoscale": st.fixed_dictionaries(
            {"max": st.integers(1, 4)}, optional={"min": st.integers(1, 4)}
        ),
        "schedule": st.sampled_from(["0 4 * * *", "@daily", "never"]),
        "hass": st.fixed_dictionaries(
            {},
            optional={
                "name": TEXT,
                "area": TEXT,
                "icon": st.sampled_from(["mdi:lamp", "lamp"]),
                "protected": st.booleans(),
                "controls": st.lists(
                    st.sampled_from(["power", "run"]), max_size=2, unique=True
                ),
            },
        ),
        "resources": st.fixed_dictionaries(
            {"limits": st.fixed_dictionaries({"memory": QUANTITIES})}
        ),
        "config": st.dictionaries(
            st.sampled_from(["a.conf"]),
            st.fixed_dictionaries(
                {"path": st.just("/etc/a.conf"), "text": TEXT},
                optional={"seed": st.booleans()},
            ),
            max_size=1,
        ),
        "internet": st.sampled_from(["allow", "deny"]),
        "lan": st.lists(ADDRESSES, max_size=2),
        "hostNetwork": st.booleans(),
    },
)
VALUES = st.fixed_dictionaries(
    {
        "zones": st.fixed_dictionaries(
            {
                "hall": st.fixed_dictionaries(
                    {"psa": st.sampled_from(["restricted", "privileged"])}
                ),
                "attic": st.just({"psa": "privileged", "internet": "allow"}),
            }
        ),
        "devices": st.dictionaries(NAMES, DEVICES, max_size=3),
    },
    optional={
        "homeAssistant": st.fixed_dictionaries(
            {},
            optional={
                "timeZone": TEXT,
                "env": st.dictionaries(st.just("X"), TEXT, max_size=1),
                "network": st.fixed_dictionaries(
                    {"mode": st.sampled_from(["pod", "host"])}
                ),
            },
        ),
        "access": st.fixed_dictionaries({"only": st.booleans()}),
    },
)


@given(values=VALUES)
@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
def test_values_render_well_or_are_refused_with_a_sentence(
    values: dict[str, Any],
) -> None:
    try:
        house = render(values)
    except Refused as refused:
        said = str(refused)
        assert re.search(
            r"need a correction|Device \S+: |don't meet the specifications", said
        ), said
        return
    seen = set()
    for each in house.objects:
        metadata = each["metadata"]
        key = (each["kind"], metadata.get("namespace"), metadata["name"])
        assert key not in seen
        seen.add(key)
        kubernetes_validate.validate(each, "1.37", strict=True)
    for name, device in values["devices"].items():
        for variable, text in device.get("env", {}).items():
            assert {str(text) if not isinstance(text, bool) else str(text).lower()} <= {
                entry.get("value")
                for workload, spec in house.pods()
                if workload["metadata"]["name"] == f"home-{name}"
                for entry in spec["containers"][0].get("env", ())
                if entry["name"] == variable
            }
