"""The command line as `python -m crnn_audio`."""

from crnn_audio.cli import main

if __name__ == "__main__":
    main()
