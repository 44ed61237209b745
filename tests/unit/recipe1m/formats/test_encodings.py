"""Encodings of one byte per letter: read where only one fits, else named with the way to go on."""

import json

import pytest

from seje_ray.recipe1m.formats.encodings import encoding_of
from seje_ray.recipe1m.records import Recipe
from seje_ray.recipe1m.source import open_source

WESTERN = {
    "English": "Crème fraîche, sautéed jalapeños, ½ cup Gruyère at 180 °C",
    "French": "Crème brûlée à la vanille; où mettre le pâté, le maïs, l'œuf? Ère du goût, dès août",
    "German": "Käsespätzle mit Röstzwiebeln, süße Soße für Gäste",
    "Italian": "Più tiramisù: metà caffè, così è più buono, però può bollire; ragù, lunedì",
    "Spanish": "Piña colada, jalapeño, azúcar, limón y pimentón según la ocasión",
    "Portuguese": "Pão de maçã com limões, feijões e corações; amanhã, irmãs, melão, cãibra",
    "Danish": "Rødgrød med fløde, smørrebrød og blåbær på brød, grønkål i æbler",
    "Swedish": "Köttbullar, räksmörgås, gräddsås, smör över potatisen på språng",
    "Catalan": "Pa amb tomàquet, crema catalana, còctel, raïm, coliflor, força mongètes",
}
OTHERS = [
    ("cp1254", "WINDOWS-1254", "Yoğurt çorba: şeker, soğan, güneşte pişirin"),
    ("cp1250", "WINDOWS-1250", "Bramboračka: česnek, sůl, měkké brambory. Vařte, podávejte, dýně"),
    ("cp1250", "WINDOWS-1250", "Őrölt bors, vöröshagyma, sűrű tejföl, főzzük meg"),
    ("cp1250", "WINDOWS-1250", "Smântână, sare, pătrunjel. Fierbeţi, serviţi ciorbă"),
]  # fmt: skip


@pytest.mark.parametrize("language", WESTERN)
def test_western_languages_are_read_as_windows_1252(language):
    """Their letters stand where those of no other page would."""
    assert encoding_of(WESTERN[language].encode("cp1252")).codec == "cp1252"


@pytest.mark.parametrize(("codec", "likely", "text"), OTHERS)
def test_other_pages_of_one_byte_are_not_taken_for_windows_1252(tmp_path, codec, likely, text):
    """Their records are rejected; the line names the command that helps, and it does."""
    path = tmp_path / "own.csv"
    path.write_bytes(f"id,title,ingredients\n0,{text.replace(',', ';')},x\n".encode(codec))
    source = open_source(path)
    (reject,) = source.read()
    assert reject.reason == "invalid_unicode"
    assert f"iconv -f {likely} -t UTF-8" in source.notes.recognition()
    path.write_text(path.read_bytes().decode(likely.replace("WINDOWS-", "cp")), encoding="utf-8")
    (recipe,) = open_source(path).read()
    assert recipe.title == text.replace(",", ";")


@pytest.mark.parametrize("charset", ["windows-1250", "iso-8859-2", "UTF-8"])
def test_a_page_says_its_encoding(tmp_path, charset):
    """In its head; UTF-8 that is there wins over what is said."""
    recipe = {"@type": "Recipe", "name": "Bramboračka", "recipeIngredient": ["česnek", "sůl"]}
    script = json.dumps(recipe, ensure_ascii=False)
    for said in (charset, "windows-1250") if charset == "UTF-8" else (charset,):
        page = f"<html><head><meta charset='{said}'></head>"
        page += f"<script type='application/ld+json'>{script}</script></html>"
        (tmp_path / "page.html").write_bytes(page.encode(charset))
        (found,) = open_source(tmp_path / "page.html").read()
        assert isinstance(found, Recipe)
        assert (found.title, found.ingredients) == ("Bramboračka", ("česnek", "sůl"))
