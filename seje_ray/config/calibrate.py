"""The section ``calibrate`` of a run file: phase I, how each feature is computed."""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from pydantic import ConfigDict

from seje_ray.config.backbone import BackboneConfig
from seje_ray.config.rules import STRICT, require


@dataclass(frozen=True, slots=True, kw_only=True)
class LineTaggerConfig:
    """The line tagger, a network that marks the ingredient in each line (tagger ``bilstm``)."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    hidden_dim: int = 64  # state of the LSTM, in each direction
    epochs: int = 4  # passes over the train lines; take 15 for a few thousand lines
    batch_size: int = 64  # lines
    learning_rate: float = 5e-3  # falls linearly to 0
    threshold: float = 0.5  # in [0, 1], confidence below which a line is re-examined

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

    file: str | None = None  # word2vec file to take the vectors from instead
    dim: int = 300  # E, dimensions of a word vector, of f_term and of f_cat
    window: int = 10  # words on each side
    epochs: int = 10  # passes over the train texts
    min_count: int = 10  # occurrences that a word needs to get a vector
    whiten: bool = False  # centre the vectors and decorrelate their dimensions; ours

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
    """The network that gives f_sent: by default skip-instructions, an LSTM."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    # transformer: calibrate.text_model as it is; file: the vectors of ``file``. Both leave all
    # settings below but max_sentences unused
    backend: Literal["skip_instructions", "transformer", "file"] = "skip_instructions"
    file: str | None = None  # Parquet of id, step (from 0) and vector; for backend file
    dim: int = 1024  # dimensions of a sentence vector
    vocabulary_size: int = 20_000  # most frequent words of the train texts
    epochs: int = 5  # passes over the train texts
    batch_size: int = 128  # pairs of consecutive sentences
    learning_rate: float = 1e-3  # of Adam
    max_sentences: int = 20  # S, instructions used of a recipe

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
    """The network whose food category gives f_cat."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    backbone: BackboneConfig = field(
        default_factory=lambda: BackboneConfig(name="torchvision/wide_resnet50_2")
    )
    freeze_backbone: bool = False  # train only the category layer, on pooled features
    # folder of labelled photos, in Food-101's layout or one folder per category; null: the train
    # photos, with the categories of their recipes
    photos: str | None = None
    # store its pooled features, which model.backbone.weights "categorizer" trains on
    store_features: bool = False
    vector: Literal["hard", "soft"] = "hard"  # vector of the top category, or expected vector
    epochs: int = 10  # passes over the labelled photos
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
    """Food categories of recipes: title bigrams, Food-101 names, back-off."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    num_bigrams: int = 2000  # most frequent title bigrams that are considered
    max_bigram_categories: int = 1000  # how many of them become categories at most
    min_members: int | None = None  # train recipes a category needs; null: by corpus size
    food101: bool = True  # names of Food-101 are categories too, after the bigrams
    table: str | None = None  # file of recipe ids and categories to take instead: docs/data.md
    # what a recipe without a category gets: none, the one with the nearest mean f_term, or that
    # and then the one that its photos show
    backoff: Literal["none", "nearest", "nearest_and_photos"] = "nearest"
    backoff_precision: float = 0.8  # in (0, 1], sets how near: docs/method.md, rule 3.2

    def __post_init__(self) -> None:
        require(
            self,
            ("num_bigrams", self.num_bigrams >= 0, ">= 0"),
            ("max_bigram_categories", self.max_bigram_categories >= 0, ">= 0"),
            ("min_members", self.min_members is None or self.min_members >= 1, ">= 1 or null"),
            ("backoff_precision", 0 < self.backoff_precision <= 1, "in (0, 1]"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTokensConfig:
    """Tokens of title, ingredient lines and steps, by the tokenizer of text_model."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    store: bool = False  # store them, which model.recipe_encoder text needs
    max_title: int = 32  # tokens of a title that are kept
    max_ingredient: int = 24  # of an ingredient line
    max_step: int = 64  # of an instruction

    def __post_init__(self) -> None:
        require(
            self,
            ("max_title", self.max_title >= 1, ">= 1"),
            ("max_ingredient", self.max_ingredient >= 1, ">= 1"),
            ("max_step", self.max_step >= 1, ">= 1"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class LexicalConfig:
    """All words of a recipe as a sparse bag, weighted by TF-IDF, which ``model.lexical`` reads."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    enabled: bool = False  # store the bags
    max_words: int = 2  # words in a row that make a term, at most
    min_count: int = 2  # train recipes that hold a term, at least
    max_terms: int = 50_000  # terms at most, the most frequent
    title_weight: int = 3  # times that the title counts
    # words that are left out of English recipes; those of other languages lose their own before
    stop_words: Literal["english", "none"] = "english"
    dim: int = 512  # dimensions of a term's vector, by a singular value decomposition
    max_recipes: int = 100_000  # train recipes that are looked at, drawn by chance where more are

    def __post_init__(self) -> None:
        require(
            self,
            ("max_words", self.max_words >= 1, ">= 1"),
            ("min_count", self.min_count >= 1, ">= 1"),
            ("max_terms", self.max_terms >= 1, ">= 1"),
            ("title_weight", self.title_weight >= 0, ">= 0"),
            ("dim", self.dim >= 1, ">= 1"),
            ("max_recipes", self.max_recipes >= 1, ">= 1"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class WordListConfig:
    """A user's own words, beside the built-in English ones: text files, a word in a line."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    stop_words: str | None = None  # say nothing about a dish; beside those of the language
    units: str | None = None  # of ingredient lines, e.g. EL, cuillère
    ingredients: str | None = None  # names of common ingredients, found in lines without entities


@dataclass(frozen=True, slots=True, kw_only=True)
class CalibrateConfig:
    """Phase I: how each feature is computed."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    # workspace whose fitted calibrator is taken as it is, with its settings of this section;
    # null: fitted on this workspace's train recipes
    calibrator_from: str | None = None
    # source of ingredient entities; none: of no ingredients, the words of lines are key terms, and
    # photos with a title, a caption or instructions alone will do
    tagger: Literal["det_ingrs", "bilstm", "none"] = "det_ingrs"
    # of the texts, by its code: stop words of spaCy's languages, words of zh, ja and th; units,
    # common ingredients and parts of speech are English only: docs/data.md
    language: str = "en"
    word_lists: WordListConfig = field(default_factory=WordListConfig)
    line_tagger: LineTaggerConfig = field(default_factory=LineTaggerConfig)
    # entities a line is re-examined by; corpus: val and test too
    known_entities: Literal["train", "corpus"] = "train"
    # key terms beside the entities: how verbs and nouns are found
    actions: Literal["none", "content_words", "pos"] = "pos"
    rater: Literal["tfidf", "textrank", "bert"] = "tfidf"  # what scores a key term
    # local folder, hub name, or minilm, which a package brings: docs/data.md; for all settings
    # that need a text model
    text_model: str | None = None
    # how f_term is normalised, a sum of word vectors weighted by the scores
    key_term_vector: Literal["weighted_mean", "sum", "l2"] = "weighted_mean"
    word_vectors: WordVectorConfig = field(default_factory=WordVectorConfig)
    sentence_encoder: SentenceEncoderConfig = field(default_factory=SentenceEncoderConfig)
    image_categorizer: ImageCategorizerConfig = field(default_factory=ImageCategorizerConfig)
    categories: CategoryConfig = field(default_factory=CategoryConfig)
    lexical: LexicalConfig = field(default_factory=LexicalConfig)
    # store text_model's vectors of title, ingredient lines and steps, which
    # model.recipe_encoder transformer needs
    text_vectors: bool = False
    text_tokens: TextTokensConfig = field(default_factory=TextTokensConfig)
    # store f_term and the bag of each recipe's title, ingredients and steps alone, which
    # train.partial_texts needs
    partial_texts: bool = False

    @property
    def needs_ingredients(self) -> bool:
        """Whether a recipe without ingredients is left out."""
        return self.tagger != "none"

    def __post_init__(self) -> None:
        needs_text_model = {
            "rater bert": self.rater == "bert",
            "sentence_encoder.backend transformer": self.sentence_encoder.backend == "transformer",
            "text_vectors": self.text_vectors,
            "text_tokens.store": self.text_tokens.store,
        }
        needed_for = " and ".join(name for name, needs in needs_text_model.items() if needs)
        require(
            self,
            (
                "actions",
                self.language == "en" or self.actions != "pos",
                "content_words or none where language is not en: parts of speech are English only",
            ),
            (
                "text_model",
                self.text_model is not None or not needed_for,
                f"a local folder or a hub name for {needed_for}",
            ),
        )
