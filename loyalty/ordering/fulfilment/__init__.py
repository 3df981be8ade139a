"""What becomes of orders once they are placed: reports of the hub, decisions, and the points that follow."""
