"""What all staff pages share: layout, log-in, forms and their tokens, components, lists."""
