"""python -m dlib_bvae <command> …: the same as dlib_bvae <command> … and dlib_bvae_<command> …."""

from dlib_bvae.commands import main

if __name__ == "__main__":
    main()
