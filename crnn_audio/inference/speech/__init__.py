"""Speech recognition in use: recordings, streams, and pictures of what was recognised."""
