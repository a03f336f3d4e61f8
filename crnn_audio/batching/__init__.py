"""From a manifest to padded batches."""
