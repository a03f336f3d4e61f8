"""From waveforms to normalised, augmented features: everything between the audio file and the network."""
