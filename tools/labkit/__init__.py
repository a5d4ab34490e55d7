"""The lab: systemd containers by podman that stand for the nodes of a cluster file, on this machine."""
