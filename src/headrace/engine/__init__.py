"""How each noun is computed: values in, values out; no Dagster."""
