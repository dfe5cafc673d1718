"""Constants of the Home Cluster integration."""

from typing import Final

from homeassistant.const import Platform

DOMAIN: Final = "home_cluster"

PLATFORMS: Final = [
    Platform.BINARY_SENSOR,
    Platform.BUTTON,
    Platform.EVENT,
    Platform.NUMBER,
    Platform.SENSOR,
    Platform.SWITCH,
    Platform.UPDATE,
]

# Reads kubeconfigs whose credentials come from a plugin or an identity provider. 75 MB, so fetched
# only when one is used.
KUBERNETES_REQUIREMENT: Final = "kubernetes>=36,<38"

# How the API server is reached (entry data).
CONF_METHOD: Final = "method"
METHOD_IN_CLUSTER: Final = "in_cluster"
METHOD_KUBECONFIG: Final = "kubeconfig"
METHOD_TOKEN: Final = "token"
CONF_KUBECONFIG: Final = "kubeconfig"
CONF_CONTEXT: Final = "context"
# Credentials copied out of a kubeconfig, so that nothing needs to read it again.
CONF_STATIC: Final = "static"
CONF_URL: Final = "url"
CONF_TOKEN: Final = "token"
CONF_CA: Final = "ca"
CONF_VERIFY_SSL: Final = "verify_ssl"

# What becomes a device (entry options).
CONF_MODE: Final = "mode"
CONF_NAMESPACES: Final = "namespaces"

# From here on, in per cent, a file system is nearly full.
NEARLY_FULL: Final = 90

# How often CPU and memory are read, in seconds, while an entity shows them (entry options).
CONF_METRICS_INTERVAL: Final = "metrics_interval"
METRICS_INTERVAL: Final = 60
METRICS_INTERVALS: Final = (15, 3600)

# How many losses of a node within an hour are told (entry options).
CONF_NODE_LOSSES: Final = "node_losses"
NODE_LOSSES: Final = 5
FEWEST_LOSSES: Final = 2
MOST_LOSSES: Final = 60

# Updates (a part of the entry options).
CONF_UPDATES: Final = "updates"
CONF_UPDATE_CHECKS: Final = "update_checks"
CONF_AUTO_ROLLBACK: Final = "auto_rollback"
CONF_ALLOW_OWNED: Final = "allow_owned"
CONF_REGISTRIES: Final = "registries"
CONF_ADDRESS: Final = "address"
CONF_USERNAME: Final = "username"
CONF_PASSWORD: Final = "password"
