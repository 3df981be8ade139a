"""What `make bench` runs: ratios against a bare Sanic POST, taken in one run on one machine."""
