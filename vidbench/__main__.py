"`python -m vidbench` is the `vidbench` command; it is how several processes of one training are started."
from vidbench.launch.cli import main

if __name__ == "__main__":
    raise SystemExit(main())
