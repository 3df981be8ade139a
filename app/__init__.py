"""The process: composition root, HTTP and pages. No business rule lives here."""
