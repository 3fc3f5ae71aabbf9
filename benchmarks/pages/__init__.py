"""What bench_pages.py stands on: a campus in var/bench, the product with a hello page, and Django's page of the same rows."""
