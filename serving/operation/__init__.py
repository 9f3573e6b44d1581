"""How the service is watched and kept upright: metrics, logs, traces, and requests turned away before it is too late."""
