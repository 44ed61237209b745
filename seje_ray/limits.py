"""The limits of what is read of files that others made; docs/reliability.md lists them."""

MEGABYTE = 1 << 20

# Records of recipes
MAX_RECORD_CHARS = 8 * MEGABYTE  # of one record, in every format; bytes, in tables of Arrow
MAX_ID_LENGTH = 200  # characters of a recipe's id
MAX_REREAD = 8  # characters looked at again behind damage, for each one of the file so far
MIN_REREAD_CHARS = 64 * MEGABYTE  # below it any damage is looked into
ATTEMPT_CHARS = 4096  # that an attempt counts for, beside those it looks at
SKIPPED_CHARS = 256  # at least, behind damage that is not looked into any more

# Packed files
MAX_GROWTH = 500  # bytes per packed byte; texts have some 3 to 30
MIN_GROWN_BYTES = 256 * MEGABYTE  # below it any growth will do
MAX_PAGES_LOOKED_AT = 100_000  # of a Parquet column in a row group

# Photos
MAX_PHOTO_BYTES = 64 * MEGABYTE  # of a photo's file
MAX_PIXELS = 64_000_000
MIN_SIDE = 16  # pixels
MAX_ASPECT = 8.0  # longer side over shorter side

# Files beside the recipes
MAX_TABLE_CHARS = 256 * MEGABYTE  # of a category table that is text
MAX_CELL_BYTES = 64 << 10  # of an id or a class in a table of categories
MAX_LINE_CHARS = 8 * MEGABYTE  # of word vectors and lists
MAX_VECTOR_DIM = 10_000  # numbers of a word vector
MAX_REPEATED_WORDS = 10_000  # of a file of word vectors, or as many as it has words

MAX_WEIGHTS_GROWTH = 2  # bytes of a .pth file's numbers per byte of the file

# Run files
MAX_RUN_FILE_BYTES = MEGABYTE
MAX_RUN_FILE_DEPTH = 40  # sections inside sections
MAX_RUN_FILE_VALUES = 20_000  # with what aliases repeat
MAX_RUN_FILE_ALIASES = 100
MAX_NUMBER = 2**31  # of a setting, in size
MAX_NAME_LENGTH = 100  # characters of a run's name
