"""`python -m cxstream`: the same as the console script `cxstream`."""

from cxstream.cli import main

if __name__ == "__main__":
    main()
