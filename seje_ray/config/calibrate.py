"""The section ``calibrate`` of a run file: phase I, how each feature is computed."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from pydantic import ConfigDict

from seje_ray.config.backbone import BackboneConfig
from seje_ray.config.rules import STRICT, require


@dataclass(frozen=True, slots=True, kw_only=True)
class LineTaggerConfig:
    """A network that marks the ingredient's name in each line (tagger ``bilstm``)."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    hidden_dim: int = 64  # state of the LSTM in each direction
    epochs: int = 4  # passes over the train lines; 15 for a few thousand of them
    batch_size: int = 64  # lines
    learning_rate: float = 5e-3  # falls linearly to 0
    threshold: float = 0.5  # in [0, 1]; a line marked with less confidence is re-examined

    def __post_init__(self) -> None:
        require(
            self,
            ("hidden_dim", self.hidden_dim >= 1, ">= 1"),
            ("epochs", self.epochs >= 0, ">= 0"),
            ("batch_size", self.batch_size >= 1, ">= 1"),
            ("learning_rate", self.learning_rate > 0, "> 0"),
            ("threshold", 0 <= self.threshold <= 1, "in [0, 1]"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WordVectorConfig:
    """word2vec on the train texts (skip-gram, hierarchical softmax)."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    file: str | None = None  # take the vectors from this word2vec file instead of fitting them
    dim: int = 300  # E
    window: int = 10  # words on each side
    epochs: int = 10
    min_count: int = 10  # occurrences a word needs to get a vector
    whiten: bool = False  # centre the vectors and decorrelate their dimensions; not in the paper

    def __post_init__(self) -> None:
        require(
            self,
            ("dim", self.dim >= 1, ">= 1"),
            ("window", self.window >= 1, ">= 1"),
            ("epochs", self.epochs >= 1, ">= 1"),
            ("min_count", self.min_count >= 1, ">= 1"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SentenceEncoderConfig:
    """Skip-instructions: an LSTM whose state predicts the next instruction."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    # "transformer" takes calibrate.text_model as it is, "file" the vectors of ``file``; of the
    # others only max_sentences is then used
    backend: Literal["skip_instructions", "transformer", "file"] = "skip_instructions"
    file: str | None = None  # Parquet of id, step (from 0) and vector, for backend file
    dim: int = 1024  # of a sentence vector
    vocabulary_size: int = 20_000  # most frequent words
    epochs: int = 5
    batch_size: int = 128  # pairs of consecutive sentences
    learning_rate: float = 1e-3
    max_sentences: int = 20  # S, instructions used per recipe

    def __post_init__(self) -> None:
        require(
            self,
            (
                "file",
                (self.file is not None) == (self.backend == "file"),
                "a Parquet file where backend is file, and null elsewhere",
            ),
            ("dim", self.dim >= 1, ">= 1"),
            ("vocabulary_size", self.vocabulary_size >= 10, ">= 10"),
            ("epochs", self.epochs >= 0, ">= 0"),
            ("batch_size", self.batch_size >= 1, ">= 1"),
            ("learning_rate", self.learning_rate > 0, "> 0"),
            ("max_sentences", self.max_sentences >= 1, ">= 1"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageCategorizerConfig:
    """The network whose category gives f_cat."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    backbone: BackboneConfig = field(
        default_factory=lambda: BackboneConfig(name="torchvision/wide_resnet50_2")
    )
    freeze_backbone: bool = False  # train the category layer only, on pooled features
    # folder of labelled photos: Food-101's layout, or one folder per class; null: the train photos
    # with the categories of their recipes
    photos: str | None = None
    # keep its pooled features: what a run with model.backbone.weights "categorizer" trains on
    store_features: bool = False
    vector: Literal["hard", "soft"] = "hard"  # top category's vector, or the expected vector
    epochs: int = 10
    batch_size: int = 64  # photos
    learning_rate: float = 1e-3  # peak of the one-cycle schedule

    def __post_init__(self) -> None:
        require(
            self,
            ("epochs", self.epochs >= 0, ">= 0"),
            ("batch_size", self.batch_size >= 2, ">= 2"),
            ("learning_rate", self.learning_rate > 0, "> 0"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CategoryConfig:
    """Categories from title bigrams and Food-101 names, and for recipes that these leave out."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    num_bigrams: int = 2000  # most frequent title bigrams considered
    max_bigram_categories: int = 1000
    min_members: int | None = None  # train recipes a category needs; null scales with the corpus
    food101: bool = True  # take the names of Food-101 as categories, after the bigrams
    table: str | None = None  # file of recipe ids and classes to take instead: docs/data.md
    # for recipes without a category: the one with the nearest mean f_term, then what photos show
    backoff: Literal["none", "nearest", "nearest_and_photos"] = "nearest"
    backoff_precision: float = 0.8  # in (0, 1], of the nearest mean among labelled train recipes

    def __post_init__(self) -> None:
        require(
            self,
            ("num_bigrams", self.num_bigrams >= 0, ">= 0"),
            ("max_bigram_categories", self.max_bigram_categories >= 0, ">= 0"),
            ("min_members", self.min_members is None or self.min_members >= 1, ">= 1 or null"),
            ("backoff_precision", 0 < self.backoff_precision <= 1, "in (0, 1]"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrateConfig:
    """Phase I: how each feature is computed."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    tagger: Literal["det_ingrs", "bilstm"] = "det_ingrs"  # where ingredient entities come from
    line_tagger: LineTaggerConfig = field(default_factory=LineTaggerConfig)
    known_entities: Literal["train", "corpus"] = "train"  # "corpus" is transductive
    actions: Literal["none", "content_words", "pos"] = "pos"  # key terms besides entities
    rater: Literal["tfidf", "textrank", "bert"] = "tfidf"  # score of a key term
    text_model: str | None = None  # local folder or hub name, for whatever asks for one
    key_term_vector: Literal["weighted_mean", "sum", "l2"] = "weighted_mean"
    word_vectors: WordVectorConfig = field(default_factory=WordVectorConfig)
    sentence_encoder: SentenceEncoderConfig = field(default_factory=SentenceEncoderConfig)
    image_categorizer: ImageCategorizerConfig = field(default_factory=ImageCategorizerConfig)
    categories: CategoryConfig = field(default_factory=CategoryConfig)
    # store vectors of title, ingredient lines and steps by text_model, as they are: what
    # model.recipe_encoder transformer takes
    text_vectors: bool = False

    def __post_init__(self) -> None:
        needs_text_model = {
            "rater bert": self.rater == "bert",
            "sentence_encoder.backend transformer": self.sentence_encoder.backend == "transformer",
            "text_vectors": self.text_vectors,
        }
        needed_for = " and ".join(name for name, needs in needs_text_model.items() if needs)
        require(
            self,
            (
                "text_model",
                self.text_model is not None or not needed_for,
                f"a local folder or a hub name for {needed_for}",
            ),
        )
