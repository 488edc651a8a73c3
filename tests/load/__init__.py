"""The load generator's options, templates and reports, without a server."""
