"""The sections of a run file, as frozen dataclasses.

A field's comment says its unit and range; its check is in ``__post_init__``. The defaults are
the paper's settings (METHOD marks them); ``runs/*.yaml`` hold only what differs.
"""

from dataclasses import dataclass, field
from typing import ClassVar, Literal

from pydantic import ConfigDict

from seje_ray.config.loss import LossConfig
from seje_ray.config.recipe_transformer import RecipeTransformerConfig
from seje_ray.config.rules import STRICT
from seje_ray.config.rules import require as _require
from seje_ray.config.tune import TuneConfig

CATEGORIZER = "categorizer"  # as weights: those of the fitted image categorizer


@dataclass(frozen=True, slots=True, kw_only=True)
class DataConfig:
    """What ``ingest`` reads and keeps."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    cookbook_recipes: int = 3000  # recipes of the embedded cookbook, where no --data is given
    removed: Literal["none", "public", "strict"] = "public"  # how remove1M.txt is applied
    recipes_per_shard: int = 256  # the unit that is committed and resumed
    shorter_side: int = 256  # pixels, of the stored JPEGs
    max_images: int = 5  # photos kept per recipe; the paper uses the first five

    def __post_init__(self) -> None:
        _require(
            self,
            ("cookbook_recipes", self.cookbook_recipes >= 1, ">= 1"),
            ("recipes_per_shard", self.recipes_per_shard >= 1, ">= 1"),
            ("shorter_side", self.shorter_side >= 16, ">= 16"),
            ("max_images", self.max_images >= 1, ">= 1"),
        )


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
        _require(
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
        _require(
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
        _require(
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
class BackboneConfig:
    """An image CNN or ViT by name, and the pixels it sees."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    name: str = "torchvision/resnet50"  # torchvision/NAME, timm/NAME, or NAME (torchvision first)
    # null = random, "download", a local .safetensors file, or, for a frozen model.backbone that is
    # the same network, "categorizer": the image categorizer's, once that is fitted
    weights: str | None = None
    resize: int = 256  # pixels, shorter side after decoding
    crop: int = 224  # pixels, side of the square that the network sees

    def __post_init__(self) -> None:
        _require(
            self,
            ("crop", self.crop >= 8, ">= 8"),
            ("resize", self.resize >= self.crop, f">= crop ({self.crop})"),
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
        _require(
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
        _require(
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
        _require(
            self,
            (
                "text_model",
                self.text_model is not None or not needed_for,
                f"a local folder or a hub name for {needed_for}",
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelConfig:
    """Shape of the joint-embedding model."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    freeze_backbone: bool = False  # train on pooled features that calibrate stores
    embedding_dim: int = 1024  # D, dimensions of the joint space
    # the paper's LSTM over f_sent beside f_term, or transformers over title, ingredients and steps
    recipe_encoder: Literal["lstm", "transformer"] = "lstm"
    lstm_dim: int = 1024  # state of the recipe LSTM
    recipe_transformer: RecipeTransformerConfig = field(default_factory=RecipeTransformerConfig)
    dropout: float = 0.0  # in [0, 1), before each head's last linear layer
    use_key_terms: bool = True  # false: an ablation, f_term is zero; the transformer has none
    use_sentences: bool = True  # false: an ablation, f_sent is zero; the transformer has none
    use_image_category: bool = True  # false: an ablation, f_cat is zero

    def __post_init__(self) -> None:
        _require(
            self,
            ("embedding_dim", self.embedding_dim >= 1, ">= 1"),
            ("lstm_dim", self.lstm_dim >= 1, ">= 1"),
            ("dropout", 0 <= self.dropout < 1, "in [0, 1)"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainConfig:
    """Length, batch and optimiser of the training."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    num_epochs: int = 720  # at most; early stopping ends it sooner
    global_batch_size: int = 100  # pairs per step over all workers, so --workers changes no number
    learning_rate: float = 1e-4  # of the heads
    backbone_learning_rate: float | None = None  # of the image backbone; null = learning_rate
    weight_decay: float = 0.0  # >= 0, decoupled (AdamW) where > 0
    warmup_steps: int = 0  # linear, from 0 to the learning rate
    schedule: Literal["plateau", "cosine"] = "plateau"  # drop without gain, or fall to 0 by the end
    lr_drop_patience: int = 3  # epochs without gain before the learning rates drop
    lr_drop_factor: float = 0.1  # in (0, 1)
    stop_patience: int = 10  # further epochs without gain before training stops
    # statistics of the image backbone: of the global batch, of each worker's rows, or those that
    # its weights came with
    batch_norm: Literal["global", "worker", "frozen"] = "global"
    # the image backbone's turn: always; after freeze_epochs; alternately with the heads, which
    # begin, each for freeze_epochs. Without meaning where model.freeze_backbone is true: the heads
    # learn always
    freeze_schedule: Literal["none", "warm", "alternate"] = "none"
    freeze_epochs: int = 5  # unused where freeze_schedule is none
    # pairs per worker and pass of the image backbone, which then needs less memory and a pass
    # more; exact unless its BatchNorm takes statistics of the batch. null: all at once
    micro_batch_size: int | None = None
    compile: bool = False  # the model by torch.compile; the first steps take minutes
    precision: Literal["bf16", "fp32"] = "bf16"  # autocast, where the device is CUDA
    max_val_pairs: int = 10_000  # val pairs embedded after each epoch
    shuffle_window: int = 32  # shards held in memory and shuffled together
    # between checkpoints inside an epoch, of 2,384 steps on Recipe1M; null: only after each epoch
    checkpoint_steps: int | None = 500
    hang_minutes: float | None = 30.0  # without a finished step: stacks are written; null: never
    # between pictures of the hardest val negatives in TensorBoard, besides the first and the last
    # epoch's; null: none at all
    picture_epochs: int | None = 10

    def __post_init__(self) -> None:
        _require(
            self,
            ("num_epochs", self.num_epochs >= 1, ">= 1"),
            ("global_batch_size", self.global_batch_size >= 2, ">= 2"),
            ("learning_rate", self.learning_rate > 0, "> 0"),
            (
                "backbone_learning_rate",
                self.backbone_learning_rate is None or self.backbone_learning_rate > 0,
                "> 0 or null",
            ),
            ("weight_decay", self.weight_decay >= 0, ">= 0"),
            ("warmup_steps", self.warmup_steps >= 0, ">= 0"),
            ("lr_drop_patience", self.lr_drop_patience >= 1, ">= 1"),
            ("lr_drop_factor", 0 < self.lr_drop_factor < 1, "in (0, 1)"),
            ("stop_patience", self.stop_patience >= 1, ">= 1"),
            ("freeze_epochs", self.freeze_epochs >= 1, ">= 1"),
            (
                "micro_batch_size",
                self.micro_batch_size is None or self.micro_batch_size >= 1,
                ">= 1 or null",
            ),
            ("max_val_pairs", self.max_val_pairs >= 2, ">= 2"),
            ("shuffle_window", self.shuffle_window >= 1, ">= 1"),
            (
                "checkpoint_steps",
                self.checkpoint_steps is None or self.checkpoint_steps >= 1,
                ">= 1 or null",
            ),
            (
                "hang_minutes",
                self.hang_minutes is None or self.hang_minutes > 0,
                "> 0 or null",
            ),
            (
                "picture_epochs",
                self.picture_epochs is None or self.picture_epochs >= 1,
                ">= 1 or null",
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluateConfig:
    """The protocol of METHOD 6."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    gallery_sizes: tuple[int, ...] = (1000, 10_000)  # pairs; sizes above the partition are cut
    num_repeats: int = 10  # galleries drawn per size

    def __post_init__(self) -> None:
        _require(
            self,
            ("gallery_sizes", all(n >= 2 for n in self.gallery_sizes), "a list of numbers >= 2"),
            ("num_repeats", self.num_repeats >= 1, ">= 1"),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunConfig:
    """One run: everything that decides its numbers."""

    __pydantic_config__: ClassVar[ConfigDict] = STRICT

    name: str = "seje"
    seed: int = 0
    data: DataConfig = field(default_factory=DataConfig)
    calibrate: CalibrateConfig = field(default_factory=CalibrateConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    evaluate: EvaluateConfig = field(default_factory=EvaluateConfig)
    tune: TuneConfig = field(default_factory=TuneConfig)

    def __post_init__(self) -> None:
        own, categorizer = self.model.backbone, self.calibrate.image_categorizer
        pixels = ("name", "resize", "crop")
        is_same = all(getattr(own, k) == getattr(categorizer.backbone, k) for k in pixels)
        if own.weights == CATEGORIZER and not (self.model.freeze_backbone and is_same):
            raise ValueError(
                "model.backbone.weights categorizer: expected model.freeze_backbone and the name, "
                "resize and crop of calibrate.image_categorizer.backbone, found "
                f"freeze_backbone {self.model.freeze_backbone} and "
                f"{own.name}, {own.resize}, {own.crop}"
            )
        valid = self.name.translate(str.maketrans("", "", "-_.+")).isalnum()
        _require(
            self,
            ("name", valid and self.name[0] != ".", "letters, digits, '-', '_', '.' and '+'"),
            ("seed", 0 <= self.seed < 2**31, "in [0, 2**31)"),
        )
        if self.model.recipe_encoder == "transformer":
            _require(
                self.calibrate,
                (
                    "text_vectors",
                    self.calibrate.text_vectors,
                    "true where model.recipe_encoder is transformer: calibrate with --set "
                    "calibrate.text_vectors=true --set calibrate.text_model=FOLDER_OR_HUB_NAME",
                ),
            )
        if self.model.freeze_backbone:
            _require(
                self.train,
                (
                    "micro_batch_size",
                    self.train.micro_batch_size is None,
                    "null where model.freeze_backbone is true",
                ),
            )
