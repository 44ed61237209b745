"""The operators that ``benchmarks.operators`` measures, and on how many rows."""

from dataclasses import dataclass

from seje_ray.pipeline.transform_steps import AddImageFeatures, AddSentenceVectors, AddTextFeatures


@dataclass(frozen=True, slots=True)
class Case:
    """An operator and how much of it is measured."""

    name: str
    settings: tuple[str, ...]  # of the run
    stage: type  # of ``transform``
    gpu_share: float
    rows: int  # on Ray
    plain_rows: int  # in each plain loop
    per_shard: int  # rows

    @property
    def reads_photos(self) -> bool:
        """Whether a row is a photo, not a recipe."""
        return self.stage is AddImageFeatures


NO_ACTIONS = "calibrate.actions=none"
CATEGORIZER = "calibrate.image_categorizer.backbone"
LITE0 = (f"{CATEGORIZER}.name=timm/tf_efficientnet_lite0",)
SMALL = (
    f"{CATEGORIZER}.name=timm/test_resnet",
    f"{CATEGORIZER}.resize=72",
    f"{CATEGORIZER}.crop=64",
)
FROZEN = (*LITE0, "model.freeze_backbone=true", "model.backbone.name=timm/tf_efficientnet_lite0")
BILSTM = (NO_ACTIONS, "calibrate.tagger=bilstm")
TEXTRANK = ("calibrate.actions=content_words", "calibrate.rater=textrank")
BERT = (NO_ACTIONS, "calibrate.rater=bert")
TRANSFORMER = ("calibrate.sentence_encoder.backend=transformer",)
TEXT, SENTENCES, PHOTO = AddTextFeatures, AddSentenceVectors, AddImageFeatures
CPU, NETWORK = 0.0, 1.0
CASES = (
    Case("entities of det_ingrs, TF-IDF", (NO_ACTIONS,), TEXT, CPU, 102_400, 40_960, 256),
    Case("the same, 1,024 to a shard", (NO_ACTIONS,), TEXT, CPU, 102_400, 40_960, 1_024),
    Case("entities by BiLSTM, TF-IDF", BILSTM, TEXT, CPU, 40_960, 20_480, 256),
    Case("with actions by POS", (), TEXT, CPU, 20_480, 4_096, 128),
    Case("with content words, TextRank", TEXTRANK, TEXT, CPU, 81_920, 40_960, 256),
    Case("entities, BERT rater", BERT, TEXT, NETWORK, 8_000, 768, 64),
    Case("skip-instructions", (), SENTENCES, NETWORK, 20_480, 2_048, 128),
    Case("sentence transformer", TRANSFORMER, SENTENCES, NETWORK, 2_048, 512, 32),
    Case("categorizer, test_resnet 64 px", SMALL, PHOTO, NETWORK, 20_480, 10_240, 256),
    Case("categorizer, lite0 224 px", LITE0, PHOTO, NETWORK, 2_048, 768, 64),
    Case("categorizer and frozen lite0", FROZEN, PHOTO, NETWORK, 1_024, 768, 64),
    Case("categorizer, wide_resnet50_2", (), PHOTO, NETWORK, 256, 192, 16),
)
