"""A person's own recordings: a folder of audio and texts, a table or Lhotse cuts become manifests."""
