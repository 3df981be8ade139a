"""The clock: what runs without anybody asking. Thin files that call verbs."""
