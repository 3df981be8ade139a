"""What outlets can order: products, what they cost whom and when, and which of them an outlet is offered."""
