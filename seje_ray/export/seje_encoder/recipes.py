"""From the text of a recipe to its unit row.

Letters: E dimensions of a word vector, H of a line's, D of the joint space, S steps.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from .heads import SLOPE, Weights, beside_ridge, part, unit_rows
from .key_terms import KeyTermReader
from .lexical import TermBag
from .line_tagger import LineMarker
from .towers import PartTransformers, SentenceLstm, SentencesLstm, SentenceTransformer, TextNetwork
from .words import Words

FIELDS: Mapping[str, Any] = {"title": "", "ingredients": (), "instructions": (), "entities": None}

Recipe = Mapping[str, Any]  # title, ingredients, instructions, entities
Tower = Callable[[Recipe], Tensor]


class RecipeSide:
    """Embeds recipes: tower ++ f_term ++ lexical bag, each where the model has it, then a head.

    Args:
        config: Of the folder.
        vocabulary: Of the folder.
        weights: Of the folder.
        folder: Where a tokenizer or a text model lies.
        device: Where to compute.
    """

    def __init__(
        self,
        config: Mapping[str, Any],
        vocabulary: Mapping[str, Any],
        weights: Weights,
        folder: Path,
        device: str,
    ) -> None:
        self._config, self._weights, self._device = config["recipe"], weights, device
        self._vocabulary, self._folder = vocabulary, folder
        self._words = Words(vocabulary["rules"])
        self._sentence_transformer: SentenceTransformer | None = None
        if self._config["text_model"] is not None:
            limit = self._config["text_model"]["max_tokens"]
            self._sentence_transformer = SentenceTransformer(folder / "text_model", limit, device)
        self._sentences: Callable[[Recipe], Tensor] | None = None  # give f_sent
        self._tower, self._key_terms = self._tower_of(), self._key_terms_of()
        self._head = part(weights, "recipe_head")
        self._key_term_layer = part(weights, "key_terms")
        self._bag = self._bag_of()

    def embed(self, recipe: Recipe) -> Tensor:
        """Unit row (1, D)."""
        if unknown := recipe.keys() - FIELDS.keys():
            raise ValueError(f"a recipe has {', '.join(FIELDS)}; found {', '.join(unknown)}")
        whole = {**FIELDS, **recipe}
        prepared = self._prepared(whole)
        parts = []
        if self._tower is not None:
            parts.append(self._tower(whole))
        if self._key_terms is not None:
            parts.append(self._key_term_row(self._key_terms.vector(prepared)))
        if self._bag is not None:
            parts.append(self._bag.row(*self._bag.of(prepared)))
        rows = unit_rows(self._config["head"], self._head, torch.cat(parts, dim=1))
        share = self._config["ridge_share"]
        return beside_ridge(share, rows, parts[-1]) if share else rows

    def inputs(self, recipe: Recipe) -> dict[str, np.ndarray]:
        """What recipe_encoder.onnx takes of one recipe."""
        whole = {**FIELDS, **recipe}
        prepared = self._prepared(whole)
        found: dict[str, np.ndarray] = {}
        if self._sentences is not None:
            vectors = self._sentences(whole).cpu().numpy()
            padding = np.zeros((1, vectors.shape[1]), np.float32)
            found["sentence_vectors"] = np.concatenate([vectors, padding])[None]
            found["num_sentences"] = np.array([len(vectors)])
        if self._key_terms is not None:
            found["key_term_vectors"] = self._key_terms.vector(prepared)[None]
        if self._bag is not None:
            numbers, weights = self._bag.of(prepared)
            found["terms"] = np.append(numbers, 0)[None]
            found["weights"] = np.append(weights, np.float32(0))[None]
        return found

    def _prepared(self, recipe: Recipe) -> Recipe:
        """Words apart, and without stop words, where the language is not English."""
        content, entities = self._words.content, recipe["entities"]
        return {
            "title": content(recipe["title"]),
            "ingredients": [content(line, is_line=True) for line in recipe["ingredients"]],
            "instructions": [content(step) for step in recipe["instructions"]],
            "entities": entities and [(content(e, is_line=True), valid) for e, valid in entities],
        }

    def _key_term_row(self, vector: np.ndarray) -> Tensor:
        row = torch.from_numpy(vector)[None].to(self._device)
        if not self._key_term_layer:
            return row
        weight, bias = self._key_term_layer["weight"], self._key_term_layer["bias"]
        return F.leaky_relu(F.linear(row, weight, bias), SLOPE)

    def _bag_of(self) -> TermBag | None:
        if self._config["lexical"] is None:
            return None
        return TermBag(
            self._config["lexical"],
            self._vocabulary["terms"],
            self._vocabulary["term_stop_words"],
            self._weights["lexical_idf"].cpu().numpy(),
            part(self._weights, "lexical"),
        )

    def _key_terms_of(self) -> KeyTermReader | None:
        settings = self._config["key_terms"]
        if settings is None:
            return None
        marker = None
        if settings["tagger"] == "bilstm":
            marker = LineMarker(settings, part(self._weights, "line_tagger"), self._words)
        network = self._sentence_transformer if settings["rater"] == "bert" else None
        return KeyTermReader(
            settings,
            self._vocabulary,
            self._weights["word_vectors"].cpu().numpy(),
            self._words,
            spans=None if marker is None else marker.spans,
            encode=None if network is None else network.encode,
        )

    def _tower_of(self) -> Tower | None:
        settings, weights = self._config["tower"], part(self._weights, "tower")
        if settings is None:
            return None
        if settings["kind"] == "lstm":
            lstm = SentencesLstm(weights)
            sentences = self._sentences = self._sentences_of(settings)
            return lambda recipe: lstm.row(sentences(recipe))
        if settings["kind"] == "transformer":
            over_lines = PartTransformers(weights, settings["num_heads"])
            return lambda recipe: over_lines.row(
                [self._encoded(lines) for lines in self._parts(recipe)]
            )
        return self._text_tower(settings, weights)

    def _text_tower(self, settings: Mapping[str, Any], weights: Weights) -> Tower:
        is_hierarchical = settings["layout"] == "hierarchical"
        own = part(weights, "lines.network" if is_hierarchical else "network")
        network = TextNetwork(settings, own, self._folder / "tokenizer", self._device)
        longest: int = settings["format"]["max_length"]
        if not is_hierarchical:
            return lambda recipe: network.sequence(
                network.lines(self._parts(recipe)), settings["max_tokens"]
            )
        over_lines = PartTransformers(part(weights, "parts"), settings["num_heads"])

        def row(recipe: Recipe) -> Tensor:
            parts = network.lines(self._parts(recipe))
            if not any(parts):
                parts[0] = [[]]  # a recipe without a line has an empty title
            none = network.vector([], longest)[:0]
            return over_lines.row(
                [torch.cat([none, *(network.vector(t, longest) for t in one)]) for one in parts]
            )

        return row

    def _parts(self, recipe: Recipe) -> list[list[str]]:
        """Lines of title, ingredients and steps that are not blank."""
        steps = recipe["instructions"][: self._config["max_steps"]]
        parts = ([recipe["title"]], recipe["ingredients"], steps)
        return [[line for line in lines if line.strip()] for lines in parts]

    def _encoded(self, lines: Sequence[str]) -> Tensor:
        assert self._sentence_transformer is not None
        return torch.from_numpy(self._sentence_transformer.encode(lines)).to(self._device)

    def _sentences_of(self, settings: Mapping[str, Any]) -> Callable[[Recipe], Tensor]:
        """What gives f_sent of a recipe, (steps, H)."""
        size, most = settings["sentence_dim"], self._config["max_steps"]
        source = settings["sentences"]
        if source == "skip_instructions":
            weights = part(self._weights, "sentences")
            words = self._vocabulary["sentence_words"]
            lstm = SentenceLstm(words, weights, settings["max_sentence_tokens"])

        def vectors(recipe: Recipe) -> Tensor:
            steps = recipe["instructions"][:most]
            if source == "transformer":
                return self._encoded(steps)
            none = torch.zeros(len(steps), size, device=self._device)
            if source == "zeros" or not steps:
                return none
            content, tokens = self._words.content, self._words.tokens
            return torch.stack([lstm.vector(tokens(content(step))) for step in steps])

        return vectors
