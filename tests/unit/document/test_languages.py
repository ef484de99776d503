"""Short laws in many languages and scripts, cut by the profile for any country."""

import pytest

from cutter_agent.document.detect import best_profile, score_profiles
from cutter_agent.document.grammar import parse_profile
from cutter_agent.document.marks import mark_text
from cutter_agent.document.profiles import shipped, shipped_names
from cutter_agent.errors import StopOverSize

INTL = parse_profile(shipped("intl"))
PROFILES = [parse_profile(shipped(name)) for name in shipped_names()]
TEXTS = {
    "es": (
        ("Artículo 1.\n" "1. España se constituye.\n" "2. La soberanía.\n" "Artículo 2.\n" "La Constitución.\n" "CAPÍTULO PRIMERO\n" "De los españoles\n" "Artículo 11.\n" "1. La nacionalidad:\n" "a) uno;\n" "b) dos.\n" "Artículo 12 bis. Otro.\n"),
        "ART-1 ART-1/N-1 ART-1/N-2 ART-2 CH-1 ART-11 ART-11/N-1 ART-11/N-1/L-a ART-11/N-1/L-b ART-12bis",
    ),
    "pt": (
        ("Art. 1º A República Federativa\n" "I - a soberania;\n" "II - a cidadania;\n" "Parágrafo único. Todo o poder\n" "Art. 2º São Poderes\n" "§ 1º Texto\n" "§ 2º Outro\n"),
        "ART-1 ART-1/R-I ART-1/R-II ART-2",
    ),
    "pl": (
        ("Rozdział I\n" "RZECZPOSPOLITA\n" "Art. 1.\n" "Rzeczpospolita\n" "Art. 2.\n" "1. Jeden.\n" "2. Dwa:\n" "1) raz,\n" "2) dwa.\n"),
        "CH-1 ART-1 ART-2 ART-2/N-1 ART-2/N-2 ART-2/N-2/NH-1 ART-2/N-2/NH-2",
    ),
    "jp": (
        ("第一章\u3000天皇\n" "第一条\u3000天皇は、日本国の象徴\n" "第二条\u3000皇位は、\n" "２\u3000次項\n" "第二条の二\u3000追加\n" "第三条\u3000天皇の\n"),
        "CH-1 ART-1 ART-2 ART-2-2 ART-3",
    ),
    "cn": (
        ("第一章 总纲\n" "第一条 中华人民共和国\n" "第二条 一切权力\n" "（一）甲；\n" "（二）乙。\n" "第二十三条之一 新\n"),
        "CH-1 ART-1 ART-2 ART-2/IB-1 ART-2/IB-2",
    ),
    "kr": (
        ("제1장 총강\n" "제1조 ① 대한민국은\n" "제2조(국적) ① 국민\n" "제2조의2 추가\n"),
        "CH-1 ART-1 ART-2 ART-2-2",
    ),
    "ar": (
        ("الباب الأول\n" "المادة 1\n" "نص\n" "المادة (٢)\n" "نص\n" "المادة ٣:\n" "نص\n"),
        "CH-1 ART-1 ART-2 ART-3",
    ),
    "fa": (
        ("فصل اول\n" "اصل ۱\n" "متن\n" "اصل ۲\n" "متن\n" "ماده ۱ - متن\n"),
        "CH-1 ART-1 ART-2",
    ),
    "hi": (
        ("भाग 1\n" "अनुच्छेद १. नाम\n" "अनुच्छेद २. नए\n"),
        "PART-1 ART-1 ART-2",
    ),
    "th": (
        ("หมวด ๑\n" "บททั่วไป\n" "มาตรา ๑ ประเทศไทย\n" "มาตรา ๒ ประเทศไทย\n" "(๑) ก\n" "(๒) ข\n"),
        "CH-1 ART-1 ART-2 ART-2/NB-1 ART-2/NB-2",
    ),
    "ru": (
        ("Глава 1. Основы\n" "Статья 1\n" "1. Россия\n" "2. Наименования\n" "Статья 2.\n" "а) раз;\n" "б) два;\n" "Статья 2.1. Новая\n" "Статья 3\n"),
        "CH-1 ART-1 ART-1/N-1 ART-1/N-2 ART-2 ART-2/L-а ART-2/L-б ART-2.1 ART-3",
    ),
    "ua": (
        ("Розділ I\n" "Загальні\n" "Стаття 1. Україна\n" "Стаття 2. Суверенітет\n" "Стаття 2-1. Ще\n"),
        "CH-1 ART-1 ART-2 ART-2-1",
    ),
    "gr": (
        ("ΜΕΡΟΣ ΠΡΩΤΟ\n" "Άρθρο 1\n" "1. Το πολίτευμα\n" "α) ένα\n" "β) δύο\n" "Άρθρο 2\n"),
        "ART-1 ART-1/N-1 ART-1/N-1/L-α ART-1/N-1/L-β ART-2",
    ),
    "tr": (
        ("BİRİNCİ KISIM\n" "MADDE 1- Türkiye\n" "MADDE 2- (1) Türkiye\n" "(2) iki\n"),
        "ART-1 ART-2 ART-2/NB-1 ART-2/NB-2",
    ),
    "fi": (
        ("1 luku\n" "Valtiojärjestyksen perusteet\n" "1 §\n" "Valtiosääntö\n" "Suomi on\n" "2 §\n" "Kansanvaltaisuus\n" "2 a §\n" "Uusi\n"),
        "CH-1 ART-1 ART-2",
    ),
    "se": (
        ("1 kap. Statsskickets grunder\n" "1 § All offentlig makt\n" "2 § Den offentliga\n" "2 kap. Fri\n" "1 § Var och en\n" "2 § Ingen\n"),
        "CH-1 CH-1/ART-1 CH-1/ART-2 CH-2 CH-2/ART-1 CH-2/ART-2",
    ),
    "hu": (
        ("1. § (1) Az\n" "(2) A\n" "2. § Ez\n" "a) egy\n" "b) két\n"),
        "ART-1 ART-1/NB-1 ART-1/NB-2 ART-2 ART-2/L-a ART-2/L-b",
    ),
    "si": (
        ("I. SPLOŠNE DOLOČBE\n" "1. člen\n" "Slovenija je\n" "2. člen\n" "Slovenija\n"),
        "ART-1 ART-2",
    ),
    "cz": (
        ("HLAVA PRVNÍ\n" "Čl. 1\n" "(1) Česká\n" "(2) Druhá\n" "Čl. 2\n" "§ 3\n"),
        "CH-1 ART-1 ART-1/NB-1 ART-1/NB-2 ART-2 ART-3",
    ),
    "id": (
        ("BAB I\n" "BENTUK\n" "Pasal 1\n" "(1) Negara\n" "(2) Kedaulatan\n" "Pasal 2\n" "a. satu;\n" "b. dua.\n"),
        "CH-1 ART-1 ART-1/NB-1 ART-1/NB-2 ART-2 ART-2/LD-a ART-2/LD-b",
    ),
    "he": (
        ("סעיף 1. א\n" "סעיף 2. ב\n"),
        "ART-1 ART-2",
    ),
    "ka": (
        ("თავი I\n" "მუხლი 1. ა\n" "მუხლი 2. ბ\n"),
        "CH-1 ART-1 ART-2",
    ),
    "nl": (
        ("Hoofdstuk 1. Grond\n" "Artikel 1\n" "Allen\n" "Artikel 2\n" "1. De wet\n" "2. De\n"),
        "CH-1 ART-1 ART-2 ART-2/N-1 ART-2/N-2",
    ),
    "lv": (
        ("1. nodaļa. Vis\n" "1. pants. Latvija\n" "2. pants. Valsts\n"),
        "CH-1 ART-1 ART-2",
    ),
}  # fmt: skip


@pytest.mark.parametrize("language", TEXTS)
def test_a_law_of_a_country_without_a_profile_has_its_units(language: str) -> None:
    text, addresses = TEXTS[language]
    marked = mark_text(text.encode(), INTL, code="X")
    assert " ".join(unit.address.removeprefix("X/") for unit in marked.candidates) == addresses
    assert marked.coverage.unaccounted_bytes == 0


@pytest.mark.parametrize("language", sorted(set(TEXTS) - {"fi"}))
def test_the_detection_prefers_the_general_profile_for_them(language: str) -> None:
    text, _ = TEXTS[language]
    assert best_profile(text.encode(), PROFILES)[0].name == "intl"


def test_sections_by_bare_number_are_articles_where_no_word_makes_any() -> None:
    text = (
        "PART I\nPRELIMINARY\n1. Short title.—This Act may be cited so.\n"
        "2. Definitions.—In this Act,\n(a) reader means a person;\n(b) library means a place.\n"
        "3. Duty.—Every reader shall be quiet.\n"
    )
    marked = mark_text(text.encode(), parse_profile(shipped("en-common")), code="X")
    assert [unit.address for unit in marked.candidates if unit.kind == "article"] == [
        "X/S-1",
        "X/S-2",
        "X/S-3",
    ]


def test_the_detection_says_why_and_is_ordered() -> None:
    text = "Chương I\nCHUNG\nĐiều 1. Một\n1. A.\n2. B.\nĐiều 2. Hai\nĐiều 3. Ba\n"
    scores = score_profiles(text.encode(), PROFILES)
    assert scores[0].name == "vn-law"
    assert "3 Điều" in scores[0].reason
    assert [score.score for score in scores] == sorted(
        (score.score for score in scores), reverse=True
    )


def test_a_text_without_units_has_no_profile() -> None:
    with pytest.raises(StopOverSize, match="no profile"):
        best_profile(b"nothing here\n", PROFILES)


def test_a_long_text_is_judged_by_its_beginning() -> None:
    text = "".join(f"Điều {n}. Tên\nLời văn của điều này.\n" for n in range(1, 20_000))
    assert best_profile(text.encode(), PROFILES)[0].name in ("vn-law", "vn-constitution")
