"""What a file becomes: text, tables, batches with lengths."""
