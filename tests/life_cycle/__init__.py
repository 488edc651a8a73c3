"""The life of models: what serves, who changes it, and that callers never notice more than they are promised."""
