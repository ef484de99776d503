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
    "es": ("Artículo 1.\n1. España se constituye.\n2. La soberanía.\nArtículo 2.\nLa Constitución.\nCAPÍTULO PRIMERO\nDe los españoles\nArtículo 11.\n1. La nacionalidad:\na) uno;\nb) dos.\nArtículo 12 bis. Otro.\n", "ART-1 ART-1/N-1 ART-1/N-2 ART-2 CH-1 ART-11 ART-11/N-1 ART-11/N-1/L-a ART-11/N-1/L-b ART-12bis"),
    "pt": ("Art. 1º A República Federativa\nI - a soberania;\nII - a cidadania;\nParágrafo único. Todo o poder\nArt. 2º São Poderes\n§ 1º Texto\n§ 2º Outro\n", "ART-1 ART-1/R-I ART-1/R-II ART-2 ART-2/PAR-1 ART-2/PAR-2"),
    "pl": ("Rozdział I\nRZECZPOSPOLITA\nArt. 1.\nRzeczpospolita\nArt. 2.\n1. Jeden.\n2. Dwa:\n1) raz,\n2) dwa.\n", "CH-1 ART-1 ART-2 ART-2/N-1 ART-2/N-2 ART-2/N-2/NH-1 ART-2/N-2/NH-2"),
    "jp": ("第一章\u3000天皇\n第一条\u3000天皇は、日本国の象徴\n第二条\u3000皇位は、\n２\u3000次項\n第二条の二\u3000追加\n第三条\u3000天皇の\n", "CH-1 ART-1 ART-2 ART-2/WP-2 ART-2-2 ART-3"),
    "cn": ("第一章 总纲\n第一条 中华人民共和国\n第二条 一切权力\n（一）甲；\n（二）乙。\n第二十三条之一 新\n", "CH-1 ART-1 ART-2 ART-2/IB-1 ART-2/IB-2"),
    "kr": ("제1장 총강\n제1조 ① 대한민국은\n제2조(국적) ① 국민\n제2조의2 추가\n", "CH-1 ART-1 ART-1/C-1 ART-2 ART-2/C-1 ART-2-2"),
    "ar": ("الباب الأول\nالمادة 1\nنص\nالمادة (٢)\nنص\nالمادة ٣:\nنص\n", "CH-1 ART-1 ART-2 ART-3"),
    "fa": ("فصل اول\nاصل ۱\nمتن\nاصل ۲\nمتن\nماده ۱ - متن\n", "CH-1 ART-1 ART-2"),
    "hi": ("भाग 1\nअनुच्छेद १. नाम\nअनुच्छेद २. नए\n", "PART-1 ART-1 ART-2"),
    "th": ("หมวด ๑\nบททั่วไป\nมาตรา ๑ ประเทศไทย\nมาตรา ๒ ประเทศไทย\n(๑) ก\n(๒) ข\n", "CH-1 ART-1 ART-2 ART-2/NB-1 ART-2/NB-2"),
    "ru": ("Глава 1. Основы\nСтатья 1\n1. Россия\n2. Наименования\nСтатья 2.\nа) раз;\nб) два;\nСтатья 2.1. Новая\nСтатья 3\n", "CH-1 ART-1 ART-1/N-1 ART-1/N-2 ART-2 ART-2/L-а ART-2/L-б ART-2.1 ART-3"),
    "ua": ("Розділ I\nЗагальні\nСтаття 1. Україна\nСтаття 2. Суверенітет\nСтаття 2-1. Ще\n", "SECTION-1 ART-1 ART-2 ART-2-1"),
    "gr": ("ΜΕΡΟΣ ΠΡΩΤΟ\nΆρθρο 1\n1. Το πολίτευμα\nα) ένα\nβ) δύο\nΆρθρο 2\n", "PART-1 ART-1 ART-1/N-1 ART-1/N-1/L-α ART-1/N-1/L-β ART-2"),
    "tr": ("BİRİNCİ KISIM\nMADDE 1- Türkiye\nMADDE 2- (1) Türkiye\n(2) iki\n", "PART-1 ART-1 ART-2 ART-2/NB-1 ART-2/NB-2"),
    "fi": ("1 luku\nValtiojärjestyksen perusteet\n1 §\nValtiosääntö\nSuomi on\n2 §\nKansanvaltaisuus\n2 a §\nUusi\n", "CH-1 ART-1 ART-2 ART-2a"),
    "se": ("1 kap. Statsskickets grunder\n1 § All offentlig makt\n2 § Den offentliga\n2 kap. Fri\n1 § Var och en\n2 § Ingen\n", "CH-1 CH-1/ART-1 CH-1/ART-2 CH-2 CH-2/ART-1 CH-2/ART-2"),
    "hu": ("1. § (1) Az\n(2) A\n2. § Ez\na) egy\nb) két\n", "ART-1 ART-1/NB-1 ART-1/NB-2 ART-2 ART-2/L-a ART-2/L-b"),
    "si": ("I. SPLOŠNE DOLOČBE\n1. člen\nSlovenija je\n2. člen\nSlovenija\n", "CH-I ART-1 ART-2"),
    "cz": ("HLAVA PRVNÍ\nČl. 1\n(1) Česká\n(2) Druhá\nČl. 2\n§ 3\n", "CH-1 ART-1 ART-1/NB-1 ART-1/NB-2 ART-2 ART-2/PAR-3"),
    "id": ("BAB I\nBENTUK\nPasal 1\n(1) Negara\n(2) Kedaulatan\nPasal 2\na. satu;\nb. dua.\n", "CH-1 ART-1 ART-1/NB-1 ART-1/NB-2 ART-2 ART-2/LD-a ART-2/LD-b"),
    "he": ("סעיף 1. א\nסעיף 2. ב\n", "ART-1 ART-2"),
    "ka": ("თავი I\nმუხლი 1. ა\nმუხლი 2. ბ\n", "CH-1 ART-1 ART-2"),
    "nl": ("Hoofdstuk 1. Grond\nArtikel 1\nAllen\nArtikel 2\n1. De wet\n2. De\n", "CH-1 ART-1 ART-2 ART-2/N-1 ART-2/N-2"),
    "lv": ("1. nodaļa. Vis\n1. pants. Latvija\n2. pants. Valsts\n", "CH-1 ART-1 ART-2"),
    "pl2": ("Art. 1. § 1. Jeden.\n§ 2. Dwa.\nArt. 2. § 1. Raz.\n§ 2. Dwa.\n", "ART-1 ART-1/PAR-1 ART-1/PAR-2 ART-2 ART-2/PAR-1 ART-2/PAR-2"),
    "br": ("Art. 1º Texto\n§ 1º Um\n§ 2º Dois\nArt. 2º Texto\n§ 1º Um\nArt. 3º Fim\n", "ART-1 ART-1/PAR-1 ART-1/PAR-2 ART-2 ART-2/PAR-1 ART-3"),
    "dk": ("Kapitel 1\nAlmindelige\n§ 1. Loven\nStk. 2. Mere\n§ 2. Andet\nStk. 2. Mere\nStk. 3. Og\n§ 3. x\n", "CH-1 PAR-1 PAR-1/STK-2 PAR-2 PAR-2/STK-2 PAR-2/STK-3 PAR-3"),
    "ua2": ("Стаття 1. А\nСтаття 2. Б\nСтаття 2¹. В\nСтаття 3. Г\n", "ART-1 ART-2 ART-2-1 ART-3"),
    "jp2": ("第一条\u3000甲は\n２\u3000前項\n３\u3000後項\n一\u3000い\n二\u3000ろ\n第二条\u3000乙\n", "ART-1 ART-1/WP-2 ART-1/WP-3 ART-1/WP-3/I-1 ART-1/WP-3/I-2 ART-2"),
    "kr2": ("제1조(목적) 이 법은\n제2조(정의) ① 갑\n② 을\n1. 하나\n2. 둘\n제3조(기타) x\n", "ART-1 ART-2 ART-2/C-1 ART-2/C-2 ART-2/C-2/N-1 ART-2/C-2/N-2 ART-3"),
    "si2": ("I. SPLOŠNE DOLOČBE\n1. člen\na\n2. člen\nb\nII. DRUGO\n3. člen\nc\n", "CH-I ART-1 ART-2 CH-II ART-3"),
    "fr2": ("TITRE Ier\nX\nArticle 1er\na\nArticle 2\nb\nTITRE II\nArticle 3\n", "TITLE-1 ART-1 ART-2 TITLE-2 ART-3"),
    "ke": ("PART I—PRELIMINARY\n1. (1) This Act\n(2) It\n2. In this Act\nSection 5 of the Act applies.\n3. x\n4. y\n", "PART-1 S-1 S-1/NB-1 S-1/NB-2 S-2 S-3 S-4"),
    "ee": ("1. peatükk\nÜLD\n§ 1. A\n(1) a\n§ 2. B\n", "CH-1 CH-1/PAR-1 CH-1/PAR-1/NB-1 CH-1/PAR-2"),
    "bg": ("Глава първа\nОСНОВИ\nЧл. 1. (1) А\n(2) Б\nЧл. 2. (1) В\n", "CH-1 ART-1 ART-1/NB-1 ART-1/NB-2 ART-2 ART-2/NB-1"),
    "no": ("§ 1. A\n§ 2. B\n§ 2a. C\n§ 3. D\n", "PAR-1 PAR-2 PAR-2a PAR-3"),
    "gr2": ("ΑΡΘΡΟ 1\nα\nΑΡΘΡΟ 2\nβ\n", "ART-1 ART-2"),
}  # fmt: skip


@pytest.mark.parametrize("language", TEXTS)
def test_a_law_of_a_country_without_a_profile_has_its_units(language: str) -> None:
    text, addresses = TEXTS[language]
    marked = mark_text(text.encode(), INTL, code="X")
    assert " ".join(unit.address.removeprefix("X/") for unit in marked.candidates) == addresses
    assert marked.coverage.unaccounted_bytes == 0


@pytest.mark.parametrize("language", sorted(set(TEXTS) - {"fi", "no", "dk", "ee", "fr2", "ke"}))
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


def addresses(text: str, profile: str) -> str:
    marked = mark_text(text.encode(), parse_profile(shipped(profile)), code="X")
    return " ".join(unit.address.removeprefix("X/") for unit in marked.candidates)


def test_paragraphs_that_start_anew_between_numbers_stand_below_them() -> None:
    text = (
        "Art. 1 Übergang\n1. Zu Art. 5\n1 Eins.\n2 Zwei.\n2. Zu Art. 6\n1 Eins.\n2 Zwei.\n"
        "3. Zu Art. 7\nText.\nArt. 2\n1 Eins.\n2 Zwei:\na. so;\nb. so.\n"
    )
    assert addresses(text, "ch") == (
        "ART-1 ART-1/ZIFF-1 ART-1/ZIFF-1/ABS-1 ART-1/ZIFF-1/ABS-2 ART-1/ZIFF-2 ART-1/ZIFF-2/ABS-1"
        " ART-1/ZIFF-2/ABS-2 ART-1/ZIFF-3 ART-2 ART-2/ABS-1 ART-2/ABS-2 ART-2/ABS-2/BST-a"
        " ART-2/ABS-2/BST-b"
    )


def test_a_way_of_counting_may_come_again_further_down() -> None:
    text = "Article 1\n1. One.\n2. Two:\n(a) this:\n1. so;\n2. so;\n(b) that.\n3. Three.\nArticle 2\nX.\n"
    assert addresses(text, "en-common") == (
        "ART-1 ART-1/N-1 ART-1/N-2 ART-1/N-2/LB-a ART-1/N-2/LB-a/N-1 ART-1/N-2/LB-a/N-2"
        " ART-1/N-2/LB-b ART-1/N-3 ART-2"
    )


@pytest.mark.parametrize("letters", ["abcdefghiklm", "abcdefghilm", "abcdefghijklm"])
def test_lists_may_leave_out_letters_that_their_language_does_not_count(letters: str) -> None:
    points = "".join(f"{letter}) voce;\n" for letter in letters)
    found = addresses(f"Art. 1\n1. Elenco:\n{points}Art. 2\nFine.\n", "intl")
    assert found.split() == [
        "ART-1",
        "ART-1/N-1",
        *(f"ART-1/N-1/L-{letter}" for letter in letters),
        "ART-2",
    ]


def test_a_part_inside_a_chapter_and_a_chapter_inside_a_part() -> None:
    inside = (
        "CHAPTER 1\nA\nPart 1\nB\n1. One\nPart 2\nC\n2. Two\nCHAPTER 2\nD\nPart 1\nE\n3. Three\n"
    )
    assert addresses(inside, "en-common") == (
        "CH-1 CH-1/PART-1 S-1 CH-1/PART-2 S-2 CH-2 CH-2/PART-1 S-3"
    )
    outside = (
        "PART 1\nA\nChapter 1\nB\n1. One\nChapter 2\nC\n2. Two\nPART 2\nD\nChapter 1\nE\n3. X\n"
    )
    assert addresses(outside, "en-common") == (
        "PART-1 PART-1/CH-1 S-1 PART-1/CH-2 S-2 PART-2 PART-2/CH-1 S-3"
    )
